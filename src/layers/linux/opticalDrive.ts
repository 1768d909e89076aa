import * as Effect from "effect/Effect"
import * as Path from "effect/Path"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import { LinuxError } from "../../errors/LinuxError.ts"
import { MediaError } from "../../errors/MediaError.ts"
import { Linux } from "../../services/Linux.ts"
import { Paths } from "../../services/Paths.ts"
import { saidBy, Subprocess } from "../../services/Subprocess.ts"
import { attempt, files } from "./files.ts"

/** `TYPE_ROM` of SCSI, as `/sys/block/NAME/device/type` shows it. */
const opticalType = "5"

/** How often and how long udev is given to make the node of a drive that the kernel lists. */
const udevSettle = Schedule.max([Schedule.spaced("50 millis"), Schedule.recurs(20)])

/** The disc is written as UDF with an ISO 9660 bridge; hardened images may lack one of the two. */
export const fileSystems: ReadonlyArray<string> = ["udf", "iso9660"]

/** Nothing waits for the ejection, and it must not keep the agent from ending. */
const ejectTimeout = "2 seconds"

/** Mounting cannot be interrupted, so this is also the longest that a drive that hangs holds up a stop of the agent. */
const mountTimeout = "10 seconds"

/** The kernel unmounts a disc that is only read in milliseconds. */
const unmountTimeout = "5 seconds"

/** A row of the table of mounts, of which device, directory and type are used. */
export interface Mount {
  readonly device: string
  readonly directory: string
  readonly type: string
}

/** `/proc/self/mounts` writes blanks and the like as three octal digits (proc(5)). */
const unescape = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))

const rowOf = (line: string): ReadonlyArray<Mount> => {
  const [device, directory, type] = line.split(" ").map(unescape)
  return device === undefined || directory === undefined || type === undefined ? [] : [{ device, directory, type }]
}

/** A call that a drive holds up for longer than this is given up. */
const within = (
  call: Effect.Effect<void, LinuxError>,
  device: string,
  duration: "2 seconds" | "5 seconds" | "10 seconds"
) =>
  Effect.timeoutOrElse(call, {
    duration,
    orElse: () =>
      new LinuxError({ operation: "wait", path: device, code: "ETIMEDOUT", detail: "the drive does not answer" })
  })

