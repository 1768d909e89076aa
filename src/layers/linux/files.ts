import * as Effect from "effect/Effect"
import * as Path from "effect/Path"
import { FileError } from "../../errors/FileError.ts"
import type { LinuxError } from "../../errors/LinuxError.ts"
import { Linux, type Place, show } from "../../services/Linux.ts"

/** Durable and private file work for the live layers. */

/** What is read of a file unless said otherwise, in bytes. */
const defaultMaximum = 1024 * 1024

const decoder = new TextDecoder()

/** Makes a {@link FileError} of a call's failure: what was tried, on what. */
export const attempt = <A, R>(
  operation: string,
  place: Place,
  work: Effect.Effect<A, LinuxError, R>
): Effect.Effect<A, FileError, R> =>
  Effect.mapError(
    work,
    ({ code, detail }) => new FileError({ operation, path: show(place), detail: `${code}: ${detail}`, code })
  )

/** How {@link Files.writeAtomic} writes. */
export interface WriteOptions {
  /** Permission bits, such as `0o600`, whatever the umask. */
  readonly mode: number
  /** Owner; the process's own when absent. */
  readonly owner?: { readonly uid: number; readonly gid: number }
  /** Looks at the finished temporary file before it gets its name; a failure removes it and changes nothing. */
  readonly check?: (temporary: string) => Effect.Effect<void, FileError>
}

/** How {@link Files.readBytes} reads. */
export interface ReadOptions {
  /** A file with more bytes is an error; 1 MiB when absent. */
  readonly maximum?: number
  /** `false` refuses a symbolic link. */
  readonly follow?: boolean
  /** As of `Linux.readFile`. */
  readonly slow?: boolean
}

/** What {@link files} gives. */
export interface Files {
  readonly readBytes: (place: Place, options?: ReadOptions) => Effect.Effect<Uint8Array, FileError>
  /** As UTF-8, wrong bytes replaced. */
  readonly readText: (place: Place, options?: ReadOptions) => Effect.Effect<string, FileError>
  /** `undefined` for a file that is not there. */
  readonly readBytesIfPresent: (place: Place) => Effect.Effect<Uint8Array | undefined, FileError>
  readonly readTextIfPresent: (place: Place) => Effect.Effect<string | undefined, FileError>
  /** Whether something is there under this name, a dangling link included. */
  readonly exists: (place: Place) => Effect.Effect<boolean>
  /** Makes the entries of a directory durable, after a file in it was created, renamed or removed. */
  readonly syncDirectory: (path: string) => Effect.Effect<void, FileError>
  /**
   * Makes a directory and those above it that are missing, all with this mode less the umask; gives the topmost that
   * was made.
   */
  readonly makeDirectories: (path: string, mode: number) => Effect.Effect<string | undefined, FileError>
  /** Removes what is no directory, if it is there. */
  readonly remove: (place: Place) => Effect.Effect<void, FileError>
  /**
   * Replaces a file so that at every instant, power cut included, it has its old or its new content, whole.
   *
   * The content goes to a new file of the same directory (hidden, `O_EXCL`, which follows no link); mode and owner are
   * set on the open file; it is synced, checked, renamed, and the directory is synced. A symbolic link at `place` is
   * replaced, never followed.
   */
  readonly writeAtomic: (
    place: Place,
    content: string | Uint8Array,
    options: WriteOptions
  ) => Effect.Effect<void, FileError>
}

/** The random part of a name that nobody else has, in hexadecimal digits. */
export const randomName = (bytes: number): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, "0")).join("")

/** What the functions below work with. */
interface System {
  readonly linux: Linux["Service"]
  readonly path: Path.Path
}

const ifPresent = <A>(work: Effect.Effect<A, FileError>): Effect.Effect<A | undefined, FileError> =>
  Effect.catchIf(work, (error) => error.code === "ENOENT", () => Effect.undefined)

/** Another name beside a place. */
const beside = ({ path: { dirname } }: System, place: Place, name: string): Place =>
  typeof place === "string" ? `${dirname(place)}/${name}` : { directory: place.directory, name }

