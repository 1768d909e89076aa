/**
 * The inside of `azure-fabric run`, in a network namespace of its own: makes both of Azure's addresses, is the platform
 * there, runs the command, prints what the platform was asked, and ends as the command did; with 125 when it can't
 * begin.
 *
 *     node inside.ts '[SOURCES, TRANSCRIPT or null]' COMMAND...
 */
import * as Schema from "effect/Schema"
import { spawn } from "node:child_process"
import { writeFileSync } from "node:fs"
import { objectionTo, recorder } from "./control.ts"
import { statusOf } from "./hostOf.ts"
import { loadPlaybook } from "./loadPlaybook.ts"
import { bringUp } from "./network.ts"
import { azure, startFabric } from "./server.ts"
import { summary } from "./summary.ts"
import type { TranscriptEntry } from "./transcript.ts"

/** As `env`, `timeout` and others end when they themselves have failed. */
const ownFailure = 125

const File = Schema.optionalKey(Schema.String)
const Arguments = Schema.fromJsonString(Schema.Tuple([
  Schema.Struct({ playbook: File, imdsResponses: File, wireserverResponses: File }),
  Schema.NullOr(Schema.String)
]))

const runCommand = (name: string, args: ReadonlyArray<string>): Promise<number> =>
  new Promise((resolve, reject) => {
    const child = spawn(name, args, { stdio: "inherit" })
    // A terminal sends SIGINT to the command as well, which decides by itself what it does about it.
    process.on("SIGINT", () => {})
    for (const signal of ["SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill(signal))
    child.on("error", reject).on("exit", (code, signal) => resolve(statusOf(code, signal)))
  })

const inside = async (): Promise<number> => {
  const [, , given = "", name = "", ...args] = process.argv
  const [sources, transcript] = Schema.decodeSync(Arguments)(given)
  const playbook = await loadPlaybook(sources)
  const objection = objectionTo(azure)
  if (objection !== undefined) throw new Error(objection)
  await bringUp()
  if (transcript !== null) writeFileSync(transcript, "")
  const record = transcript === null ? undefined : recorder(transcript)
  const entries: Array<TranscriptEntry> = []
  const fabric = await startFabric(azure, (entry) => {
    entries.push(entry)
    record?.(entry)
  })
  await fabric.play(playbook)
  const status = await runCommand(name, args)
  process.stderr.write(summary(entries))
  return status
}

process.exit(
  await inside().catch((error: unknown) => {
    process.stderr.write(`azure-fabric: ${error instanceof Error ? error.message : String(error)}\n`)
    return ownFailure
  })
)
