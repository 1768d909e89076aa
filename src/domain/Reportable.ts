/**
 * What every error of this project offers to the failure report.
 *
 * `reason` is a short stable sentence, the one that azure-init or cloud-init uses where they have one, because Microsoft's
 * troubleshooting pages are keyed on it. `message` says what was tried, on what, and what to do. `supporting` holds
 * further `key=value` pairs of the report, in order; never a secret.
 */
export interface Reportable {
  readonly _tag: string
  readonly message: string
  readonly reason: string
  readonly supporting: ReadonlyArray<readonly [key: string, value: string]>
}
