import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { LinuxError } from "../../../errors/LinuxError.ts"
import type { File, Kind, Stat } from "../../../services/Linux.ts"
import { attempt, errorOf } from "./errors.ts"
import { runHelper } from "./helper.ts"

/** {@link File} on Node: its synchronous calls, and a helper program for locks. */
export class NodeFile implements File {
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
      return errorOf("write", this.path, thrown)
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
   * Node has no flock(2): the helper `flock` takes it on the descriptor that it inherits as number 3. The lock belongs
   * to the open file description, so it outlives the helper. BusyBox's helper knows neither waiting nor fcntl(2) locks,
   * so it is asked for neither.
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

/** What stands behind a name. */
export const kindOf = (entry: Fs.Dirent | Fs.Stats): Kind =>
  entry.isFile() ? "file" : entry.isDirectory() ? "directory" : entry.isSymbolicLink() ? "link" : "other"

/** {@link Stat} of Node's. */
export const statOf = (stat: Fs.Stats): Stat => ({
  kind: kindOf(stat),
  isSocket: stat.isSocket(),
  mode: stat.mode & 0o7777,
  uid: stat.uid,
  gid: stat.gid,
  size: stat.size,
  links: stat.nlink,
  device: stat.dev,
  inode: stat.ino,
  modified: stat.mtimeMs
})
