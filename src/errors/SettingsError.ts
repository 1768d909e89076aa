import * as Schema from "effect/Schema"

/** One thing wrong in a settings file. */
export const SettingsProblem = Schema.Struct({
  file: Schema.String,
  /** 1-based, where known. */
  line: Schema.optionalKey(Schema.Int),
  /** `imds.retry_interval_secs`; absent for trouble with the whole file. */
  key: Schema.optionalKey(Schema.String),
  found: Schema.String,
  expected: Schema.String
})

/** See {@link SettingsProblem}. */
export type SettingsProblem = typeof SettingsProblem.Type

/** `FILE:LINE: KEY: found …, expected …`. */
export const formatProblem = (problem: SettingsProblem): string =>
  `${problem.file}${problem.line === undefined ? "" : `:${problem.line}`}: ${
    problem.key === undefined ? "" : `${problem.key}: `
  }found ${problem.found}, expected ${problem.expected}`

/** The settings files are wrong; lists every problem. */
export class SettingsError extends Schema.TaggedError<SettingsError>()("SettingsError", {
  problems: Schema.Array(SettingsProblem)
}) {
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
