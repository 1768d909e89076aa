import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { LinuxError } from "../errors/LinuxError.ts"

/** What stands under a name; a name that is followed is none of a `link`. */
export type Kind = "file" | "directory" | "link" | "other"

/** What stat(2) tells. */
export interface Stat {
  readonly kind: Kind
  /** Whether it is a socket, which is `other`. */
  readonly isSocket: boolean
  /** Permission bits, at most `0o7777`. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Bytes. */
  readonly size: number
  /** How many names the file has. */
  readonly links: number
  /** With {@link Stat.inode} the identity of the file. */
  readonly device: number
  readonly inode: number
  /** The last change of the content, in milliseconds since 1970. */
  readonly modified: number
}

/** A name in a directory, and what stands under it. */
export interface DirectoryEntry {
  readonly name: string
  readonly kind: Kind
}

/**
 * An open file or directory, until its scope closes. Its calls are about the file itself, whatever happens to its name.
 * They go to the system at once and hold up everything else for their time, {@link File.sync} excepted.
 */
export interface File {
  /** The name that it was opened by. */
  readonly path: string
  readonly stat: Effect.Effect<Stat, LinuxError>
  /** At most so many bytes from the current position on, which moves; none at the end. */
  readonly read: (maximum: number) => Effect.Effect<Uint8Array, LinuxError>
  /** At most so many bytes from an offset on, as many as there are. */
  readonly readAt: (offset: number, maximum: number) => Effect.Effect<Uint8Array, LinuxError>
  /** Writes all of it at the current position, which moves. */
  readonly write: (content: string | Uint8Array) => Effect.Effect<void, LinuxError>
  /** Writes all of it from an offset on. */
  readonly writeAt: (offset: number, bytes: Uint8Array) => Effect.Effect<void, LinuxError>
  /** {@link File.write} for code that is no effect, such as a logger; gives what went wrong. */
  readonly writeUnsafe: (content: string) => LinuxError | undefined
  readonly truncate: (size: number) => Effect.Effect<void, LinuxError>
  /** Makes content and attributes durable; of a directory, its entries. Everything else goes on meanwhile. */
  readonly sync: Effect.Effect<void, LinuxError>
  readonly chmod: (mode: number) => Effect.Effect<void, LinuxError>
  readonly chown: (uid: number, gid: number) => Effect.Effect<void, LinuxError>
  /**
   * Takes an exclusive lock, for which it must be open to write, that ends with the file; `false` when somebody else
   * has it. Never waits.
   */
  readonly tryLock: Effect.Effect<boolean, LinuxError>
}

/** An entry of an open directory, whatever happens to the directory's name. The name has no slash. */
export interface Entry {
  readonly directory: File
  readonly name: string
}

/** A path from the working directory or the root on, or an entry of an open directory. */
export type Place = string | Entry

/** How a place is written in messages. */
export const show = (place: Place): string =>
  typeof place === "string" ? place : `${place.directory.path === "/" ? "" : place.directory.path}/${place.name}`

/** Where bytes go without waiting. */
export interface Output {
  /**
   * Takes bytes without ever waiting: the number that were taken, 0 when there is no room because nobody reads. Throws
   * a {@link LinuxError} when they can never be taken, such as when the reader is gone.
   */
  readonly write: (bytes: Uint8Array) => number
}

/** Standard output or standard error. */
export interface StandardOutput {
  /** What is behind it; `undefined` when it is closed. */
  readonly stat: Stat | undefined
  readonly isTerminal: boolean
  /**
   * A descriptor of our own for the same file. The flag for not waiting belongs to the open file description, which is
   * shared with the caller's processes: a pipe or terminal is opened once more, for a description of its own. A socket
   * cannot be, and is set not to wait, which is only this end of it. A regular file stays as it is, since its position
   * is shared.
   */
  readonly output: Effect.Effect<Output, never, Scope.Scope>
}

/** How to open, as open(2) has it. */
export interface OpenOptions {
  /** `read` when absent. */
  readonly access?: "read" | "write" | "readWrite"
  /** `O_CREAT`, with these permission bits less the umask. */
  readonly create?: number
  /** `O_EXCL`: it must not be there. */
  readonly exclusive?: boolean
  /** `O_APPEND` */
  readonly append?: boolean
  /** `O_DIRECTORY`: it must be one. */
  readonly directory?: boolean
  /** `O_NOFOLLOW`: it must not be a symbolic link (`ELOOP`; with `directory`, `ENOTDIR`). */
  readonly noFollow?: boolean
}

