import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as Result from "effect/Result"
import { decodeOvfEnvironment, type OvfEnvironment } from "../../domain/OvfEnvironment.ts"
import { MediaError } from "../../errors/MediaError.ts"
import { CurrentSettings } from "../../services/CurrentSettings.ts"
import type { Linux } from "../../services/Linux.ts"
import { Paths } from "../../services/Paths.ts"
import { ProvisioningMedia } from "../../services/ProvisioningMedia.ts"
import { Secrets } from "../../services/Secrets.ts"
import type { Subprocess } from "../../services/Subprocess.ts"
import { files } from "../linux/files.ts"
import { fileSystems, opticalDrives } from "../linux/opticalDrive.ts"

/** The document's name on the disc. */
const documentName = "ovf-env.xml"

/**
 * A document of some kilobytes is read in milliseconds; a drive that hangs must not keep what IMDS said from being
 * used.
 */
const readTimeout = "10 seconds"

/** An optical disc that the kernel knows; `directory` when it is mounted already. */
interface Disc {
  readonly device: string
  readonly directory: Option.Option<string>
}

/**
 * {@link ProvisioningMedia} from the optical drives of the host: `/dev/sr0`, those that the kernel lists, and discs
 * that are mounted.
 *
 * A disc that is not mounted is mounted read-only, nosuid, nodev, noexec on a private directory, read, and unmounted
 * whatever happens; one that is mounted is read in place. The first disc with a good document counts; the error of
 * another one is told only when there is no good one.
 */
export const layer: Layer.Layer<ProvisioningMedia, never, CurrentSettings | Linux | Path.Path | Subprocess> = Layer
  .effect(
    ProvisioningMedia,
    Effect.gen(function*() {
      const { mediaMountPoint } = yield* Paths
      const path = yield* Path.Path
      const { readBytes } = yield* files
      const secrets = yield* Secrets
      const settings = yield* CurrentSettings
      const { drives, eject, mounts, ours, tryUnmount, unmount, withDisc } = yield* opticalDrives

      const discs = Effect.gen(function*() {
        // What an agent that was killed has left mounted.
        yield* Effect.flatMap(ours, Effect.forEach(tryUnmount))
        const rows = yield* mounts
        const mounted = rows.filter(({ directory, type }) =>
          directory !== mediaMountPoint && fileSystems.includes(type)
        )
        const free = (yield* drives).filter((device) => !mounted.some((row) => row.device === device))
        return [
          ...mounted.map(({ device, directory }): Disc => ({ device, directory: Option.some(directory) })),
          ...free.map((device): Disc => ({ device, directory: Option.none() }))
        ]
      }).pipe(Effect.withSpan("media:get_mount_device"))

      /** The document of a disc at this directory; `none` when it has none, as other discs do. */
      const read = (device: string, directory: string) =>
        readBytes(path.join(directory, documentName), { follow: false, slow: true }).pipe(
          Effect.flatMap((bytes) =>
            Effect.try({
              try: () => Option.some(new TextDecoder("utf-8", { fatal: true }).decode(bytes)),
              catch: () => new MediaError({ device, kind: "read", detail: `${documentName} is not UTF-8` })
            })
          ),
          Effect.catch((error) =>
            error._tag === "MediaError"
              ? Effect.fail(error)
              : error.code === "ENOENT"
              ? Effect.succeed(Option.none<string>())
              : Effect.fail(new MediaError({ device, kind: "read", detail: error.message }))
          ),
          Effect.timeoutOrElse({
            duration: readTimeout,
            orElse: () => Effect.fail(new MediaError({ device, kind: "read", detail: "the drive does not answer" }))
          }),
          Effect.withSpan("media:read_ovf_env_to_string")
        )

      const parse = (device: string, text: string): Effect.Effect<OvfEnvironment, MediaError> =>
        decodeOvfEnvironment(text).pipe(
          Effect.mapError(({ detail, kind }) =>
            new MediaError({ device, kind: kind === "password" ? "accept" : "parse", detail })
          ),
          Effect.withSpan("media:parse_ovf_env")
        )

      const environmentOf = Effect.fnUntraced(function*({ device, directory }: Disc) {
        const text = yield* Option.match(directory, {
          onNone: () => withDisc(device, Option.none<string>(), (at) => read(device, at)),
          onSome: (at) => read(device, at)
        })
        if (Option.isNone(text)) return Option.none<OvfEnvironment>()
        const environment = yield* parse(device, text.value)
        for (const secret of [environment.password, environment.customData]) Option.map(secret, secrets.add)
        yield* Effect.logInfo("Read the OVF environment of the provisioning media", { device })
        if (environment.publicKeysWithoutValue > 0) {
          yield* Effect.logWarning("The media names SSH keys by fingerprint only, which cannot be had from it", {
            count: environment.publicKeysWithoutValue
          })
        }
        if (Option.isNone(directory)) yield* eject(device)
        return Option.some(environment)
      }, Effect.withSpan("media:mount_parse_ovf_env"))

      const environment = Effect.gen(function*() {
        if (!settings.provisioningMedia.enable) return Option.none<OvfEnvironment>()
        const failures: Array<MediaError> = []
        for (const disc of yield* discs) {
          const outcome = yield* Effect.result(environmentOf(disc))
          if (Result.isFailure(outcome)) {
            yield* Effect.logWarning("A disc is of no use", { error: outcome.failure.message })
            failures.push(outcome.failure)
          } else if (Option.isSome(outcome.success)) return outcome.success
        }
        if (failures[0] !== undefined) return yield* failures[0]
        return Option.none<OvfEnvironment>()
      })

      const released = Effect.flatMap(ours, Effect.forEach(unmount, { discard: true }))

      return ProvisioningMedia.of({ environment, released })
    })
  )
