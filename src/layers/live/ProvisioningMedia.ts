import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import { decodeOvfEnvironment, type OvfEnvironment } from "../../domain/OvfEnvironment.ts"
import type { FileError } from "../../errors/FileError.ts"
import { MediaError } from "../../errors/MediaError.ts"
import { CurrentSettings } from "../../services/CurrentSettings.ts"
import { Linux } from "../../services/Linux.ts"
import { Paths } from "../../services/Paths.ts"
import { ProvisioningMedia } from "../../services/ProvisioningMedia.ts"
import { Secrets } from "../../services/Secrets.ts"
import { saidBy, Subprocess } from "../../services/Subprocess.ts"
import { attempt, files } from "../linux/files.ts"

/** The document's name on the disc. */
const documentName = "ovf-env.xml"

/** `TYPE_ROM` of SCSI, as `/sys/block/NAME/device/type` shows it. */
const opticalType = "5"

/** How often and how long udev is given to make the node of a drive that the kernel lists. */
const udevSettle = Schedule.max([Schedule.spaced("50 millis"), Schedule.recurs(20)])

/** The disc is written as UDF with an ISO 9660 bridge; hardened images may lack one of the two. */
const fileSystems = ["udf", "iso9660"]

/** Nothing waits for the ejection, and it must not keep the agent from ending. */
const ejectTimeout = "2 seconds"

/** Mounting cannot be interrupted, so this is also the longest that a drive that hangs holds up a stop of the agent. */
const mountTimeout = "10 seconds"

/** The kernel unmounts a disc that is only read in milliseconds. */
const unmountTimeout = "5 seconds"

/** A document of some kilobytes is read in milliseconds; a drive that hangs must not keep what IMDS said from being used. */
const readTimeout = "10 seconds"

/** An optical disc that the kernel knows; `directory` when it is mounted already. */
interface Disc {
  readonly device: string
  readonly directory: Option.Option<string>
}

/** `/proc/self/mounts` writes blanks and the like as three octal digits (proc(5)). */
const unescape = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))

/**
 * {@link ProvisioningMedia} from the optical drives of the host: `/dev/sr0`, those that the kernel lists, and discs that are mounted.
 *
 * A disc that is not mounted is mounted read-only, nosuid, nodev, noexec on a private directory, read, and unmounted whatever happens;
 * one that is mounted is read in place. The first disc with a good document counts; trouble with another one is told only when there is no good one.
 */
