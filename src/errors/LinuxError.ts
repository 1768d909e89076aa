import * as Data from "effect/Data"

/**
 * The kernel has refused a call. Never reported as it is: the caller knows what the call was for, and makes its own
 * error of it.
 */
export class LinuxError extends Data.TaggedError("LinuxError")<{
  /** The system call, such as `openat`. */
  readonly operation: string
  /** What it was about; empty where the call names no file. */
  readonly path: string
  /** The name of the errno, such as `ENOENT` (errno(3)). */
  readonly code: string
  /** The errno in words, such as `no such file or directory`. */
  readonly detail: string
}> {
  override get message(): string {
    return `${this.operation}${this.path === "" ? "" : ` ${this.path}`}: ${this.code}: ${this.detail}`
  }
}
