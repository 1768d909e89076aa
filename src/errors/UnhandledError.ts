import * as Data from "effect/Data"

/** A defect of the agent itself. Reported like any other failure, so that the owner does not wait for a timeout. */
export class UnhandledError extends Data.TaggedError("UnhandledError")<{
  readonly detail: string
}> {
  /** azure-init's `UnhandledError`. */
  get reason(): string {
    return "unhandled error"
  }

  get supporting(): ReadonlyArray<readonly [string, string]> {
    return [["error", this.message]]
  }

  override get message(): string {
    return `unhandled error: ${this.detail}`
  }
}