/** What to mount where; always read-only, nosuid, nodev and noexec. */
export interface MountOptions {
  readonly device: string
  readonly directory: string
  /** The file system: `udf`, `iso9660`. */
  readonly type: string
}

/** How to read a whole file. */
export interface ReadOptions {
  /** A file with more bytes is an error, `EFBIG`. */
  readonly maximum: number
  /** As of {@link OpenOptions}. */
  readonly noFollow?: boolean
  /**
   * Of a device that may not answer: everything else goes on meanwhile, and neither interruption nor the end of the
   * process waits for it. For paths; an entry of an open directory is read at once.
   */
  readonly slow?: boolean
}

/**
 * The kernel's calls that Effect's own services lack.
 *
 * Files are opened with `O_CLOEXEC`, `O_NOCTTY` and `O_NONBLOCK`, so that a FIFO or a drive in a file's place holds up
 * nobody. Names are UTF-8; only the last part of a path can be kept from being followed, so a caller that does not
 * trust a directory opens it and continues from there.
 */
export class Linux extends Context.Service<Linux, {
  /** The effective user's id, geteuid(2). */
  readonly euid: number
  /** 1 is standard output, 2 standard error. */
  readonly standardOutput: (fd: 1 | 2) => StandardOutput
  /** openat(2) */
  readonly open: (place: Place, options?: OpenOptions) => Effect.Effect<File, LinuxError, Scope.Scope>
  /** Opens, reads to the end, and closes. */
  readonly readFile: (place: Place, options: ReadOptions) => Effect.Effect<Uint8Array, LinuxError>
  /** fstatat(2), of a symbolic link what it leads to. */
  readonly stat: (place: Place) => Effect.Effect<Stat, LinuxError>
  /** fstatat(2), of a symbolic link the link itself. */
  readonly lstat: (place: Place) => Effect.Effect<Stat, LinuxError>
  /** The entries of a directory but `.` and `..`, in no order. */
  readonly list: (place: Place) => Effect.Effect<ReadonlyArray<DirectoryEntry>, LinuxError>
  /** mkdirat(2); the umask counts. */
  readonly mkdir: (place: Place, mode: number) => Effect.Effect<void, LinuxError>
  /** unlinkat(2) of anything but a directory. */
  readonly unlink: (place: Place) => Effect.Effect<void, LinuxError>
  /** unlinkat(2) of an empty directory. */
  readonly rmdir: (place: Place) => Effect.Effect<void, LinuxError>
  /** renameat(2) */
  readonly rename: (from: Place, to: Place) => Effect.Effect<void, LinuxError>
  /** symlinkat(2) */
  readonly symlink: (target: string, place: Place) => Effect.Effect<void, LinuxError>
  /** readlinkat(2) */
  readonly readLink: (place: Place) => Effect.Effect<string, LinuxError>
  /** realpath(3) */
  readonly realPath: (path: string) => Effect.Effect<string, LinuxError>
  /** fchmodat(2), of a symbolic link what it leads to. */
  readonly chmod: (place: Place, mode: number) => Effect.Effect<void, LinuxError>
  /** fchownat(2), of a symbolic link the link itself. */
  readonly lchown: (place: Place, uid: number, gid: number) => Effect.Effect<void, LinuxError>
  /** kill(2) of one process; `ESRCH` when there is none. */
  readonly signal: (pid: number, signal: "SIGHUP") => Effect.Effect<void, LinuxError>
  /** sethostname(2) */
  readonly setHostname: (name: string) => Effect.Effect<void, LinuxError>
  /**
   * mount(2). `ENOMEDIUM` tells of an empty drive, `ENODEV` that the kernel does not know the file system, after it has
   * looked for a module of it. Everything else goes on meanwhile, and the end of the process does not wait for it.
   * Interruption does not take it back: a drive that answers late may be mounted all the same.
   */
  readonly mount: (options: MountOptions) => Effect.Effect<void, LinuxError>
  /** umount2(2); `lazy` is `MNT_DETACH`: it goes as soon as nobody uses it. Symbolic links are not followed. */
  readonly unmount: (directory: string, options?: { readonly lazy?: boolean }) => Effect.Effect<void, LinuxError>
  /** Opens the tray of a drive (`CDROMEJECT`, ioctl(2)). */
  readonly eject: (device: string) => Effect.Effect<void, LinuxError>
}>()("azure-init/services/Linux") {}
