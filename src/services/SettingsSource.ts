import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type { Settings } from "../domain/Settings.ts"
import type { SettingsProblem } from "../errors/SettingsError.ts"

/**
 * The settings and all that is wrong with their files.
 *
 * `settings` holds every right value and the default in place of every wrong or unreadable one, so that a failure can
 * still be reported to the configured endpoint. With an empty `errors` the settings are what the files say.
 */
export interface LoadedSettings {
  readonly settings: Settings
  /** The files that were read, in the order of precedence, lowest first. */
  readonly files: ReadonlyArray<string>
  /** The keys that the files set, as `user_provisioners.groups`; those of unknown sections too. */
  readonly set: ReadonlySet<string>
  /** Stop the boot: wrong values, syntax errors, unreadable files, a missing `--config`. */
  readonly errors: ReadonlyArray<SettingsProblem>
  /** Do not stop the boot: unknown keys and sections. */
  readonly warnings: ReadonlyArray<SettingsProblem>
}

/** Reads the settings files; `config` is the value of `--config` or `AZURE_INIT_CONFIG`, a file or a directory. */
export class SettingsSource extends Context.Service<SettingsSource, {
  readonly load: (config: Option.Option<string>) => Effect.Effect<LoadedSettings>
}>()("azure-init/services/SettingsSource") {}