export const layer: Layer.Layer<ProvisioningMedia, never, CurrentSettings | Linux | Path.Path | Subprocess> = Layer
  .effect(
    ProvisioningMedia,
    Effect.gen(function*() {
      const paths = yield* Paths
      const linux = yield* Linux
      const path = yield* Path.Path
      const { exists, makeDirectories, readBytes, readText } = yield* files
      const secrets = yield* Secrets
      const settings = yield* CurrentSettings
      const subprocess = yield* Subprocess
      const scope = yield* Effect.scope

      /** The nodes of the drives that the kernel lists, whether udev has made them or not. */
      const listed = Effect.gen(function*() {
        const names = yield* Effect.catch(
          Effect.map(linux.list(paths.sysBlock), (entries) => entries.map(({ name }) => name)),
          () => Effect.succeed<ReadonlyArray<string>>([])
        )
        const optical = yield* Effect.filter(names, (name) =>
          /^sr\d+$/.test(name)
            ? Effect.succeed(true)
            : Effect.map(
              Effect.result(readText(path.join(paths.sysBlock, name, "device/type"))),
              (type) => Result.isSuccess(type) && type.success.trim() === opticalType
            ))
        return optical.map((name) => path.join(paths.dev, name))
      })

      const appears = (device: string) =>
        Effect.repeat(exists(device), { schedule: udevSettle, until: (there) => there }).pipe(
          Effect.andThen(exists(device))
        )

      const removeDirectory = linux.rmdir(paths.mediaMountPoint)

      const umount = (...options: ReadonlyArray<string>) =>
        subprocess.run({ command: "umount", args: [...options, paths.mediaMountPoint], timeout: unmountTimeout })

      const unmount = (device: string) =>
        umount().pipe(
          Effect.catch(() => umount("-l")),
          Effect.mapError((error) =>
            new MediaError({
              device,
              kind: "unmount",
              detail: `it is still mounted on ${paths.mediaMountPoint}, where only root can read it: ${error.message}`
            })
          ),
          Effect.andThen(Effect.ignore(removeDirectory)),
          Effect.withSpan("media:unmount")
        )

      /** In the middle of the work, that the disc stays mounted keeps nobody from going on; `released` tells of it at the end. */
      const tryUnmount = (device: string) =>
        Effect.catch(
          unmount(device),
          (error) =>
            Effect.logError("Failed to unmount the provisioning disc, leaving it mounted", { error: error.message })
        )

      /** The table of mounts; device, directory and type come first in a row. */
      const mountTable = readText(paths.procMounts).pipe(
        Effect.catch(() => Effect.succeed("")),
        Effect.map((table) => table.split("\n").map((line) => line.split(" ").map(unescape)))
      )

      /** The devices that are mounted where only the agent mounts. */
      const ours = (rows: ReadonlyArray<ReadonlyArray<string>>) =>
        rows.flatMap(([device = "", directory]) => directory === paths.mediaMountPoint ? [device] : [])

      /** After a mount that failed: one that was killed at its deadline can have done its work all the same. */
      const cleanUp = (device: string) =>
        Effect.flatMap(mountTable, (rows) =>
          ours(rows).length > 0
            ? tryUnmount(device)
            : Effect.ignore(removeDirectory))

      const discs = Effect.gen(function*() {
        const rows = yield* mountTable
        // What an agent that was killed has left mounted.
        yield* Effect.forEach(ours(rows), tryUnmount)
        const mounted = rows.flatMap(([device, directory, type]): ReadonlyArray<Disc> =>
          device !== undefined && directory !== undefined && directory !== paths.mediaMountPoint
            && type !== undefined && fileSystems.includes(type)
            ? [{ device, directory: Option.some(directory) }]
            : []
        )
        const drives = yield* listed
        const first = path.join(paths.dev, "sr0")
        const present = yield* Effect.filter(drives, appears, { concurrency: "unbounded" })
        const candidates = (yield* exists(first)) ? [first, ...present.filter((device) => device !== first)] : present
        return [
          ...mounted,
          ...candidates
            .filter((device) => !mounted.some((disc) => disc.device === device))
            .map((device): Disc => ({ device, directory: Option.none() }))
        ]
      }).pipe(Effect.withSpan("media:get_mount_device"))

      const mount = Effect.fnUntraced(function*(device: string, directory: string) {
        const failures: Array<string> = []
        for (const type of fileSystems) {
          const outcome = yield* Effect.result(
            subprocess.run({
              command: "mount",
              args: ["-t", type, "-o", "ro,nosuid,nodev,noexec", device, directory],
              timeout: mountTimeout
            })
          )
          if (Result.isSuccess(outcome)) return true
          if (/no medium found/i.test(saidBy(outcome.failure))) return false
          failures.push(outcome.failure.message)
          // A drive that does not answer answers no other file system either.
          if (outcome.failure.status.startsWith("timed out")) break
        }
        return yield* new MediaError({ device, kind: "mount", detail: failures.join("; ") })
      }, Effect.withSpan("media:mount"))

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

      const eject = (device: string) =>
        subprocess.run({ command: "eject", args: [device], allow: [0, 1], timeout: ejectTimeout }).pipe(
          Effect.ignore,
          Effect.forkIn(scope)
        )

      /** Mounts, reads and unmounts; `none` when there is no disc in the drive or no document on it. */
      const readDrive = (device: string): Effect.Effect<Option.Option<string>, MediaError> =>
        Effect.acquireUseRelease(
          makeDirectories(paths.mediaMountPoint, 0o700).pipe(
            Effect.andThen(attempt("create", paths.mediaMountPoint, linux.chmod(paths.mediaMountPoint, 0o700))),
            Effect.mapError((error: FileError) => new MediaError({ device, kind: "mount", detail: error.message })),
            Effect.andThen(mount(device, paths.mediaMountPoint)),
            Effect.tapError(() => cleanUp(device))
          ),
          (mounted) => mounted ? read(device, paths.mediaMountPoint) : Effect.succeed(Option.none<string>()),
          (mounted) => mounted ? tryUnmount(device) : Effect.ignore(removeDirectory)
        )

      const environmentOf = Effect.fnUntraced(function*({ device, directory }: Disc) {
        const text = yield* Option.match(directory, {
          onNone: () => readDrive(device),
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

      const released = Effect.flatMap(mountTable, (rows) => Effect.forEach(ours(rows), unmount, { discard: true }))

      return ProvisioningMedia.of({ environment, released })
    })
  )
