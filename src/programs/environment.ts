import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { InstanceMetadata } from "../domain/InstanceMetadata.ts"
import { isPreprovisioned, type OvfEnvironment, refusesPasswords } from "../domain/OvfEnvironment.ts"
import * as SshPublicKey from "../domain/SshPublicKey.ts"
import { Username } from "../domain/Username.ts"
import { type ImdsError, ImdsLateError } from "../errors/ImdsError.ts"
import type { MediaError } from "../errors/MediaError.ts"
import { CurrentSettings } from "../services/CurrentSettings.ts"
import { Imds } from "../services/Imds.ts"
import { ProvisioningMedia } from "../services/ProvisioningMedia.ts"

/** What the two sources said. */
export interface Environment {
  readonly imds: Result.Result<InstanceMetadata, ImdsError | ImdsLateError>
  readonly media: Result.Result<Option.Option<OvfEnvironment>, MediaError>
}

/**
 * Whether the disc alone makes a VM that its owner can log in to. It names the user, has a usable key by value or a
 * password that will be set and taken, and does not say that the VM is pre-provisioned, whose disc is not its owner's.
 */
const isComplete = Effect.fnUntraced(function*(disc: OvfEnvironment, passwordsAllowed: boolean) {
  if (isPreprovisioned(disc) || !Option.exists(disc.username, Schema.is(Username))) return false
  if (passwordsAllowed && Option.isSome(disc.password) && !refusesPasswords(disc)) return true
  return (yield* SshPublicKey.decodeAll(disc.publicKeys)).keys.length > 0
})

/** Ends when IMDS has had its time: the grace after a complete disc has been read; never without one. */
const graceIsOver = Effect.fnUntraced(function*(read: Deferred.Deferred<OvfEnvironment>) {
  const { imds: { graceWithMedia: grace }, passwordProvisioners: { allow } } = yield* CurrentSettings
  if (Duration.isZero(grace)) return yield* Effect.never
  const disc = yield* Deferred.await(read)
  // Beside the wait, which counts from the moment when the disc has been read.
  const deciding = Effect.tap(
    isComplete(disc, allow),
    (complete) => Effect.logDebug("Read the provisioning disc before IMDS answered", { complete })
  )
  const [complete] = yield* Effect.all([deciding, Effect.sleep(grace)], { concurrency: "unbounded" })
  return complete ? new ImdsLateError({ grace: Duration.toSeconds(grace) }) : yield* Effect.never
})

/** Logs what the sources did not give, and what is used instead. */
const logMissing = Effect.fnUntraced(function*({ imds, media }: Environment) {
  if (Result.isFailure(imds)) {
    const error = imds.failure.message
    yield* Option.match(Option.flatten(Result.getSuccess(media)), {
      onNone: () => Effect.logWarning("No metadata from IMDS", { error }),
      onSome: ({ hostname, publicKeys, username }) =>
        Effect.logWarning("No metadata from IMDS, using the provisioning media alone", {
          error,
          username: Option.getOrElse(username, () => ""),
          hostname: Option.getOrElse(hostname, () => ""),
          keys: publicKeys.length
        })
    })
  }
  if (Result.isFailure(media)) {
    yield* Effect.logWarning("The provisioning media is of no use, using IMDS alone", { error: media.failure.message })
  } else if (Option.isNone(media.success)) yield* Effect.logInfo("There is no provisioning media, using IMDS alone")
})

/**
 * Asks IMDS and the provisioning media at the same time; the failure of either is an answer.
 *
 * With a complete disc IMDS has `imds.grace_with_media_secs` from the moment when the disc has been read. A late
 * request is interrupted, and its connection closed, before this ends.
 */
export const getEnvironment: Effect.Effect<Environment, never, CurrentSettings | Imds | ProvisioningMedia> = Effect.gen(
  function*() {
    const imds = yield* Imds
    const media = yield* ProvisioningMedia
    const read = yield* Deferred.make<OvfEnvironment>()
    const environment: Environment = yield* Effect.all({
      imds: Effect.raceFirst(Effect.result(imds.instance), Effect.map(graceIsOver(read), Result.fail)),
      media: media.environment.pipe(
        Effect.tap((disc) => Option.isSome(disc) ? Deferred.succeed(read, disc.value) : Effect.void),
        Effect.result,
        Effect.withSpan("azure_init:get_environment")
      )
    }, { concurrency: "unbounded" })
    yield* logMissing(environment)
    return environment
  }
)
