import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { WireServerError } from "../../errors/WireServerError.ts"
import { WireServer } from "../../services/WireServer.ts"

/** What a scripted WireServer answers to one report: acceptance, an error, or nothing ever. */
export type Answer = "accepts" | "hangs" | WireServerError

/** One report as it was made, and how it ended. */
export interface Call {
  readonly report: "ready" | "inProgress" | "failed"
  /** Of `inProgress` and `failed`. */
  readonly description?: string
  readonly end: "pending" | "accepted" | "failed" | "interrupted"
}

/**
 * A scriptable {@link WireServer}: each report takes the next answer of the list, the last one repeats; it accepts
 * where no list is given. `calls` collects the reports in order.
 *
 * For answers of the protocol ("503 with Retry-After, then 200") put `HttpScript` under the live layer.
 */
export const make = (answers: readonly [Answer, ...ReadonlyArray<Answer>] = ["accepts"]): {
  readonly layer: Layer.Layer<WireServer>
  readonly calls: ReadonlyArray<Call>
} => {
  const calls: Array<Call> = []
  const answer = (report: Call["report"], description?: string): Effect.Effect<void, WireServerError> =>
    Effect.suspend(() => {
      const index = calls.length
      const answered = answers[Math.min(index, answers.length - 1)] ?? answers[0]
      const record = (end: Call["end"]) => {
        calls[index] = { report, ...(description === undefined ? {} : { description }), end }
      }
      if (answered === "hangs") {
        record("pending")
        return Effect.onInterrupt(Effect.never, () => Effect.sync(() => record("interrupted")))
      }
      record(answered === "accepts" ? "accepted" : "failed")
      return answered === "accepts" ? Effect.void : Effect.fail(answered)
    })
  return {
    layer: Layer.succeed(
      WireServer,
      WireServer.of({
        ready: answer("ready"),
        inProgress: (description) => answer("inProgress", description),
        failed: (description) => answer("failed", description)
      })
    ),
    calls
  }
}
