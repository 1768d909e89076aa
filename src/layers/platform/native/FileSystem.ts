import * as ByteSize from "effect/ByteSize"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as PlatformError from "effect/PlatformError"
import * as Stream from "effect/Stream"
import type { Natives, Stat } from "../../../../runtime/natives.d.ts"
import type { LinuxError } from "../../../errors/LinuxError.ts"
import { Linux, type OpenOptions } from "../../../services/Linux.ts"
import { attempt, attemptValue } from "./errors.ts"
import { ofLinux } from "./platformError.ts"

/** What is read at most, in bytes: a file beyond it would take the memory of a small VM. */
const maximumFile = 16 * 1024 * 1024

/** Whole files and directories of names; what nobody asks this runtime for fails as a wrong argument. */
export const make = (system: Natives, linux: Linux["Service"]): FileSystem.FileSystem => {
  const { AT_FDCWD = -100 } = system.constants
  const unsupported = (method: string) => () =>
    Effect.fail(PlatformError.badArgument({ module: "FileSystem", method, description: "is not supported" }))
  const told = <A>(method: string, work: Effect.Effect<A, LinuxError>) => Effect.mapError(work, ofLinux(method))

  const infoOf = (method: string, path: string, follow: boolean) =>
    told(
      method,
      Effect.map(attemptValue(system, "fstatat", path, () => system.fstatat(AT_FDCWD, path, follow)), info)
    )

  const makeDirectory = (path: string, recursive: boolean, mode: number): Effect.Effect<void, LinuxError> =>
    linux.mkdir(path, mode).pipe(Effect.catch((error) => {
      if (!recursive) return Effect.fail(error)
      const parent = path.replace(/\/+[^/]+\/*$/, "")
      if (error.code === "ENOENT" && parent !== "" && parent !== path) {
        return Effect.andThen(makeDirectory(parent, true, mode), makeDirectory(path, true, mode))
      }
      return error.code !== "EEXIST"
        ? Effect.fail(error)
        : Effect.flatMap(linux.stat(path), ({ kind }) => kind === "directory" ? Effect.void : Effect.fail(error))
    }))

  const remove = (path: string, recursive: boolean): Effect.Effect<void, LinuxError> =>
    Effect.flatMap(linux.lstat(path), ({ kind }) => {
      if (kind !== "directory") return linux.unlink(path)
      if (!recursive) return linux.rmdir(path)
      return linux.list(path).pipe(
        Effect.flatMap(Effect.forEach(({ name }) => remove(`${path}/${name}`, true), { discard: true })),
        Effect.andThen(linux.rmdir(path))
      )
    })

  const list = (path: string, recursive: boolean): Effect.Effect<Array<string>, LinuxError> =>
    Effect.flatMap(linux.list(path), (entries) =>
      recursive
        ? Effect.map(
          Effect.forEach(entries, ({ kind, name }) =>
            kind === "directory"
              ? Effect.map(list(`${path}/${name}`, true), (below) => [name, ...below.map((each) => `${name}/${each}`)])
              : Effect.succeed([name])),
          (lists) => lists.flat()
        )
        : Effect.succeed(entries.map(({ name }) => name)))

  const writeFile: FileSystem.FileSystem["writeFile"] = (path, data, options) =>
    told(
      "writeFile",
      Effect.scoped(Effect.flatMap(linux.open(path, openOptionsOf(options)), (file) =>
        Effect.andThen(
          options?.flag?.startsWith("w") ?? true ? file.truncate(0) : Effect.void,
          file.write(data)
        )))
    )

  const makeTempDirectory: FileSystem.FileSystem["makeTempDirectory"] = (options) =>
    Effect.suspend(() => {
      const random = [...system.getrandom(6)].map((byte) => byte.toString(16).padStart(2, "0")).join("")
      const path = `${options?.directory ?? "/tmp"}/${options?.prefix ?? ""}${random}`
      return Effect.as(told("makeTempDirectory", linux.mkdir(path, 0o700)), path)
    })

  return FileSystem.make({
    access: (path, options) => {
      const mode = (options?.readable === true ? 4 : 0) | (options?.writable === true ? 2 : 0)
      return told(
        "access",
        Effect.asVoid(attempt(system, "faccessat", path, () => system.faccessat(AT_FDCWD, path, mode)))
      )
    },
    chmod: (path, mode) => told("chmod", linux.chmod(path, mode)),
    chown: (path, uid, gid) =>
      told(
        "chown",
        Effect.asVoid(attempt(system, "fchownat", path, () => system.fchownat(AT_FDCWD, path, uid, gid, true)))
      ),
    copy: unsupported("copy"),
    copyFile: (from, to) =>
      Effect.flatMap(
        told("copyFile", linux.readFile(from, { maximum: maximumFile })),
        (bytes) => writeFile(to, bytes)
      ),
    link: (from, to) =>
      told("link", Effect.asVoid(attempt(system, "linkat", to, () => system.linkat(AT_FDCWD, from, AT_FDCWD, to)))),
    lstat: (path) => infoOf("lstat", path, false),
    makeDirectory: (path, options) =>
      told("makeDirectory", makeDirectory(path, options?.recursive === true, options?.mode ?? 0o777)),
    makeTempDirectory,
    makeTempDirectoryScoped: (options) =>
      Effect.acquireRelease(makeTempDirectory(options), (path) => Effect.ignore(remove(path, true))),
    makeTempFile: unsupported("makeTempFile"),
    makeTempFileScoped: unsupported("makeTempFileScoped"),
    open: unsupported("open"),
    readDirectory: (path, options) => told("readDirectory", list(path, options?.recursive === true)),
    readDirectoryEntries: (path) =>
      told(
        "readDirectoryEntries",
        Effect.flatMap(
          linux.list(path),
          Effect.forEach(({ name }) =>
            Effect.map(
              attemptValue(system, "fstatat", path, () => system.fstatat(AT_FDCWD, `${path}/${name}`, false)),
              ({ mode }) => ({ name, type: typeOf(mode) })
            )
          )
        )
      ),
    readFile: (path) => told("readFile", linux.readFile(path, { maximum: maximumFile })),
    readLink: (path) => told("readLink", linux.readLink(path)),
    realPath: (path) => told("realPath", linux.realPath(path)),
    remove: (path, options) =>
      told(
        "remove",
        remove(path, options?.recursive === true).pipe(
          Effect.catch((error) => options?.force === true && error.code === "ENOENT" ? Effect.void : Effect.fail(error))
        )
      ),
    rename: (from, to) => told("rename", linux.rename(from, to)),
    stat: (path) => infoOf("stat", path, true),
    symlink: (target, path) => told("symlink", linux.symlink(target, path)),
    truncate: (path, length) =>
      told(
        "truncate",
        Effect.scoped(
          Effect.flatMap(linux.open(path, { access: "write" }), (file) => file.truncate(length ?? 0))
        )
      ),
    utimes: unsupported("utimes"),
    watch: () => Stream.fromEffect(unsupported("watch")()),
    writeFile
  })
}

const openOptionsOf = (
  options: { readonly flag?: FileSystem.OpenFlag | undefined; readonly mode?: number | undefined } | undefined
): OpenOptions => {
  const flag = options?.flag ?? "w"
  return {
    access: flag.includes("+") ? "readWrite" : flag === "r" ? "read" : "write",
    ...(flag.startsWith("r") ? {} : { create: options?.mode ?? 0o666 }),
    exclusive: flag.includes("x"),
    append: flag.startsWith("a")
  }
}

const typeOf = (mode: number): FileSystem.File.Type => {
  switch (mode & 0o170000) {
    case 0o100000:
      return "File"
    case 0o040000:
      return "Directory"
    case 0o120000:
      return "SymbolicLink"
    case 0o020000:
      return "CharacterDevice"
    case 0o060000:
      return "BlockDevice"
    case 0o010000:
      return "FIFO"
    case 0o140000:
      return "Socket"
    default:
      return "Unknown"
  }
}

const dateOf = (milliseconds: number): Date => DateTime.toDateUtc(DateTime.makeUnsafe(milliseconds))

const info = (stat: Stat): FileSystem.File.Info => ({
  type: typeOf(stat.mode),
  mtime: Option.some(dateOf(stat.mtimeMs)),
  atime: Option.some(dateOf(stat.atimeMs)),
  birthtime: Option.none(),
  dev: BigInt(stat.dev),
  ino: Option.some(BigInt(stat.ino)),
  mode: stat.mode,
  nlink: Option.some(BigInt(stat.nlink)),
  uid: Option.some(stat.uid),
  gid: Option.some(stat.gid),
  rdev: Option.some(BigInt(stat.rdev)),
  size: ByteSize.bytes(BigInt(stat.size)),
  blksize: Option.some(ByteSize.bytes(BigInt(stat.blksize))),
  blocks: Option.some(BigInt(stat.blocks))
})
