import * as Data from "effect/Data"
import type { ObstacleKind } from "../domain/LoginAccess.ts"

/** Our own: azure-init reports Ready in each of these cases. They do not change: alerts are keyed on them. */
const reasons: Readonly<Record<ObstacleKind, string>> = {
  "system account": "administrator is a system account",
  "shell": "administrator has no login shell",
  "expired": "administrator account has expired",
  "inactive": "administrator account is inactive",
  "password change": "administrator must change the password first",
  "locked": "administrator account is locked",
  "nologin": "logins are disabled by /etc/nologin",
  "root login": "sshd does not permit root logins",
  "user list": "sshd does not allow the administrator",
  "methods": "sshd does not take the administrator's credentials"
}

/** The account is there, and sshd lets nobody in with it, however good the key or the password is. */
export class LoginRefusedError extends Data.TaggedError("LoginRefusedError")<{
  readonly user: string
  readonly kind: ObstacleKind
  /** What was found, and what to do about it. */
  readonly detail: string
}> {
  get reason(): string {
    return reasons[this.kind]
  }

  get supporting(): ReadonlyArray<readonly [string, string]> {
    return [["user", this.user], ["error", this.message]]
  }

  override get message(): string {
    return `nobody can log in as ${this.user}: ${this.detail}`
  }
}
