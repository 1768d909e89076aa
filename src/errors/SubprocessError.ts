import * as Data from "effect/Data"
import type * as Redacted from "effect/Redacted"

/**
 * An external command did not do its work: it is missing, ended with an exit status that was not allowed, was killed,
 * or did not end in time. Standard input is never part of the error, since it may carry a secret.
 */
export class SubprocessError extends Data.TaggedError("SubprocessError")<{
  /** The argument vector, program first. */
  readonly command: ReadonlyArray<string>
  /** How it ended: `exit status: 3`, `signal: SIGKILL`, `timed out after 30 s`, `not found`, `not started: …`. */
  readonly status: string
  /** The exit status, when it exited by itself. */
  readonly exitCode?: number
  /** The last 2000 characters of standard error, trimmed, without the secrets that the process knows. */
  readonly stderr: string
  /** As `stderr`, with the secrets; absent where nothing was taken out. */
  readonly said?: Redacted.Redacted<string>
}> {
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
