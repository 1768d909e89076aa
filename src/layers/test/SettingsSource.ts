import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { decodeSettings } from "../../domain/SettingsDocument.ts"
import { keysOf, type TomlTable } from "../../domain/TomlTable.ts"
import type { SettingsProblem } from "../../errors/SettingsError.ts"
import { SettingsSource } from "../../services/SettingsSource.ts"

/**
 * A {@link SettingsSource} that has one file, `settings.toml`, with the given table, and any further `errors`
 * (unreadable files, syntax). `calls` has the `config` of each load.
 */
export const make = (table: TomlTable = {}, errors: ReadonlyArray<SettingsProblem> = []): {
  readonly layer: Layer.Layer<SettingsSource>
  readonly calls: ReadonlyArray<string | undefined>
} => {
  const calls: Array<string | undefined> = []
  const load = (config: Option.Option<string>) =>
    Effect.sync(() => {
      calls.push(Option.getOrUndefined(config))
      const decoded = decodeSettings(table)
      return {
        settings: decoded.settings,
        files: ["settings.toml"],
        set: keysOf(table),
        errors: [...errors, ...decoded.wrong.map((problem) => ({ file: "settings.toml", ...problem }))],
        warnings: decoded.unknown.map((problem) => ({ file: "settings.toml", ...problem }))
      }
    })
  return { layer: Layer.succeed(SettingsSource, SettingsSource.of({ load })), calls }
}
