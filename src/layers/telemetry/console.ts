import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Formatter from "effect/Formatter"
import * as Layer from "effect/Layer"
import { Linux } from "../../services/Linux.ts"
import * as Outlet from "./Outlet.ts"

/** Texts as they are, anything else as Effect shows it. */
const textOf = (word: unknown): string => typeof word === "string" ? word : Formatter.format(word)

/**
 * A console for the command line whose `log` and `error` never wait, where the run-time's own would for a pipe that is
 * full and read by nobody, and could not be ended by SIGTERM. What is not taken by the end of the scope is waited for,
 * for a second at most.
 */
export const layer: Layer.Layer<never, never, Linux> = Layer.effect(
  Console.Console,
  Effect.gen(function*() {
    const linux = yield* Linux
    const outlet = (fd: 1 | 2) =>
      Effect.flatMap(linux.standardOutput(fd).output, (output) => {
        const made = Outlet.make(output, (count) => `(${count} lines are missing here)\n`)
        return Effect.as(Effect.addFinalizer(() => made.finish), (...words: ReadonlyArray<unknown>) =>
          made.tell(`${words.map(textOf).join(" ")}\n`))
      })
    const own: Console.Console = Object.assign(Object.create(console), {
      log: yield* outlet(1),
      error: yield* outlet(2)
    })
    return own
  })
)
