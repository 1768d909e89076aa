import * as Data from "effect/Data"

/** The KVP pool could not be opened, locked, written or decoded. Telemetry only: provisioning goes on. */
export class KvpError extends Data.TaggedError("KvpError")<{
  readonly operation: string
  readonly path: string
  readonly detail: string
}> {
  /** azure-init's `Io`. */
  get reason(): string {
    return "I/O error"
  }

  get supporting(): ReadonlyArray<readonly [string, string]> {
    return [["error", this.message]]
  }

  override get message(): string {
    return `cannot ${this.operation} the KVP pool ${this.path}: ${this.detail}`
  }
}
