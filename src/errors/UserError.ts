import * as Data from "effect/Data"
import * as Runtime from "effect/Runtime"
import { misconfigured } from "../domain/Reportable.ts"

/** The account, its groups, its home or its sudo rights are not as asked. */
export class UserError extends Data.TaggedError("UserError")<{
  readonly user: string
  /** What was tried: `create the account`, `find the groups a, b`, `write the sudo rule`, … */
  readonly operation: string
  /** Why it failed, every backend's cause included. */
  readonly detail: string
}> {
  /** azure-init's `NoUserProvisioner`. */
  get reason(): string {
    return "failed to provision user"
  }

  get supporting(): ReadonlyArray<readonly [string, string]> {
    return [["user", this.user], ["error", this.message]]
  }

  override get message(): string {
    return `cannot ${this.operation} for the user ${this.user}: ${this.detail}`
  }
}

/** The account that everything else needs is not in the user database. azure-init's `UserMissing`, exit status 78. */
export class UserMissingError extends Data.TaggedError("UserMissingError")<{
  readonly user: string
}> {
  get reason(): string {
    return "user not found"
  }

  get supporting(): ReadonlyArray<readonly [string, string]> {
    return [["user", this.user]]
  }

  override get message(): string {
    return `the user ${this.user} does not exist after it was created: check /etc/nsswitch.conf and /etc/passwd`
  }

  override readonly [Runtime.errorExitCode] = misconfigured
}
