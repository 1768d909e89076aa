import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as PlatformError from "effect/PlatformError"
import * as Queue from "effect/Queue"
import * as Sink from "effect/Sink"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Terminal from "effect/Terminal"
import type { Natives } from "../../../../runtime/natives.d.ts"

const portion = 64 * 1024

/** Writes all of it, however long that takes: output is what its caller waits for. */
const write = (system: Natives, module: string, method: string, file: number) => (content: string | Uint8Array) =>
  Effect.suspend(() => {
    let bytes = typeof content === "string" ? system.encodeUtf8(content) : content
    while (bytes.length > 0) {
      const written = system.write(file, bytes)
      if (written < 0) {
        const cause = new Error(`write ${system.errorName(written)}`)
        return Effect.fail(PlatformError.systemError({ _tag: "Unknown", module, method, cause }))
      }
      bytes = bytes.subarray(written)
    }
    return Effect.void
  })

/** Arguments and the three standard descriptors. */
export const stdio = (system: Natives): Stdio.Stdio => {
  const output = (method: string, file: number) => () => Sink.forEach(write(system, "Stdio", method, file))
  return Stdio.make({
    args: Effect.sync(() => system.argv.slice(1)),
    stdinIsTerminal: Effect.sync(() => system.isatty(0)),
    stdoutIsTerminal: Effect.sync(() => system.isatty(1)),
    stderrIsTerminal: Effect.sync(() => system.isatty(2)),
    stdout: output("stdout", 1),
    stderr: output("stderr", 2),
    stdin: Stream.fromPull(Effect.succeed(Effect.callback((resume) => {
      const ticket = system.offload.read(0, portion, (part) => {
        if (typeof part !== "number" && part.length > 0) return resume(Effect.succeed([part]))
        resume(typeof part === "number" ? Effect.fail(unreadable(system, part)) : Cause.done())
      })
      return Effect.sync(() => system.cancel(ticket))
    })))
  })
}

const unreadable = (system: Natives, status: number) => {
  const cause = new Error(`read ${system.errorName(status)}`)
  return PlatformError.systemError({ _tag: "Unknown", module: "Stdio", method: "stdin", cause })
}

/** Only for output: the agent asks nobody anything, so input ends at once. */
export const terminal = (system: Natives): Terminal.Terminal => {
  const size = (index: 0 | 1) =>
    Effect.sync(() => {
      const found = system.windowSize(1)
      return typeof found === "number" ? 0 : found[index]
    })
  return Terminal.make({
    columns: size(0),
    rows: size(1),
    size: Effect.flatMap(
      Effect.all({ columns: size(0), rows: size(1) }),
      (now) => Effect.tap(Queue.sliding<Terminal.Size, Cause.Done>(1), (queue) => Queue.offer(queue, now))
    ),
    readInput: Effect.tap(Queue.make<Terminal.UserInput, Cause.Done>(), Queue.end),
    readLine: Effect.fail(new Terminal.QuitError({})),
    display: write(system, "Terminal", "display", 1)
  })
}
