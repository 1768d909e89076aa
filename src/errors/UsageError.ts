import * as Data from "effect/Data"
import * as Runtime from "effect/Runtime"

/**
 * The command line cannot be understood. What is wrong and what to type has been printed; exit status 2, as
 * azure-init's.
 */
export class UsageError extends Data.TaggedError("UsageError")<{ readonly detail: string }> {
  override get message(): string {
    return this.detail
  }

  override readonly [Runtime.errorExitCode] = 2
  override readonly [Runtime.errorReported] = false
}
