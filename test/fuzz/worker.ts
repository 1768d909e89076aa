import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { Worker } from "node:worker_threads"
import { fromMessage } from "../../src/domain/LogRecord.ts"
import { minimise, mutate } from "./mutate.ts"
import { plantedTargets } from "./planted.ts"
import * as Protocol from "./protocol.ts"
import * as Random from "./random.ts"
import { serve } from "./server.ts"
import { maximumParent, maximumPool, shapeOf, shapeOfOutcome } from "./shape.ts"
import type { Outcome, Target } from "./target.ts"
import { targets } from "./targets.ts"

/**
 * The child of a run: makes inputs, runs decoders on them, and says what became of them. The parent watches its time
 * and memory.
 */

const job: Protocol.Job = JSON.parse(process.argv[2] ?? "")

const tell = (message: Protocol.Message): void => {
  process.send?.(message)
}

/** What the agent's own logger does with a message happens here, too. */
const logger = Logger.layer([Logger.make(({ message }) => fromMessage(message))])

/** How often an input is run again to make it smaller. */
const triesOf = { defect: 3000, throw: 3000, time: job.tries, memory: job.tries }

/** The highest resident memory since the last reset, and the present one, in KiB (proc(5)). */
const memory = (): { readonly peak: number; readonly now: number } => {
  const status = Fs.readFileSync("/proc/self/status", "latin1")
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1])
  return { peak: field("VmHWM"), now: field("VmRSS") }
}

const resetPeak = (): void => Fs.writeFileSync("/proc/self/clear_refs", "5")

/** Ends this process when its parent is gone, even out of an endless loop, in which no event arrives. */
new Worker(
  `const parent = process.ppid
   setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, "SIGKILL") }, 1000)`,
  { eval: true }
).unref()

const current = Fs.openSync(`${job.directory}/${Protocol.currentName}`, "w")
let serial = 0

const show = (target: string, number: number, bytes: Uint8Array): void => {
  Fs.ftruncateSync(current, 0)
  Fs.writeSync(current, bytes, 0, bytes.length, Protocol.headerSize)
  Fs.writeSync(current, `${target} ${number} ${serial++} `.padEnd(Protocol.headerSize), 0)
}

/** What was thrown while no decoder was looking. */
let thrown: unknown
process.on("uncaughtException", (error) => {
  thrown = error ?? "nothing"
})

type Run = (bytes: Uint8Array<ArrayBuffer>) => Effect.Effect<Outcome, never, Scope.Scope>

interface Ran {
  readonly outcome: Outcome | undefined
  readonly wall: number
  readonly growth: number
  readonly broken: { readonly kind: keyof typeof triesOf; readonly detail: string } | undefined
}

const explain = (error: unknown): string => error instanceof Error ? error.stack ?? error.message : String(error)

const runOne = async (target: Target, run: Run, number: number, bytes: Uint8Array<ArrayBuffer>): Promise<Ran> => {
  show(target.name, number, bytes)
  thrown = undefined
  const before = memory().now
  resetPeak()
  const cpu = process.cpuUsage()
  const started = performance.now()
  const exit = await Effect.runPromiseExit(
    run(bytes).pipe(
      Effect.scoped,
      Effect.provide(logger),
      Effect.provideService(References.MinimumLogLevel, "All")
    )
  )
  const wall = performance.now() - started
  const { system, user } = process.cpuUsage(cpu)
  const used = (system + user) / 1000
  const growth = Math.max(0, memory().peak - before)
  const broken = Exit.isFailure(exit)
    ? {
      kind: "defect" as const,
      detail: Cause.prettyErrors(exit.cause).map(explain).join("\n") || Cause.pretty(exit.cause)
    }
    : thrown !== undefined
    ? { kind: "throw" as const, detail: explain(thrown) }
    : used > Protocol.maximumTime
    ? { kind: "time" as const, detail: `${Math.round(used)} ms of CPU time, more than ${Protocol.maximumTime}` }
    : growth > Protocol.maximumMemory
    ? { kind: "memory" as const, detail: `resident memory rose by ${growth} KiB, more than ${Protocol.maximumMemory}` }
    : undefined
  return { outcome: Exit.isSuccess(exit) ? exit.value : undefined, wall, growth, broken }
}

