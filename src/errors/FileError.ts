import * as Schema from "effect/Schema"

/** A file or directory could not be read, written, checked or locked. */
export class FileError extends Schema.TaggedError<FileError>()("FileError", {
  /** What was tried: `read`, `write`, `create`, `lock`, … */
  operation: Schema.String,
  path: Schema.String,
  /** The error of the system or the check, such as `ENOSPC: no space left on device` or `is a symbolic link`. */
  detail: Schema.String,
  /** The errno name, when the system gave one: `ENOENT`, `ENOSPC`, … */
  code: Schema.optionalKey(Schema.String)
}) {
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
