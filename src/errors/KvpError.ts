import * as Schema from "effect/Schema"

/** The KVP pool could not be opened, locked, written or decoded. Telemetry only: provisioning goes on. */
export class KvpError extends Schema.TaggedError<KvpError>()("KvpError", {
  operation: Schema.String,
  path: Schema.String,
  detail: Schema.String
}) {
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
