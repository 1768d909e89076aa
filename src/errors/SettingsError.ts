import * as Data from "effect/Data"

/** One thing wrong in a settings file. */
export interface SettingsProblem {
  readonly file: string
  /** 1-based, where known. */
  readonly line?: number
  /** `imds.retry_interval_secs`; absent for a problem of the whole file. */
  readonly key?: string
  readonly found: string
  readonly expected: string
}

/** `FILE:LINE: KEY: found …, expected …`. */
export const formatProblem = (problem: SettingsProblem): string =>
  `${problem.file}${problem.line === undefined ? "" : `:${problem.line}`}: ${
    problem.key === undefined ? "" : `${problem.key}: `
  }found ${problem.found}, expected ${problem.expected}`

/** The settings files are wrong; lists every problem. */
export class SettingsError extends Data.TaggedError("SettingsError")<{
  readonly problems: ReadonlyArray<SettingsProblem>
}> {
  /** Our own: azure-init reports "failed to load sshd config" here, which is a misnomer. */
  get reason(): string {
    return "failed to load configuration"
  }

  get supporting(): ReadonlyArray<readonly [string, string]> {
    return [["error", this.message]]
  }

  override get message(): string {
    return this.problems.map(formatProblem).join("; ")
  }
}