const readBytes = (
  { linux }: System,
  place: Place,
  { follow = true, maximum = defaultMaximum, slow = false }: ReadOptions = {}
): Effect.Effect<Uint8Array, FileError> =>
  linux.readFile(place, { maximum, noFollow: !follow, slow }).pipe(
    Effect.mapError(({ code, detail }) =>
      code === "EFBIG"
        ? new FileError({ operation: "read", path: show(place), detail: `is larger than ${maximum} bytes` })
        : new FileError({ operation: "read", path: show(place), detail: `${code}: ${detail}`, code })
    )
  )

const syncDirectory = ({ linux }: System, path: string) =>
  Effect.scoped(
    attempt("sync", path, Effect.flatMap(linux.open(path, { directory: true }), (directory) => directory.sync))
  )

const makeDirectories = (system: System, path: string, mode: number): Effect.Effect<string | undefined, FileError> => {
  const { linux, path: { dirname } } = system
  return attempt("create", path, linux.mkdir(path, mode)).pipe(
    Effect.as<string | undefined>(path),
    Effect.catchIf((error) => error.code === "ENOENT" && dirname(path) !== path, () =>
      Effect.flatMap(
        makeDirectories(system, dirname(path), mode),
        (first) => Effect.map(makeDirectories(system, path, mode), (own) => first ?? own)
      )),
    Effect.catchIf((error) => error.code === "EEXIST" && error.path === path, (error) =>
      Effect.flatMap(
        attempt("look at", path, linux.stat(path)),
        ({ kind }) => kind === "directory" ? Effect.undefined : Effect.fail(error)
      ))
  )
}

const remove = ({ linux }: System, place: Place) =>
  Effect.catchIf(
    attempt("remove", place, linux.unlink(place)),
    (error) => error.code === "ENOENT",
    () => Effect.void
  )

const write = (
  { linux }: System,
  place: Place,
  temporary: Place,
  content: string | Uint8Array,
  { mode, owner }: WriteOptions
) =>
  attempt(
    "write",
    place,
    Effect.scoped(Effect.gen(function*() {
      const file = yield* linux.open(temporary, { access: "write", create: 0o600, exclusive: true })
      yield* file.write(content)
      if (owner !== undefined) yield* file.chown(owner.uid, owner.gid)
      yield* file.chmod(mode)
      yield* file.sync
    }))
  )

const writeAtomic = Effect.fnUntraced(
  function*(system: System, place: Place, content: string | Uint8Array, options: WriteOptions) {
    const { linux, path: { basename, dirname } } = system
    // Always the same name, so that what a killed agent left behind goes away with the next one's.
    const usual = `.${typeof place === "string" ? basename(place) : place.name}.azure-init`
    // What cannot be removed, such as a directory that a user has put there, is left alone.
    const free = yield* Effect.isSuccess(remove(system, beside(system, place, usual)))
    const temporary = beside(system, place, free ? usual : `${usual}.${randomName(6)}`)
    yield* write(system, place, temporary, content, options).pipe(
      Effect.andThen(options.check === undefined ? Effect.void : options.check(show(temporary))),
      Effect.andThen(attempt("rename", place, linux.rename(temporary, place))),
      Effect.onError(() => Effect.ignore(remove(system, temporary)))
    )
    yield* typeof place === "string"
      ? syncDirectory(system, dirname(place))
      : attempt("sync", place.directory.path, place.directory.sync)
  }
)

/** {@link Files} on the kernel's calls. */
export const files: Effect.Effect<Files, never, Linux | Path.Path> = Effect.gen(function*() {
  const system: System = { linux: yield* Linux, path: yield* Path.Path }
  const readText = (place: Place, options?: ReadOptions) =>
    Effect.map(readBytes(system, place, options), (bytes) => decoder.decode(bytes))
  return {
    readBytes: (place, options) => readBytes(system, place, options),
    readText,
    readBytesIfPresent: (place) => ifPresent(readBytes(system, place)),
    readTextIfPresent: (place) => ifPresent(readText(place)),
    exists: (place) => Effect.isSuccess(system.linux.lstat(place)),
    syncDirectory: (path) => syncDirectory(system, path),
    makeDirectories: (path, mode) => makeDirectories(system, path, mode),
    remove: (place) => remove(system, place),
    writeAtomic: (place, content, options) => writeAtomic(system, place, content, options)
  }
})
