import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as FsPromises from "node:fs/promises"
import { LinuxError } from "../../../errors/LinuxError.ts"
import {
  type DirectoryEntry,
  type File,
  Linux,
  type OpenOptions,
  type Place,
  type ReadOptions,
  show
} from "../../../services/Linux.ts"
import { attempt, attemptLater } from "./errors.ts"
import { runHelper } from "./helper.ts"
import { kindOf, NodeFile, statOf } from "./LinuxFile.ts"
import { standardOutput } from "./standardOutput.ts"

const { constants } = Fs

/** Node has no openat(2): what a descriptor of ours leads to has a name below `/proc/self/fd` (proc_pid_fd(5)). */
const nameOf = (place: Place): string => {
  if (typeof place === "string") return place
  return place.directory instanceof NodeFile ? `/proc/self/fd/${place.directory.fd}/${place.name}` : ""
}

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
  standardOutput,
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
  signal: (pid, signal) => attempt("kill", String(pid), () => void process.kill(pid, signal)),
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
