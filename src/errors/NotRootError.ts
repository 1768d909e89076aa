import * as Data from "effect/Data"
import * as Runtime from "effect/Runtime"

/**
 * The agent was started by a user who is not root: nothing was done; exit status 1. The executable prints it to stderr.
 */
export class NotRootError extends Data.TaggedError("NotRootError")<{
  /** The effective user id, as geteuid(2) gives it. */
  readonly uid: number
}> {
  override get message(): string {
    return `azure-init must run as root, and was started with uid ${this.uid}: nothing was changed or reported; use sudo`
  }

  override readonly [Runtime.errorExitCode] = 1

  /** `false`: it has been printed, the runtime need not print it again. */
  override readonly [Runtime.errorReported] = false
}
