import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as FsPromises from "node:fs/promises"
import { getSystemErrorMessage } from "node:util"
import { LinuxError } from "../../../errors/LinuxError.ts"
import {
  type DirectoryEntry,
  type File,
  type Kind,
  Linux,
  type OpenOptions,
  type Place,
  type ReadOptions,
  show,
  type Stat
} from "../../../services/Linux.ts"
import { runHelper } from "./helper.ts"

const { constants } = Fs

/** Node has no openat(2): what a descriptor of ours leads to has a name below `/proc/self/fd` (proc_pid_fd(5)). */
const nameOf = (place: Place): string => {
  if (typeof place === "string") return place
  return place.directory instanceof NodeFile ? `/proc/self/fd/${place.directory.fd}/${place.name}` : ""
}

/** The error that Node has thrown, for what the call was about. */
const errorOf = (operation: string, place: Place, thrown: unknown): LinuxError => {
  const { code, errno, message } = systemErrorOf(thrown)
  return new LinuxError({
    operation,
    path: show(place),
    code,
    detail: errno === undefined ? message : getSystemErrorMessage(errno)
  })
}

const systemErrorOf = (thrown: unknown) =>
  thrown instanceof Error
    ? {
      code: "code" in thrown && typeof thrown.code === "string" ? thrown.code : "EIO",
      errno: "errno" in thrown && typeof thrown.errno === "number" ? thrown.errno : undefined,
      message: thrown.message
    }
    : { code: "EIO", errno: undefined, message: String(thrown) }

const attempt = <A>(operation: string, place: Place, call: () => A): Effect.Effect<A, LinuxError> =>
  Effect.try({ try: call, catch: (thrown) => errorOf(operation, place, thrown) })

const attemptLater = <A>(operation: string, place: Place, call: () => Promise<A>): Effect.Effect<A, LinuxError> =>
  Effect.tryPromise({ try: call, catch: (thrown) => errorOf(operation, place, thrown) })

const access = { read: constants.O_RDONLY, write: constants.O_WRONLY, readWrite: constants.O_RDWR }

const flagsOf = (options: OpenOptions): number =>
  constants.O_NOCTTY | constants.O_NONBLOCK | access[options.access ?? "read"]
  | (options.create === undefined ? 0 : constants.O_CREAT)
  | (options.exclusive === true ? constants.O_EXCL : 0)
  | (options.append === true ? constants.O_APPEND : 0)
  | (options.directory === true ? constants.O_DIRECTORY : 0)
  | (options.noFollow === true ? constants.O_NOFOLLOW : 0)

const open = (place: Place, options: OpenOptions = {}): Effect.Effect<File, LinuxError, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      attempt("openat", place, () => Fs.openSync(nameOf(place), flagsOf(options), options.create)),
      (fd) => Effect.sync(() => Fs.closeSync(fd))
    ),
    (fd) => new NodeFile(fd, show(place))
  )

const tooBig = (place: Place) =>
  new LinuxError({ operation: "read", path: show(place), code: "EFBIG", detail: "file too large" })

/** On threads of Node's, `slow` or not. */
const readFile = (place: Place, options: ReadOptions): Effect.Effect<Uint8Array, LinuxError> =>
  Effect.flatMap(
    attemptLater("read", place, async () => {
      const file = await FsPromises.open(nameOf(place), flagsOf(options))
      try {
        const parts: Array<Uint8Array> = []
        let length = 0
        while (length <= options.maximum) {
          const { buffer, bytesRead } = await file.read(new Uint8Array(64 * 1024))
          if (bytesRead === 0) break
          parts.push(buffer.subarray(0, bytesRead))
          length += bytesRead
        }
        return Buffer.concat(parts)
      } finally {
        await file.close()
      }
    }),
    (bytes) => bytes.length > options.maximum ? Effect.fail(tooBig(place)) : Effect.succeed(bytes)
  )

const list = (place: Place): Effect.Effect<ReadonlyArray<DirectoryEntry>, LinuxError> =>
  attempt("getdents", place, () =>
    Fs.readdirSync(nameOf(place), { withFileTypes: true }).map((entry) => ({
      name: entry.name,
      kind: kindOf(entry)
    })))

/** A command of util-linux and the like in place of a system call; what it says on its standard error is the detail. */
const byHelper = (
  operation: string,
  path: string,
  command: string,
  args: ReadonlyArray<string>,
  codeOf: (said: string) => string = () => "EIO"
) =>
  Effect.flatMap(runHelper(command, args), (result) =>
    result.status === 0
      ? Effect.void
      : Effect.fail(new LinuxError({ operation, path, code: codeOf(result.said), detail: result.said })))

/** As util-linux's mount(8) words the errors that are told apart. */
const mountCode = (said: string): string => /no medium found/i.test(said) ? "ENOMEDIUM" : "EIO"

