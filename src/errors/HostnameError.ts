import * as Data from "effect/Data"

/** The hostname is not set. */
export class HostnameError extends Data.TaggedError("HostnameError")<{
  readonly hostname: string
  readonly detail: string
}> {
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
