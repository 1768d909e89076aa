import * as Data from "effect/Data"

/** The firmware shows no usable product UUID. */
export class VmIdentityError extends Data.TaggedError("VmIdentityError")<{
  readonly path: string
  readonly detail: string
}> {
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
