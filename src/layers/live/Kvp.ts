import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Path from "effect/Path"
import * as Semaphore from "effect/Semaphore"
import type { KvpEntry } from "../../domain/KvpRecord.ts"
import * as KvpRecord from "../../domain/KvpRecord.ts"
import { reportKey } from "../../domain/ProvisioningReport.ts"
import { FileError } from "../../errors/FileError.ts"
import { KvpError } from "../../errors/KvpError.ts"
import { CurrentSettings } from "../../services/CurrentSettings.ts"
import { Kvp } from "../../services/Kvp.ts"
import { type File, Linux } from "../../services/Linux.ts"
import { Paths } from "../../services/Paths.ts"
import { attempt, type Files, files } from "../linux/files.ts"
import { openLocked } from "../linux/lock.ts"

/** Others hold the lock for the time of one write; a pool that stays locked must not hold up a boot. */
const lockWait = "5 seconds"

/** A full pool has 2.5 MiB; a file of another size is none, and reading it must not take the memory of a small VM. */
const maximumPool = 4 * KvpRecord.maximumRecords * KvpRecord.recordSize

/**
 * {@link Kvp} as the pool file that the host's daemon (`hv_kvp_daemon`) reads.
 *
 * The file is opened when something is written, and created with mode 0600 in a directory that is there; without the
 * directory this is no Hyper-V guest with the daemon installed: one warning, and what is queued waits for it. A pool
 * from before this boot is emptied once. A write that fails cuts off what it has appended and leaves the queue as it
 * is. With `telemetry.kvp_diagnostics = false` no file is touched.
 *
 * Writers are kept out by `flock(2)`, as cloud-init and azure-init do it, and on the boot runtime by `fcntl(2)` locks
 * too, which the daemon takes; it only writes when the host sets a value.
 */
export const layer: Layer.Layer<Kvp, never, CurrentSettings | Linux | Path.Path> = Layer.effect(
  Kvp,
  Effect.gen(function*() {
    const { kvpPool: path, procStat } = yield* Paths
    const linux = yield* Linux
    const { readTextIfPresent } = yield* files
    const { telemetry } = yield* CurrentSettings
    if (!telemetry.kvpDiagnostics) {
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
    const current = Effect.fnUntraced(function*(file: File) {
      const status = yield* regular(path, file)
      if (fresh) return yield* readAll(path, file)
      const bootTime = yield* readBootTime(readTextIfPresent, procStat)
      if (bootTime === undefined) {
        yield* warnOnce("Cannot tell whether the KVP pool is from this boot, keeping it", { path: procStat })
      }
      // A pool that was written in the very second of the boot is of this boot.
      if (bootTime === undefined || status.modified >= bootTime * 1000) return yield* readAll(path, file)
      yield* attempt("truncate", path, file.truncate(0))
      yield* Effect.logInfo("Emptied the KVP pool of an earlier boot", { path })
      return new Uint8Array()
    })

    const store = Effect.fnUntraced(function*(file: File) {
      const pool = yield* current(file)
      fresh = true
      const batch = queue.slice()
      const { keep, omitted, writes } = KvpRecord.place(pool, batch)
      yield* attempt(
        "write",
        path,
        Effect.andThen(
          keep === pool.length ? Effect.void : file.truncate(keep),
          Effect.forEach(writes, ({ bytes, offset }) => file.writeAt(offset, bytes), { discard: true })
        )
      ).pipe(
        Effect.onError(() => Effect.ignore(attempt("truncate", path, file.truncate(keep))))
      )
      queue.splice(0, batch.length)
      if (omitted > 0) {
        yield* warnOnce("The KVP pool is full: the host misses diagnostics from here on", { path, omitted })
      }
    })

    const write = Effect.scoped(Effect.gen(function*() {
      const file = yield* openLocked(linux, path, { access: "readWrite", create: 0o600, noFollow: true }, lockWait)
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
        const file = yield* attempt("open", path, linux.open(path, { noFollow: true }))
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

const regular = Effect.fnUntraced(function*(path: string, file: File) {
  const status = yield* attempt("look at", path, file.stat)
  return status.kind === "file"
    ? status
    : yield* new FileError({ operation: "open", path, detail: "it is not a regular file" })
})

const readAll = Effect.fnUntraced(function*(path: string, file: File) {
  const { size } = yield* attempt("look at", path, file.stat)
  if (size > maximumPool) {
    return yield* new FileError({ operation: "read", path, detail: `it has ${size} bytes, more than ${maximumPool}` })
  }
  return yield* attempt("read", path, file.readAt(0, size))
})

/** Seconds since 1970 of this boot, from the line `btime` of `/proc/stat`. */
const readBootTime = (
  readTextIfPresent: Files["readTextIfPresent"],
  procStat: string
): Effect.Effect<number | undefined> =>
  readTextIfPresent(procStat).pipe(
    Effect.map((text) => {
      const seconds = /^btime (\d+)$/m.exec(text ?? "")?.[1]
      return seconds === undefined ? undefined : Number(seconds)
    }),
    Effect.orElseSucceed(() => undefined)
  )
