import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import type { InstanceMetadata } from "../../domain/InstanceMetadata.ts"
import type { ImdsError } from "../../errors/ImdsError.ts"
import { Imds } from "../../services/Imds.ts"

/** What a scripted IMDS answers to one call: metadata, an error, or nothing ever. */
export type Answer = InstanceMetadata | ImdsError | "hangs"

/**
 * A scriptable {@link Imds}: each call takes the next answer of the list, the last one repeats. `calls` has one entry
 * for each call, with how it ended.
 *
 * For answers of the protocol ("500, 500, then this document") put `HttpScript` under the live layer.
 */
export const make = (answers: readonly [Answer, ...ReadonlyArray<Answer>]): {
  readonly layer: Layer.Layer<Imds>
  readonly calls: ReadonlyArray<{ readonly end: "pending" | "answered" | "failed" | "interrupted" }>
} => {
  const calls: Array<{ end: "pending" | "answered" | "failed" | "interrupted" }> = []
  const instance = Effect.suspend(() => {
    const answer = answers[Math.min(calls.length, answers.length - 1)] ?? answers[0]
    const call: (typeof calls)[number] = { end: "pending" }
    calls.push(call)
    if (answer === "hangs") {
      return Effect.onInterrupt(Effect.never, () =>
        Effect.sync(() => {
          call.end = "interrupted"
        }))
    }
    if (Predicate.hasProperty(answer, "_tag")) {
      call.end = "failed"
      return Effect.fail(answer)
    }
    call.end = "answered"
    return Effect.succeed(answer)
  })
  return { layer: Layer.succeed(Imds, Imds.of({ instance })), calls }
}
