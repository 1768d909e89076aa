import * as Schema from "effect/Schema"

/** The SSH keys are not installed. */
export class SshKeysError extends Schema.TaggedError<SshKeysError>()("SshKeysError", {
  user: Schema.String,
  /** The file or directory in question. */
  path: Schema.String,
  detail: Schema.String
}) {
  /** azure-init's `Io`, which is what it reports for the key file. */
  get reason(): string {
    return "I/O error"
  }

  get supporting(): ReadonlyArray<readonly [string, string]> {
    return [["user", this.user], ["error", this.message]]
  }

  override get message(): string {
    return `cannot install the SSH keys of ${this.user} at ${this.path}: ${this.detail}`
  }
}

/** sshd's setting for password logins is not as Azure asked. */
export class SshdConfigError extends Schema.TaggedError<SshdConfigError>()("SshdConfigError", {
  path: Schema.String,
  detail: Schema.String
}) {
  /** azure-init's `UpdateSshdConfig`. */
  get reason(): string {
    return "failed to update sshd config"
  }

  get supporting(): ReadonlyArray<readonly [string, string]> {
    return [["error", this.message]]
  }

  override get message(): string {
    return `cannot update the sshd configuration ${this.path}: ${this.detail}`
  }
}
