import * as Data from "effect/Data"

/** The account could not be locked, or its password could not be set. Never holds the password. */
export class PasswordError extends Data.TaggedError("PasswordError")<{
  readonly user: string
  readonly operation: "lock" | "set"
  readonly detail: string
}> {
  /** azure-init's `NoPasswordProvisioner`. */
  get reason(): string {
    return "failed to provision password"
  }

  get supporting(): ReadonlyArray<readonly [string, string]> {
    return [["user", this.user], ["error", this.message]]
  }

  override get message(): string {
    return `cannot ${this.operation} the password of ${this.user}: ${this.detail}`
  }
}
