import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"

/** The command line cannot be understood. What is wrong and what to type has been printed; exit status 2, as azure-init's. */
export class UsageError extends Schema.TaggedError<UsageError>()("UsageError", { detail: Schema.String }) {
  override get message(): string {
    return this.detail
  }

  override readonly [Runtime.errorExitCode] = 2
  override readonly [Runtime.errorReported] = false
}