/** {@link Linux} on Node: its file system calls, `/proc/self/fd` and helper programs. */
export const linux: Linux["Service"] = Linux.of({
  euid: process.geteuid?.() ?? 0,
  get stderr() {
    return new NodeFile(2, "/dev/stderr")
  },
  open,
  readFile,
  stat: (place) => attempt("fstatat", place, () => statOf(Fs.statSync(nameOf(place)))),
  lstat: (place) => attempt("fstatat", place, () => statOf(Fs.lstatSync(nameOf(place)))),
  list,
  mkdir: (place, mode) => attempt("mkdirat", place, () => void Fs.mkdirSync(nameOf(place), mode)),
  unlink: (place) => attempt("unlinkat", place, () => Fs.unlinkSync(nameOf(place))),
  rmdir: (place) => attempt("unlinkat", place, () => Fs.rmdirSync(nameOf(place))),
  rename: (from, to) => attempt("renameat", to, () => Fs.renameSync(nameOf(from), nameOf(to))),
  symlink: (target, place) => attempt("symlinkat", place, () => Fs.symlinkSync(target, nameOf(place))),
  readLink: (place) => attempt("readlinkat", place, () => Fs.readlinkSync(nameOf(place))),
  realPath: (path) => attempt("realpath", path, () => Fs.realpathSync(path)),
  chmod: (place, mode) => attempt("fchmodat", place, () => Fs.chmodSync(nameOf(place), mode)),
  lchown: (place, uid, gid) => attempt("fchownat", place, () => Fs.lchownSync(nameOf(place), uid, gid)),
  setHostname: (name) => byHelper("sethostname", "", "hostname", [name]),
  mount: ({ device, directory, type }) =>
    byHelper(
      "mount",
      device,
      "mount",
      ["-t", type, "-o", "ro,nosuid,nodev,noexec", device, directory],
      mountCode
    ),
  unmount: (directory, options) =>
    byHelper("umount2", directory, "umount", [...options?.lazy === true ? ["-l"] : [], directory]),
  eject: (device) => byHelper("ioctl", device, "eject", [device])
})

class NodeFile implements File {
  readonly fd: number
  readonly path: string

  constructor(fd: number, path: string) {
    this.fd = fd
    this.path = path
  }

  get stat(): Effect.Effect<Stat, LinuxError> {
    return attempt("fstat", this.path, () => statOf(Fs.fstatSync(this.fd)))
  }

  read(maximum: number): Effect.Effect<Uint8Array, LinuxError> {
    return attempt("read", this.path, () => {
      const bytes = new Uint8Array(maximum)
      return bytes.subarray(0, Fs.readSync(this.fd, bytes, 0, maximum, null))
    })
  }

  readAt(offset: number, maximum: number): Effect.Effect<Uint8Array, LinuxError> {
    return attempt("pread", this.path, () => {
      const bytes = new Uint8Array(maximum)
      let length = 0
      while (length < maximum) {
        const count = Fs.readSync(this.fd, bytes, length, maximum - length, offset + length)
        if (count === 0) break
        length += count
      }
      return bytes.subarray(0, length)
    })
  }

  write(content: string | Uint8Array): Effect.Effect<void, LinuxError> {
    return attempt("write", this.path, () => this.#writeAll(content))
  }

  writeAt(offset: number, bytes: Uint8Array): Effect.Effect<void, LinuxError> {
    return attempt("pwrite", this.path, () => {
      let written = 0
      while (written < bytes.length) {
        written += Fs.writeSync(this.fd, bytes, written, bytes.length - written, offset + written)
      }
    })
  }

  writeUnsafe(content: string): LinuxError | undefined {
    try {
      this.#writeAll(content)
      return undefined
    } catch (thrown) {
      const error = errorOf("write", this.path, thrown)
      return error.code === "EAGAIN" ? undefined : error
    }
  }

  #writeAll(content: string | Uint8Array): void {
    const bytes = typeof content === "string" ? Buffer.from(content) : content
    let written = 0
    while (written < bytes.length) written += Fs.writeSync(this.fd, bytes, written)
  }

  truncate(size: number): Effect.Effect<void, LinuxError> {
    return attempt("ftruncate", this.path, () => Fs.ftruncateSync(this.fd, size))
  }

  get sync(): Effect.Effect<void, LinuxError> {
    return Effect.callback((resume) => {
      Fs.fsync(
        this.fd,
        (error) => resume(error === null ? Effect.void : Effect.fail(errorOf("fsync", this.path, error)))
      )
    })
  }

  chmod(mode: number): Effect.Effect<void, LinuxError> {
    return attempt("fchmod", this.path, () => Fs.fchmodSync(this.fd, mode))
  }

  chown(uid: number, gid: number): Effect.Effect<void, LinuxError> {
    return attempt("fchown", this.path, () => Fs.fchownSync(this.fd, uid, gid))
  }

  /**
   * Node has no flock(2): the helper `flock` takes it on the descriptor that it inherits as number 3. The lock belongs to the open file
   * description, so it outlives the helper. BusyBox's helper knows neither waiting nor fcntl(2) locks, so it is asked for neither.
   */
  get tryLock(): Effect.Effect<boolean, LinuxError> {
    const failed = (detail: string) =>
      Effect.fail(new LinuxError({ operation: "flock", path: this.path, code: "ENOLCK", detail }))
    return runHelper("flock", ["-x", "-n", "3"], { inherit: this.fd, timeout: Duration.seconds(2) }).pipe(
      Effect.flatMap(({ said, status }) => {
        if (status === 0) return Effect.succeed(true)
        // A helper that says something has not understood us; one that finds the lock taken is silent.
        if (status === 1 && said === "") return Effect.succeed(false)
        return failed(status === undefined ? said : `flock ended with status ${status}: ${said}`)
      })
    )
  }
}

const kindOf = (entry: Fs.Dirent | Fs.Stats): Kind =>
  entry.isFile() ? "file" : entry.isDirectory() ? "directory" : entry.isSymbolicLink() ? "link" : "other"

const statOf = (stat: Fs.Stats): Stat => ({
  kind: kindOf(stat),
  mode: stat.mode & 0o7777,
  uid: stat.uid,
  gid: stat.gid,
  size: stat.size,
  links: stat.nlink,
  device: stat.dev,
  inode: stat.ino,
  modified: stat.mtimeMs
})
