import * as Schema from "effect/Schema"

/** The hostname is not set. */
export class HostnameError extends Schema.TaggedError<HostnameError>()("HostnameError", {
  hostname: Schema.String,
  detail: Schema.String
}) {
  /** azure-init's `NoHostnameProvisioner`. */
  get reason(): string {
    return "failed to provision hostname"
  }

  get supporting(): ReadonlyArray<readonly [string, string]> {
    return [["hostname", this.hostname], ["error", this.message]]
  }

  override get message(): string {
    return `cannot set the hostname ${this.hostname}: ${this.detail}`
  }
}
