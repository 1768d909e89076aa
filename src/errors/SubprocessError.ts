import * as Schema from "effect/Schema"

/**
 * An external command did not do its work: it is missing, ended with an exit status that was not allowed, was killed, or did
 * not end in time. Standard input is never part of the error, since it may carry a secret.
 */
export class SubprocessError extends Schema.TaggedError<SubprocessError>()("SubprocessError", {
  /** The argument vector, program first. */
  command: Schema.Array(Schema.String),
  /** How it ended: `exit status: 3`, `signal: SIGKILL`, `timed out after 30 s`, `not found`, `not started: …`. */
  status: Schema.String,
  /** The exit status, when it exited by itself. */
  exitCode: Schema.optionalKey(Schema.Int),
  /** The last 2000 characters of standard error, trimmed, without the secrets that the process knows. */
  stderr: Schema.String,
  /** As `stderr`, with the secrets; absent where nothing was taken out. */
  said: Schema.optionalKey(Schema.Redacted(Schema.String))
}) {
  /** azure-init's `SubprocessFailed`. */
  get reason(): string {
    return "subprocess failed"
  }

  get supporting(): ReadonlyArray<readonly [string, string]> {
    return [["command", this.command.map((word) => `"${word}"`).join(" ")], ["exit_status", this.status]]
  }

  override get message(): string {
    const said = this.stderr === "" ? "" : `: ${this.stderr}`
    return `executing ${this.command.map((word) => `"${word}"`).join(" ")} failed: ${this.status}${said}`
  }
}
