import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { OvfEnvironment } from "../../domain/OvfEnvironment.ts"
import type { MediaError } from "../../errors/MediaError.ts"
import { ProvisioningMedia } from "../../services/ProvisioningMedia.ts"

/** What a scripted drive answers to one call: its disc's document, that there is none, an error, or nothing ever. */
export type Answer = Option.Option<OvfEnvironment> | MediaError | "hangs"

/**
 * A scriptable {@link ProvisioningMedia}: each call takes the next answer, the last one repeats. `calls` has one entry
 * for each call. With `stuck`, the disc stays mounted and `released` fails with it.
 */
export const make = (
  answers: readonly [Answer, ...ReadonlyArray<Answer>] = [Option.none()],
  stuck: Option.Option<MediaError> = Option.none()
): {
  readonly layer: Layer.Layer<ProvisioningMedia>
  readonly calls: ReadonlyArray<Answer>
} => {
  const calls: Array<Answer> = []
  const environment = Effect.suspend(() => {
    const answer = answers[Math.min(calls.length, answers.length - 1)] ?? answers[0]
    calls.push(answer)
    if (answer === "hangs") return Effect.never
    return Option.isOption(answer) ? Effect.succeed(answer) : Effect.fail(answer)
  })
  const released = Option.match(stuck, { onNone: () => Effect.void, onSome: Effect.fail })
  return { layer: Layer.succeed(ProvisioningMedia, ProvisioningMedia.of({ environment, released })), calls }
}
