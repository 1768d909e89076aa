import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import { formatInvalidField } from "../domain/PlanFailure.ts"
import { misconfigured } from "../domain/Reportable.ts"

const supportingOf = (error: { readonly message: string }): ReadonlyArray<readonly [string, string]> => [[
  "error",
  error.message
]]

/** Neither IMDS nor the provisioning media names the administrator. */
export class UsernameMissingError extends Schema.TaggedError<UsernameMissingError>()("UsernameMissingError", {
  /** Why IMDS gave none. */
  imds: Schema.String,
  /** Why the media gave none. */
  media: Schema.String
}) {
  /** azure-init's `UsernameFailure`. */
  get reason(): string {
    return "failed to determine username"
  }

  get supporting(): ReadonlyArray<readonly [string, string]> {
    return supportingOf(this)
  }

  override get message(): string {
    return `no administrator name: IMDS: ${this.imds}; media: ${this.media}`
  }
}

/** A field of the metadata cannot be used on Linux, and no other source has a better one. */
export class InvalidFieldError extends Schema.TaggedError<InvalidFieldError>()("InvalidFieldError", {
  /** The field as its source names it: `compute.osProfile.adminUsername`, `HostName`. */
  field: Schema.String,
  source: Schema.Literals(["IMDS", "media"]),
  /** The value, or its beginning. */
  found: Schema.String,
  /** How many characters the whole value has. */
  length: Schema.Int,
  expected: Schema.String
}) {
  /** cloud-init's text for metadata that makes no sense. */
  get reason(): string {
    return `invalid IMDS metadata for key=${this.field}`
  }

  get supporting(): ReadonlyArray<readonly [string, string]> {
    return supportingOf(this)
  }

  override get message(): string {
    return formatInvalidField(this)
  }
}

/** Azure gave a password and no key, and the settings do not allow to set passwords: nobody could log in. Exit status 78. */
export class PasswordNotAllowedError
  extends Schema.TaggedError<PasswordNotAllowedError>()("PasswordNotAllowedError", { user: Schema.String })
{
  /** azure-init's `NonEmptyPassword`. */
  get reason(): string {
    return "provisioning with non-empty password is unsupported"
  }

  get supporting(): ReadonlyArray<readonly [string, string]> {
    return supportingOf(this)
  }

  override get message(): string {
    return `${this.user} has a password and no usable SSH key, and the image does not allow passwords: `
      + "create the VM with an SSH key, or set password_provisioners.allow = true in the image"
  }

  override readonly [Runtime.errorExitCode] = misconfigured
}

/** There were keys, or a password was promised, and none can be used: nobody could log in. */
export class NoAccessError extends Schema.TaggedError<NoAccessError>()("NoAccessError", {
  user: Schema.String,
  detail: Schema.String
}) {
  /** Our own: azure-init reports Ready here, or nothing. */
  get reason(): string {
    return "no usable SSH key or password"
  }

  get supporting(): ReadonlyArray<readonly [string, string]> {
    return supportingOf(this)
  }

  override get message(): string {
    return `nobody could log in as ${this.user}: ${this.detail}`
  }
}
