import * as Schema from "effect/Schema"

/** The firmware shows no usable product UUID. */
export class VmIdentityError extends Schema.TaggedError<VmIdentityError>()("VmIdentityError", {
  path: Schema.String,
  detail: Schema.String
}) {
  /** cloud-init's `ReportableErrorVmIdentification`. */
  get reason(): string {
    return "failure to identify Azure VM ID"
  }

  get supporting(): ReadonlyArray<readonly [string, string]> {
    return [["error", this.message]]
  }

  override get message(): string {
    return `cannot read the VM id from ${this.path}: ${this.detail}`
  }
}
