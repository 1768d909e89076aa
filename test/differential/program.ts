// @effect-diagnostics globalConsole:off
/**
 * What both engines run: decodes the inputs of a batch, and prints a line for each: its milliseconds, a tab, and the
 * outcome in full.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { fromMessage } from "../../src/domain/LogRecord.ts"
import type { Outcome } from "../fuzz/target.ts"
import { agentTargets } from "../fuzz/targets.ts"
import { planted } from "./planted.ts"
import type { Job } from "./protocol.ts"
import { show } from "./show.ts"

const job: Job = JSON.parse(process.argv[2] ?? "")

type Run = (bytes: Uint8Array<ArrayBuffer>) => Effect.Effect<Outcome, never, Scope.Scope>

/** As the agent's own logger, which has its part in what a decoder costs and may throw. */
const logger = Logger.layer([Logger.make(({ message }) => fromMessage(message))])

const open = (name: string): Promise<Run> => {
  const target = [...agentTargets, planted].find((one) => one.name === name)
  if (target === undefined) throw new Error(`there is no target ${name}`)
  const directory = `${job.directory}/${name}`
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory)
  const server = {
    origin: job.origin,
    answer: (bytes: Uint8Array) => writeFileSync(`${job.directory}/answer`, bytes)
  }
  return Effect.runPromise(Scope.provide(target.open(directory, server), Scope.makeUnsafe()))
}

/**
 * A text without what differs between two runs on one engine, where the files are and the server's port; without the
 * words of two parsers of HTTP for what both refuse; and without those of libuv and two C libraries for an errno.
 */
const neutral = (text: string): string =>
  text
    .replaceAll(job.directory, "")
    .replaceAll(job.origin, "http://server")
    .replaceAll(/(?<=Parse Error)[^;"]*/g, "")
    .replaceAll(/\b(E[A-Z]{2,}\d?): [a-z/ -]+/g, "$1")

const lineOf = (exit: Exit.Exit<Outcome>): string =>
  Exit.isSuccess(exit)
    ? show(exit.value, neutral)
    : show({ _tag: "Defect", detail: Cause.prettyErrors(exit.cause).map(({ message }) => message).join("\n") }, neutral)

const runs = new Map<string, Run>()
for (const [number, name] of job.targets.entries()) {
  const run = runs.get(name) ?? await open(name)
  runs.set(name, run)
  const bytes = new Uint8Array(readFileSync(`${job.inputs}/${number}`))
  const started = performance.now()
  const exit = await Effect.runPromiseExit(
    run(bytes).pipe(
      Effect.scoped,
      Effect.provide(logger),
      Effect.provideService(References.MinimumLogLevel, "All")
    )
  )
  console.log(`${Math.round(performance.now() - started)}\t${lineOf(exit)}`)
}