const emptyTally = (target: string): Protocol.Tally => ({
  target,
  inputs: 0,
  values: 0,
  errors: {},
  slowest: 0,
  biggest: 0,
  shapes: 0
})

const runTarget = async (target: Target, start: number): Promise<void> => {
  const directory = `${job.directory}/${target.name}`
  Fs.rmSync(directory, { recursive: true, force: true })
  Fs.mkdirSync(directory)
  const scope = Scope.makeUnsafe()
  let answer: Uint8Array = new Uint8Array()
  const { close, origin } = await serve(() => answer)
  const server = { origin, answer: (bytes: Uint8Array) => void (answer = bytes) }
  const run = await Effect.runPromise(Scope.provide(target.open(directory, server), scope))
  const documents = job.replay === null ? target.documents() : [Fs.readFileSync(job.replay)]
  if (documents.length === 0) throw new Error(`${target.name} has no documents to start from`)
  const words = target.words.map((word) => Buffer.from(word))
  const pool = [...documents]
  const shapes = new Set<string>()
  const known = new Set<string>()
  const tally = emptyTally(target.name)
  const end = job.seconds === null ? Infinity : performance.now() + job.seconds * 1000
  const last = job.replay === null ? job.count ?? Infinity : 1

  for (let number = start; number < last && performance.now() < end; number++) {
    const document = documents[number]
    const bytes = document === undefined
      ? mutate(Random.make(`${job.seed} ${target.name} ${number}`), pool, words)
      : Uint8Array.from(document)
    const { broken, growth, outcome, wall } = await runOne(target, run, number, bytes)
    tally.inputs++
    tally.slowest = Math.max(tally.slowest, wall)
    tally.biggest = Math.max(tally.biggest, growth)
    if (outcome?._tag === "Value") tally.values++
    if (outcome?._tag === "Refused") tally.errors[outcome.error] = (tally.errors[outcome.error] ?? 0) + 1
    if (outcome !== undefined) {
      const shape = shapeOfOutcome(outcome)
      if (!shapes.has(shape) && shapes.size < maximumPool) {
        shapes.add(shape)
        if (document === undefined && bytes.length <= maximumParent) pool.push(bytes)
      }
    }
    tally.shapes = shapes.size
    if (broken !== undefined) {
      const shape = `${broken.kind} ${shapeOf(broken.detail)}`
      if (!known.has(shape)) {
        known.add(shape)
        const found = { target: target.name, kind: broken.kind, detail: broken.detail }
        tell({ _tag: "Found", finding: { ...found, input: Buffer.from(bytes).toString("base64") } })
        if (job.replay === null) {
          const patience = performance.now() + 20_000
          const small = await minimise(bytes, async (candidate) => {
            if (performance.now() > patience) return false
            const again = await runOne(target, run, number, Uint8Array.from(candidate))
            return again.broken?.kind === broken.kind && `${broken.kind} ${shapeOf(again.broken.detail)}` === shape
          }, triesOf[broken.kind])
          tell({ _tag: "Found", finding: { ...found, input: Buffer.from(small).toString("base64") } })
        }
      }
    }
    if (number % 64 === 0) tell({ _tag: "Tally", tally })
  }
  tell({ _tag: "Tally", tally })
  await Effect.runPromise(Scope.close(scope, Exit.void))
  close()
}

const main = async (): Promise<void> => {
  for (const [index, name] of job.targets.entries()) {
    const target = [...targets, ...plantedTargets].find((one) => one.name === name)
    if (target === undefined) throw new Error(`there is no target ${name}`)
    await runTarget(target, index === 0 ? job.start : 0)
  }
}

process.on("beforeExit", () => {
  process.stderr.write(`a decoder has neither an answer nor anything left to do; thrown: ${explain(thrown)}\n`)
  process.exit(1)
})

main().then(
  // Large findings take a while to get across.
  () => process.send?.({ _tag: "Done" } satisfies Protocol.Message, () => process.exit(0)),
  (error: unknown) => {
    process.stderr.write(`${explain(error)}\n`)
    process.exit(1)
  }
)
