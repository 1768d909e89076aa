import * as Data from "effect/Data"

/** The SSH keys are not installed. */
export class SshKeysError extends Data.TaggedError("SshKeysError")<{
  readonly user: string
  /** The file or directory in question. */
  readonly path: string
  readonly detail: string
}> {
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

/** sshd reads keys from no file, so that keys which are written anywhere let nobody in. */
export class SshKeysUnreadError extends Data.TaggedError("SshKeysUnreadError")<{
  readonly user: string
  /** The value of `AuthorizedKeysFile` that is in force for the user. */
  readonly setting: string
  /** The lines that set it, as `file:line`; empty when they are not in a file that could be read. */
  readonly places: ReadonlyArray<string>
}> {
  /** azure-init has none: it takes `none` for a file's name. */
  get reason(): string {
    return "sshd reads no authorized keys file"
  }

  get supporting(): ReadonlyArray<readonly [string, string]> {
    return [["user", this.user], ["error", this.message]]
  }

  override get message(): string {
    const places = this.places.length > 0 ? this.places.join(" and ") : "sshd's configuration"
    return `sshd reads the SSH keys of ${this.user} from no file: AuthorizedKeysFile ${this.setting} is set in ${places}; remove it, or set it to .ssh/authorized_keys`
  }
}

/** sshd's setting for password logins is not as Azure asked. */
export class SshdConfigError extends Data.TaggedError("SshdConfigError")<{
  readonly path: string
  readonly detail: string
}> {
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
