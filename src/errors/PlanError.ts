import * as Data from "effect/Data"
import * as Runtime from "effect/Runtime"
import { formatInvalidField } from "../domain/PlanFailure.ts"
import { misconfigured } from "../domain/Reportable.ts"

const supportingOf = (error: { readonly message: string }): ReadonlyArray<readonly [string, string]> => [[
  "error",
  error.message
]]

/** Neither IMDS nor the provisioning media names the administrator. */
export class UsernameMissingError extends Data.TaggedError("UsernameMissingError")<{
  /** Why IMDS gave none. */
  readonly imds: string
  /** Why the media gave none. */
  readonly media: string
}> {
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
export class InvalidFieldError extends Data.TaggedError("InvalidFieldError")<{
  /** The field as its source names it: `compute.osProfile.adminUsername`, `HostName`. */
  readonly field: string
  readonly source: "IMDS" | "media"
  /** The value, or its beginning. */
  readonly found: string
  /** How many characters the whole value has. */
  readonly length: number
  readonly expected: string
}> {
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

/**
 * Azure gave a password and no key, and the settings do not allow to set passwords: nobody could log in. Exit status
 * 78.
 */
export class PasswordNotAllowedError extends Data.TaggedError("PasswordNotAllowedError")<{ readonly user: string }> {
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
export class NoAccessError extends Data.TaggedError("NoAccessError")<{
  readonly user: string
  readonly detail: string
}> {
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
