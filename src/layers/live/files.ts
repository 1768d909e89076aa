import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { randomBytes } from "node:crypto"
import { constants } from "node:fs"
import * as Fs from "node:fs/promises"
import * as NodePath from "node:path"
import { FileError } from "../../errors/FileError.ts"

/**
 * Durable and private file work for the live layers: what Effect's FileSystem does not offer (owners and modes on the open
 * file, `O_NOFOLLOW`, syncing a directory).
 */

/** Runs one promise of `node:fs`; its rejection becomes a {@link FileError}. */
export const attempt = <A>(
  operation: string,
  path: string,
  work: () => Promise<A>
): Effect.Effect<A, FileError> =>
  Effect.tryPromise({
    try: work,
    catch: (cause) => {
      const code = Predicate.hasProperty(cause, "code") && Predicate.isString(cause.code) ? cause.code : undefined
      return new FileError({
        operation,
        path,
        detail: Predicate.isError(cause) ? cause.message : String(cause),
        ...(code === undefined ? {} : { code })
      })
    }
  })

/** A file's bytes, at most `maximum` of them (1 MiB); `follow: false` refuses a symbolic link. Fails on a file that is larger. */
export const readBytes = (
  path: string,
  options: { readonly maximum?: number; readonly follow?: boolean } = {}
): Effect.Effect<Buffer, FileError> =>
  Effect.gen(function*() {
    const maximum = options.maximum ?? 1024 * 1024
    // Without O_NONBLOCK a FIFO in the file's place would be waited for for ever.
    const flags = constants.O_RDONLY | constants.O_NONBLOCK | (options.follow === false ? constants.O_NOFOLLOW : 0)
    const bytes = yield* attempt("read", path, async () => {
      const file = await Fs.open(path, flags)
      try {
        const chunks: Array<Buffer> = []
        let length = 0
        while (length <= maximum) {
          const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(64 * 1024))
          if (bytesRead === 0) break
          chunks.push(buffer.subarray(0, bytesRead))
          length += bytesRead
        }
        return Buffer.concat(chunks)
      } finally {
        await file.close()
      }
    })
    if (bytes.length > maximum) {
      return yield* new FileError({ operation: "read", path, detail: `is larger than ${maximum} bytes` })
    }
    return bytes
  })

/** As {@link readBytes}, decoded as UTF-8, wrong bytes replaced. */
export const readText = (
  path: string,
  options: { readonly maximum?: number; readonly follow?: boolean } = {}
): Effect.Effect<string, FileError> => Effect.map(readBytes(path, options), (bytes) => bytes.toString("utf8"))

/** As {@link readBytes}, with `undefined` for a file that is not there. */
export const readBytesIfPresent = (path: string): Effect.Effect<Buffer | undefined, FileError> =>
  readBytes(path).pipe(
    Effect.catch((error) => error.code === "ENOENT" ? Effect.succeed(undefined) : Effect.fail(error))
  )

/** As {@link readText}, with `undefined` for a file that is not there. */
export const readTextIfPresent = (path: string): Effect.Effect<string | undefined, FileError> =>
  Effect.map(readBytesIfPresent(path), (bytes) => bytes?.toString("utf8"))

/** Makes the entries of a directory durable, after a file in it was created, renamed or removed. */
export const syncDirectory = (directory: string): Effect.Effect<void, FileError> =>
  attempt("sync", directory, async () => {
    const handle = await Fs.open(directory, constants.O_RDONLY | constants.O_DIRECTORY)
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  })

/** How {@link writeAtomic} writes. */
export interface WriteOptions {
  /** Permission bits, such as `0o600`, whatever the umask. */
  readonly mode: number
  /** Owner; the process's own when absent. */
  readonly owner?: { readonly uid: number; readonly gid: number }
  /** Looks at the finished temporary file before it gets its name; a failure removes it and changes nothing. */
  readonly check?: (temporary: string) => Effect.Effect<void, FileError>
}

/**
 * Replaces a file so that at every instant, power cut included, it has its old or its new content, whole.
 *
 * The content goes to a new file of the same directory (hidden, `O_EXCL`, no link followed); mode and owner are set on the open file; it
 * is synced, checked, renamed, and the directory is synced. A symbolic link at `path` is replaced, never followed.
 */
export const writeAtomic = (
  path: string,
  content: string | Uint8Array,
  options: WriteOptions
): Effect.Effect<void, FileError> =>
  Effect.gen(function*() {
    const directory = NodePath.dirname(path)
    // Always the same name, so that what a killed agent left behind goes away with the next one's.
    const usual = NodePath.join(directory, `.${NodePath.basename(path)}.azure-init`)
    // What cannot be removed, such as a directory that a user has put there, is left alone.
    const free = yield* Effect.isSuccess(attempt("remove", usual, () => Fs.rm(usual, { force: true })))
    const temporary = free ? usual : `${usual}.${randomBytes(6).toString("hex")}`
    yield* attempt("write", path, async () => {
      const file = await Fs.open(
        temporary,
        constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
        0o600
      )
      try {
        await file.writeFile(content)
        if (options.owner !== undefined) await file.chown(options.owner.uid, options.owner.gid)
        await file.chmod(options.mode)
        await file.sync()
      } finally {
        await file.close()
      }
    }).pipe(
      Effect.andThen(options.check === undefined ? Effect.void : options.check(temporary)),
      Effect.andThen(attempt("rename", path, () => Fs.rename(temporary, path))),
      Effect.onError(() => Effect.ignore(attempt("remove", temporary, () => Fs.rm(temporary, { force: true }))))
    )
    yield* syncDirectory(directory)
  })

/** Whether something is there under this name, a dangling link included. */
export const exists = (path: string): Effect.Effect<boolean> =>
  attempt("look at", path, () => Fs.lstat(path)).pipe(Effect.isSuccess)
