import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Semaphore from "effect/Semaphore"
import { constants } from "node:fs"
import * as Fs from "node:fs/promises"
import type { KvpEntry } from "../../domain/KvpRecord.ts"
import * as KvpRecord from "../../domain/KvpRecord.ts"
import { reportKey } from "../../domain/ProvisioningReport.ts"
import { FileError } from "../../errors/FileError.ts"
import { KvpError } from "../../errors/KvpError.ts"
import { CurrentSettings } from "../../services/CurrentSettings.ts"
import { Kvp } from "../../services/Kvp.ts"
import { Paths } from "../../services/Paths.ts"
import { attempt, readTextIfPresent } from "./files.ts"
import { openLocked } from "./flock.ts"

/** Others hold the lock for the time of one write; a pool that stays locked must not hold up a boot. */
const lockWait = "5 seconds"

/** A full pool has 2.5 MiB; a file of another size is none, and reading it must not take the memory of a small VM. */
const maximumPool = 4 * KvpRecord.maximumRecords * KvpRecord.recordSize

/**
 * {@link Kvp} as the pool file that the host's daemon (`hv_kvp_daemon`) reads.
 *
 * The file is opened when something is written, and created with mode 0600 in a directory that is there; without the directory this is no
 * Hyper-V guest with the daemon installed: one warning, and what is queued waits for it. A pool from before this boot is emptied once. A
 * write that fails cuts off what it has appended and leaves the queue as it is. With `telemetry.kvp_diagnostics = false` no file is touched.
 *
 * Writers are kept out by `flock(2)`, as cloud-init and azure-init do it. The daemon uses `fcntl(2)` locks, which can't be taken from here
 * (util-linux's `flock` has them from 2.41 on); it only writes when the host sets a value.
 */
export const layer: Layer.Layer<Kvp, never, CurrentSettings> = Layer.effect(
  Kvp,
  Effect.gen(function*() {
    const { kvpPool: path, procStat } = yield* Paths
    const { telemetry } = yield* CurrentSettings
    if (!telemetry.kvp_diagnostics) {
      return Kvp.of({ offer: () => {}, flush: Effect.void, entries: Effect.succeed([]) })
    }
    const oneAtATime = yield* Semaphore.make(1)
    const queue: Array<KvpEntry> = []
    const warned = new Set<string>()
    let fresh = false

    const warnOnce = (message: string, fields: Readonly<Record<string, unknown>>) =>
      Effect.suspend(() => {
        if (warned.has(message)) return Effect.void
        warned.add(message)
        return Effect.logWarning(message, fields)
      })

    /** The pool's bytes, without those from before this boot: they are of another boot, perhaps of another VM. */
    const current = Effect.fnUntraced(function*(file: Fs.FileHandle) {
      const status = yield* regular(path, file)
      if (fresh) return yield* readAll(path, file)
      const bootTime = yield* readBootTime(procStat)
      if (bootTime === undefined) {
        yield* warnOnce("Cannot tell whether the KVP pool is from this boot, keeping it", { path: procStat })
      }
      // A pool that was written in the very second of the boot is of this boot.
      if (bootTime === undefined || status.mtimeMs >= bootTime * 1000) return yield* readAll(path, file)
      yield* attempt("truncate", path, () => file.truncate(0))
      yield* Effect.logInfo("Emptied the KVP pool of an earlier boot", { path })
      return new Uint8Array()
    })

    const store = Effect.fnUntraced(function*(file: Fs.FileHandle) {
      const pool = yield* current(file)
      fresh = true
      const batch = queue.slice()
      const { keep, omitted, writes } = KvpRecord.place(pool, batch)
      yield* attempt("write", path, async () => {
        if (keep !== pool.length) await file.truncate(keep)
        for (const { bytes, offset } of writes) await writeAll(file, bytes, offset)
      }).pipe(
        Effect.onError(() => Effect.ignore(attempt("truncate", path, () => file.truncate(keep))))
      )
      queue.splice(0, batch.length)
      if (omitted > 0) {
        yield* warnOnce("The KVP pool is full: the host misses diagnostics from here on", { path, omitted })
      }
    })

    const write = Effect.scoped(Effect.gen(function*() {
      const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW
      const file = yield* openLocked(path, flags, 0o600, lockWait)
      yield* Effect.uninterruptible(store(file))
    })).pipe(
      Effect.catch((error) =>
        error.code === "ENOENT"
          ? warnOnce(
            "There is no directory for the KVP pool: the host gets no telemetry (is hv_kvp_daemon installed?)",
            { path }
          )
          : Effect.fail(kvpError(error))
      )
    )

    return Kvp.of({
      offer: (entry) => {
        // What a pool has no room for need not wait for it; the report is always taken.
        if (queue.length < KvpRecord.maximumRecords || entry.key === reportKey) queue.push(entry)
      },
      flush: Semaphore.withPermit(oneAtATime, Effect.suspend(() => queue.length === 0 ? Effect.void : write)),
      entries: Effect.gen(function*() {
        const file = yield* Effect.acquireRelease(
          attempt("open", path, () => Fs.open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)),
          (file) => Effect.ignore(attempt("close", path, () => file.close()))
        )
        yield* regular(path, file)
        const { entries, problems } = KvpRecord.decodePool(yield* readAll(path, file))
        yield* Effect.forEach(
          problems,
          (problem) => Effect.logWarning("Left out a record of the KVP pool", { path, problem }),
          { discard: true }
        )
        return entries
      }).pipe(
        Effect.scoped,
        Effect.catch((error) => error.code === "ENOENT" ? Effect.succeed([]) : Effect.fail(kvpError(error)))
      )
    })
  })
)

const kvpError = ({ detail, operation, path }: FileError): KvpError => new KvpError({ operation, path, detail })

const regular = Effect.fnUntraced(function*(path: string, file: Fs.FileHandle) {
  const status = yield* attempt("look at", path, () => file.stat())
  return status.isFile()
    ? status
    : yield* new FileError({ operation: "open", path, detail: "it is not a regular file" })
})

const readAll = Effect.fnUntraced(function*(path: string, file: Fs.FileHandle) {
  const { size } = yield* attempt("look at", path, () => file.stat())
  if (size > maximumPool) {
    return yield* new FileError({ operation: "read", path, detail: `it has ${size} bytes, more than ${maximumPool}` })
  }
  return yield* attempt("read", path, async () => {
    const bytes = new Uint8Array(size)
    let length = 0
    while (length < size) {
      const { bytesRead } = await file.read(bytes, length, size - length, length)
      if (bytesRead === 0) break
      length += bytesRead
    }
    return bytes.subarray(0, length)
  })
})

const writeAll = async (file: Fs.FileHandle, bytes: Uint8Array, offset: number): Promise<void> => {
  let written = 0
  while (written < bytes.length) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, offset + written)
    written += bytesWritten
  }
}

/** Seconds since 1970 of this boot, from the line `btime` of `/proc/stat`. */
const readBootTime = (procStat: string): Effect.Effect<number | undefined> =>
  readTextIfPresent(procStat).pipe(
    Effect.map((text) => {
      const seconds = /^btime (\d+)$/m.exec(text ?? "")?.[1]
      return seconds === undefined ? undefined : Number(seconds)
    }),
    Effect.orElseSucceed(() => undefined)
  )
