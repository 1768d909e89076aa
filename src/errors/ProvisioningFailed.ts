import * as Data from "effect/Data"
import * as Runtime from "effect/Runtime"

/**
 * The agent's last word: everything has been reported and logged, and the process ends with `status`.
 *
 * 1 for a failure, 78 (`EX_CONFIG` of sysexits(3)) where azure-init has it: the user is missing, or a password is not
 * allowed.
 */
export class ProvisioningFailed extends Data.TaggedError("ProvisioningFailed")<{
  readonly status: number
  readonly detail: string
}> {
  override get message(): string {
    return this.detail
  }

  override readonly [Runtime.errorExitCode] = this.status

  /** `false`: it has been logged, the runtime need not print it again. */
  override readonly [Runtime.errorReported] = false
}