/** The optical drives of the host, and the private directory that a disc is mounted on. */
export const opticalDrives = Effect.gen(function*() {
  const paths = yield* Paths
  const linux = yield* Linux
  const path = yield* Path.Path
  const subprocess = yield* Subprocess
  const scope = yield* Effect.scope
  const { exists, makeDirectories, readText } = yield* files
  const directory = paths.mediaMountPoint

  /** The nodes of the drives that the kernel lists, whether udev has made them or not. */
  const listed = Effect.gen(function*() {
    const entries = yield* Effect.orElseSucceed(linux.list(paths.sysBlock), () => [])
    const optical = yield* Effect.filter(entries.map(({ name }) => name), (name) =>
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

  /** The drives that have a node, `/dev/sr0` first. */
  const drives = Effect.gen(function*() {
    const first = path.join(paths.dev, "sr0")
    const present = yield* Effect.filter(yield* listed, appears, { concurrency: "unbounded" })
    return (yield* exists(first)) ? [first, ...present.filter((device) => device !== first)] : present
  })

  const mounts = readText(paths.procMounts).pipe(
    Effect.orElseSucceed(() => ""),
    Effect.map((table) => table.split("\n").flatMap(rowOf))
  )

  /** The devices that are mounted where only the agent mounts. */
  const ours = Effect.map(mounts, (rows) => rows.flatMap((row) => row.directory === directory ? [row.device] : []))

  const removeDirectory = Effect.ignore(linux.rmdir(directory))

  const unmount = (device: string) => {
    const by = (lazy: boolean) => within(linux.unmount(directory, { lazy }), device, unmountTimeout)
    return by(false).pipe(
      Effect.catch(() => by(true)),
      Effect.mapError((error) =>
        new MediaError({
          device,
          kind: "unmount",
          detail: `it is still mounted on ${directory}, where only root can read it: ${error.message}`
        })
      ),
      Effect.andThen(removeDirectory),
      Effect.withSpan("media:unmount")
    )
  }

  /** In the middle of the work, a disc that stays mounted stops nothing; the caller unmounts again in the end. */
  const tryUnmount = (device: string) =>
    Effect.catch(
      unmount(device),
      (error) =>
        Effect.logError("Failed to unmount the provisioning disc, leaving it mounted", { error: error.message })
    )

  /**
   * mount(8) runs helpers for file systems that the kernel has no driver of (`/sbin/mount.TYPE`, such as drivers of
   * FUSE).
   */
  const byProgram = (device: string, type: string) =>
    Effect.mapError(
      subprocess.run({
        command: "mount",
        args: ["-t", type, "-o", "ro,nosuid,nodev,noexec", device, directory],
        timeout: mountTimeout
      }),
      (error) => {
        const code = /no medium found/i.test(saidBy(error))
          ? "ENOMEDIUM"
          : error.status.startsWith("timed out")
          ? "ETIMEDOUT"
          : "EIO"
        return new LinuxError({ operation: "mount", path: device, code, detail: error.message })
      }
    )

  /** Tries the file systems one after the other; why none could be mounted, empty when one is. */
  const failuresOf = Effect.fnUntraced(function*(by: (type: string) => Effect.Effect<unknown, LinuxError>) {
    const failures: Array<LinuxError> = []
    for (const type of fileSystems) {
      const outcome = yield* Effect.result(by(type))
      if (Result.isSuccess(outcome)) return []
      failures.push(outcome.failure)
      // A drive that is empty or does not answer says the same to every file system.
      if (["ENOMEDIUM", "ETIMEDOUT"].includes(outcome.failure.code)) break
    }
    return failures
  })

  /** Whether there is a disc; it is mounted then. */
  const mount = Effect.fnUntraced(function*(device: string) {
    let failures = yield* failuresOf((type) => within(linux.mount({ device, directory, type }), device, mountTimeout))
    if (failures.length === 0) return true
    if (failures.every(({ code }) => code === "ENODEV")) {
      failures = yield* failuresOf((type) => byProgram(device, type))
      if (failures.length === 0) return true
    }
    if (failures.at(-1)?.code === "ENOMEDIUM") return false
    const detail = failures.map(({ code, detail }, index) => `as ${fileSystems[index]}: ${code}: ${detail}`).join("; ")
    return yield* new MediaError({ device, kind: "mount", detail })
  }, Effect.withSpan("media:mount"))

  /** After a mount that failed: one that was given up can have done its work all the same. */
  const cleanUp = (device: string) =>
    Effect.flatMap(ours, (devices) => devices.length > 0 ? tryUnmount(device) : removeDirectory)

  const makeDirectory = makeDirectories(directory, 0o700).pipe(
    Effect.andThen(attempt("create", directory, linux.chmod(directory, 0o700)))
  )

  return {
    drives,
    mounts,
    ours,
    unmount,
    tryUnmount,
    /**
     * Mounts the disc on the private directory, uses it, and unmounts it whatever happens; `empty` is for a drive
     * without a disc.
     */
    withDisc: <A>(device: string, empty: A, use: (directory: string) => Effect.Effect<A, MediaError>) =>
      Effect.acquireUseRelease(
        makeDirectory.pipe(
          Effect.mapError((error) => new MediaError({ device, kind: "mount", detail: error.message })),
          Effect.andThen(mount(device)),
          Effect.tapError(() => cleanUp(device))
        ),
        (mounted) => mounted ? use(directory) : Effect.succeed(empty),
        (mounted) => mounted ? tryUnmount(device) : removeDirectory
      ),
    /** Opens the drive's tray, in the background. Not every drive has one. */
    eject: (device: string) =>
      within(linux.eject(device), device, ejectTimeout).pipe(Effect.ignore, Effect.forkIn(scope))
  }
})
