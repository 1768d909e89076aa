import * as Data from "effect/Data"

/** A file or directory could not be read, written, checked or locked. */
export class FileError extends Data.TaggedError("FileError")<{
  /** What was tried: `read`, `write`, `create`, `lock`, … */
  readonly operation: string
  readonly path: string
  /** The error of the system or the check, such as `ENOSPC: no space left on device` or `is a symbolic link`. */
  readonly detail: string
  /** The errno name, when the system gave one: `ENOENT`, `ENOSPC`, … */
  readonly code?: string
}> {
  /** azure-init's `Io`. */
  get reason(): string {
    return "I/O error"
  }

  get supporting(): ReadonlyArray<readonly [string, string]> {
    return [["error", this.message]]
  }

  override get message(): string {
    return `cannot ${this.operation} ${this.path}: ${this.detail}`
  }
}
