import * as Effect from "effect/Effect"
import type { DirectoryEntry as NativeEntry, Natives } from "../../../../runtime/natives.d.ts"
import type { LinuxError } from "../../../errors/LinuxError.ts"
import {
  type DirectoryEntry,
  Linux,
  type OpenOptions,
  type Place,
  type ReadOptions,
  show
} from "../../../services/Linux.ts"
import { attempt, attemptValue, errorOf, offload, offloadValue } from "./errors.ts"
import { kindOf, LinuxFile, statOf } from "./LinuxFile.ts"
import { standardOutput } from "./standardOutput.ts"

/** How much is read at once, in bytes: settings, keys and disc documents fit. */
const portion = 64 * 1024

/** {@link Linux} by the boot runtime's natives. */
export const make = (system: Natives): Linux["Service"] => {
  const { constants } = system
  const number = (name: string): number => constants[name] ?? 0
  const cwd = number("AT_FDCWD")
  const always = number("O_CLOEXEC") | number("O_NOCTTY") | number("O_NONBLOCK")
  const access = { read: number("O_RDONLY"), write: number("O_WRONLY"), readWrite: number("O_RDWR") }
  const privateMount = number("MS_RDONLY") | number("MS_NOSUID") | number("MS_NODEV") | number("MS_NOEXEC")

  const base = (place: Place): number =>
    typeof place === "string" ? cwd : place.directory instanceof LinuxFile ? place.directory.fd : -1
  const nameOf = (place: Place): string => typeof place === "string" ? place : place.name

  const flagsOf = (options: OpenOptions): number =>
    always | access[options.access ?? "read"]
    | (options.create === undefined ? 0 : number("O_CREAT"))
    | (options.exclusive === true ? number("O_EXCL") : 0)
    | (options.append === true ? number("O_APPEND") : 0)
    | (options.directory === true ? number("O_DIRECTORY") : 0)
    | (options.noFollow === true ? number("O_NOFOLLOW") : 0)

  const opened = (place: Place, options: OpenOptions) =>
    attempt(
      system,
      "openat",
      place,
      () => system.openat(base(place), nameOf(place), flagsOf(options), options.create ?? 0)
    )

  const close = (fd: number) =>
    Effect.sync(() => {
      system.close(fd)
    })

  const readFile = (place: Place, options: ReadOptions): Effect.Effect<Uint8Array, LinuxError> =>
    Effect.suspend(() => {
      const fd = system.openat(base(place), nameOf(place), flagsOf(options), 0)
      if (fd < 0) return Effect.fail(errorOf(system, "openat", place, fd))
      const content = new Content(options.maximum)
      let part: Uint8Array | number
      do {
        part = system.read(fd, content.wanted)
      } while (typeof part !== "number" && content.takes(part))
      system.close(fd)
      return finished(place, content, part)
    })

  const finished = (place: Place, content: Content, last: Uint8Array | number) => {
    if (typeof last === "number") return Effect.fail(errorOf(system, "read", place, last))
    if (content.length > content.maximum) {
      return Effect.fail(errorOf(system, "read", place, -number("EFBIG")))
    }
    return Effect.succeed(content.bytes())
  }

  const readSlowly = (path: string, options: ReadOptions): Effect.Effect<Uint8Array, LinuxError> =>
    offloadValue<Uint8Array>(
      system,
      "read",
      path,
      (done) => system.offload.readFile(path, flagsOf(options), options.maximum, done)
    )

  const stat = (place: Place, follow: boolean) =>
    Effect.map(
      attemptValue(system, "fstatat", place, () => system.fstatat(base(place), nameOf(place), follow)),
      statOf
    )

  const list = (place: Place): Effect.Effect<ReadonlyArray<DirectoryEntry>, LinuxError> =>
    Effect.suspend(() => {
      const fd = system.openat(base(place), nameOf(place), always | number("O_DIRECTORY"), 0)
      if (fd < 0) return Effect.fail(errorOf(system, "openat", place, fd))
      const entries = system.readdir(fd)
      const found = typeof entries === "number" ? entries : entries.map((entry) => entryOf(fd, entry))
      system.close(fd)
      return typeof found === "number" ? Effect.fail(errorOf(system, "getdents", place, found)) : Effect.succeed(found)
    })

  /** Some file systems do not tell what their entries are (readdir(3)). */
  const entryOf = (fd: number, { name, type }: NativeEntry): DirectoryEntry => {
    if (type !== 0) return { name, kind: kindOf(type) }
    const status = system.fstatat(fd, name, false)
    return { name, kind: typeof status === "number" ? "other" : kindOf(status.mode) }
  }

  return Linux.of({
    euid: system.geteuid(),
    standardOutput: (fd) => standardOutput(system, fd),
    open: (place, options = {}) =>
      Effect.map(
        Effect.acquireRelease(opened(place, options), close),
        (fd) => new LinuxFile(system, fd, show(place))
      ),
    readFile: (place, options) =>
      options.slow === true && typeof place === "string" ? readSlowly(place, options) : readFile(place, options),
    stat: (place) => stat(place, true),
    lstat: (place) => stat(place, false),
    list,
    mkdir: (place, mode) =>
      Effect.asVoid(attempt(system, "mkdirat", place, () => system.mkdirat(base(place), nameOf(place), mode))),
    unlink: (place) =>
      Effect.asVoid(attempt(system, "unlinkat", place, () => system.unlinkat(base(place), nameOf(place), false))),
    rmdir: (place) =>
      Effect.asVoid(attempt(system, "unlinkat", place, () => system.unlinkat(base(place), nameOf(place), true))),
    rename: (from, to) =>
      Effect.asVoid(
        attempt(system, "renameat", to, () => system.renameat(base(from), nameOf(from), base(to), nameOf(to)))
      ),
    symlink: (target, place) =>
      Effect.asVoid(attempt(system, "symlinkat", place, () => system.symlinkat(target, base(place), nameOf(place)))),
    readLink: (place) => attemptValue(system, "readlinkat", place, () => system.readlinkat(base(place), nameOf(place))),
    realPath: (path) => attemptValue(system, "realpath", path, () => system.realpath(path)),
    chmod: (place, mode) =>
      Effect.asVoid(attempt(system, "fchmodat", place, () => system.fchmodat(base(place), nameOf(place), mode))),
    lchown: (place, uid, gid) =>
      Effect.asVoid(
        attempt(system, "fchownat", place, () => system.fchownat(base(place), nameOf(place), uid, gid, false))
      ),
    signal: (pid, signal) =>
      Effect.asVoid(attempt(system, "kill", String(pid), () => system.kill(pid, number(signal)))),
    setHostname: (name) => Effect.asVoid(attempt(system, "sethostname", "", () => system.sethostname(name))),
    mount: ({ device, directory, type }) =>
      Effect.asVoid(offload<number>(
        system,
        "mount",
        device,
        (done) => system.offload.mount(device, directory, type, privateMount, "", done)
      )),
    unmount: (directory, options) =>
      Effect.asVoid(offload<number>(
        system,
        "umount2",
        directory,
        (done) =>
          system.offload.umount(
            directory,
            number("UMOUNT_NOFOLLOW") | (options?.lazy === true ? number("MNT_DETACH") : 0),
            done
          )
      )),
    eject: (device) =>
      Effect.asVoid(offload<number>(system, "ioctl", device, (done) => system.offload.eject(device, done)))
  })
}

/** What is read of a file, up to one byte more than is allowed. */
class Content {
  readonly maximum: number
  readonly #parts: Array<Uint8Array> = []
  length = 0

  constructor(maximum: number) {
    this.maximum = maximum
  }

  /** How much to read next. */
  get wanted(): number {
    return Math.min(portion, this.maximum + 1 - this.length)
  }

  /** Adds a part; whether there may be another. */
  takes(part: Uint8Array): boolean {
    if (part.length === 0) return false
    this.#parts.push(part)
    this.length += part.length
    return this.length <= this.maximum
  }

  bytes(): Uint8Array {
    const [first = new Uint8Array()] = this.#parts
    if (this.#parts.length < 2) return first
    const all = new Uint8Array(this.length)
    let offset = 0
    for (const part of this.#parts) {
      all.set(part, offset)
      offset += part.length
    }
    return all
  }
}
