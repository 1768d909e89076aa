import * as Effect from "effect/Effect"
import type { Natives, Stat as NativeStat } from "../../../../runtime/natives.d.ts"
import type { LinuxError } from "../../../errors/LinuxError.ts"
import type { File, Kind, Stat } from "../../../services/Linux.ts"
import { attempt, attemptValue, errorOf, offload } from "./errors.ts"

/** The natives that an open file needs. */
type Used =
  & Pick<
    Natives,
    | "cancel"
    | "constants"
    | "encodeUtf8"
    | "errorName"
    | "errorText"
    | "fchmod"
    | "fchown"
    | "flock"
    | "fstat"
    | "ftruncate"
    | "lockRange"
    | "pread"
    | "pwrite"
    | "read"
    | "write"
  >
  & { readonly offload: Pick<Natives["offload"], "fsync"> }

/** {@link File} by the boot runtime's natives. */
export class LinuxFile implements File {
  readonly #system: Used
  readonly fd: number
  readonly path: string

  constructor(system: Used, fd: number, path: string) {
    this.#system = system
    this.fd = fd
    this.path = path
  }

  get stat(): Effect.Effect<Stat, LinuxError> {
    return Effect.map(attemptValue(this.#system, "fstat", this.path, () => this.#system.fstat(this.fd)), statOf)
  }

  read(maximum: number): Effect.Effect<Uint8Array, LinuxError> {
    return attemptValue(this.#system, "read", this.path, () => this.#system.read(this.fd, maximum))
  }

  readAt(offset: number, maximum: number): Effect.Effect<Uint8Array, LinuxError> {
    return attemptValue(this.#system, "pread", this.path, () => {
      const bytes = new Uint8Array(maximum)
      let length = 0
      while (length < maximum) {
        const part = this.#system.pread(this.fd, maximum - length, offset + length)
        if (typeof part === "number") return part
        if (part.length === 0) break
        bytes.set(part, length)
        length += part.length
      }
      return bytes.subarray(0, length)
    })
  }

  write(content: string | Uint8Array): Effect.Effect<void, LinuxError> {
    return Effect.asVoid(attempt(this.#system, "write", this.path, () => this.#writeAll(content)))
  }

  writeAt(offset: number, bytes: Uint8Array): Effect.Effect<void, LinuxError> {
    return Effect.asVoid(attempt(this.#system, "pwrite", this.path, () => {
      let written = 0
      while (written < bytes.length) {
        const count = this.#system.pwrite(this.fd, bytes.subarray(written), offset + written)
        if (count < 0) return count
        written += count
      }
      return written
    }))
  }

  writeUnsafe(content: string): LinuxError | undefined {
    const status = this.#writeAll(content)
    return status < 0 ? errorOf(this.#system, "write", this.path, status) : undefined
  }

  #writeAll(content: string | Uint8Array): number {
    const bytes = typeof content === "string" ? this.#system.encodeUtf8(content) : content
    let written = 0
    while (written < bytes.length) {
      const count = this.#system.write(this.fd, written === 0 ? bytes : bytes.subarray(written))
      if (count < 0) return count
      written += count
    }
    return written
  }

  truncate(size: number): Effect.Effect<void, LinuxError> {
    return Effect.asVoid(attempt(this.#system, "ftruncate", this.path, () => this.#system.ftruncate(this.fd, size)))
  }

  get sync(): Effect.Effect<void, LinuxError> {
    return Effect.asVoid(
      offload<number>(this.#system, "fsync", this.path, (done) => this.#system.offload.fsync(this.fd, done))
    )
  }

  chmod(mode: number): Effect.Effect<void, LinuxError> {
    return Effect.asVoid(attempt(this.#system, "fchmod", this.path, () => this.#system.fchmod(this.fd, mode)))
  }

  chown(uid: number, gid: number): Effect.Effect<void, LinuxError> {
    return Effect.asVoid(attempt(this.#system, "fchown", this.path, () => this.#system.fchown(this.fd, uid, gid)))
  }

  /** Both kinds of lock: cloud-init and azure-init take flock(2), the Hyper-V daemon takes fcntl(2). */
  get tryLock(): Effect.Effect<boolean, LinuxError> {
    return Effect.suspend(() => {
      const system = this.#system
      const { EAGAIN = 0, EWOULDBLOCK = EAGAIN, EACCES = 0, LOCK_EX = 0, LOCK_NB = 0, LOCK_UN = 0 } = system.constants
      const taken = system.flock(this.fd, LOCK_EX | LOCK_NB)
      if (taken === -EWOULDBLOCK) return Effect.succeed(false)
      if (taken < 0) return Effect.fail(errorOf(system, "flock", this.path, taken))
      const range = system.lockRange(this.fd, LOCK_EX)
      if (range >= 0) return Effect.succeed(true)
      system.flock(this.fd, LOCK_UN)
      return range === -EAGAIN || range === -EACCES
        ? Effect.succeed(false)
        : Effect.fail(errorOf(system, "fcntl", this.path, range))
    })
  }
}

/** What the type bits of a mode say. */
export const kindOf = (mode: number): Kind => {
  switch (mode & 0o170000) {
    case 0o100000:
      return "file"
    case 0o040000:
      return "directory"
    case 0o120000:
      return "link"
    default:
      return "other"
  }
}

/** {@link Stat} of what fstat(2) gave. */
export const statOf = (stat: NativeStat): Stat => ({
  kind: kindOf(stat.mode),
  isSocket: (stat.mode & 0o170000) === 0o140000,
  mode: stat.mode & 0o7777,
  uid: stat.uid,
  gid: stat.gid,
  size: stat.size,
  links: stat.nlink,
  device: stat.dev,
  inode: stat.ino,
  modified: stat.mtimeMs
})
