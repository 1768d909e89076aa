import type * as Arr from "effect/Array"
import * as Runtime from "effect/Runtime"

/**
 * `EX_CONFIG` of sysexits(3): azure-init's exit status when the user is missing or a password is not allowed
 * (`main.rs`).
 */
export const misconfigured = 78

/**
 * What every error of this project offers to the failure report.
 *
 * `reason` is a short stable sentence, the one that azure-init or cloud-init uses where they have one, because
 * Microsoft's troubleshooting pages are keyed on it. `message` says what was tried, on what, and what to do.
 * `supporting` holds further `key=value` pairs of the report, in order; never a secret.
 */
export interface Reportable {
  readonly _tag: string
  readonly message: string
  readonly reason: string
  readonly supporting: ReadonlyArray<readonly [key: string, value: string]>
  /**
   * The exit status of an agent that fails with it, {@link misconfigured} or 1; 1 where an error has none, as in
   * Effect's runtime.
   */
  readonly [Runtime.errorExitCode]?: number
}

/** The exit status of an agent that fails with all of these: 78 where one of them has it, otherwise 1. */
export const exitStatusOf = (failures: Arr.NonEmptyReadonlyArray<Reportable>): number =>
  Math.max(...failures.map(Runtime.getErrorExitCode))
