import type * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type { Hostname } from "./Hostname.ts"
import type { RejectedLine, SshPublicKey } from "./SshPublicKey.ts"
import type { GroupName, Username } from "./Username.ts"

/** Where a field of the plan comes from. */
export type Source = "IMDS" | "media"

/** A decoded value and where it comes from. */
export interface Sourced<A> {
  readonly value: A
  readonly source: Source
}

/** A key that sshd would not take, as the report names it; `index` is that of the key in its source. */
export interface RejectedKey extends RejectedLine {
  readonly source: Source
}

/** What the account's password is to be. */
export type PasswordPlan =
  | { readonly _tag: "Lock" }
  | { readonly _tag: "Set"; readonly password: Redacted.Redacted<string> }
  /** Azure gave a password, and the settings do not allow to set one: the account is locked, its keys let the owner in. */
  | { readonly _tag: "Withheld" }

/** Everything the agent is going to do, decoded and checked, each field with its source. */
export interface ProvisioningPlan {
  readonly username: Sourced<Username>
  readonly groups: ReadonlyArray<GroupName>
  readonly createMissingGroups: boolean
  /** `none` when neither source names the host: it keeps the image's name. */
  readonly hostname: Option.Option<Sourced<Hostname>>
  readonly keys: ReadonlyArray<SshPublicKey>
  readonly password: PasswordPlan
  /** Whether sshd is to take passwords, as Azure asked. */
  readonly allowPasswords: boolean
}
