import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import { type Entry, makeSettings, type Settings, table } from "./Settings.ts"
import { suggest } from "./Suggestion.ts"
import { isTomlTable, showValue, type TomlTable } from "./TomlTable.ts"

/** One wrong or unknown key of a settings table. */
export interface KeyProblem {
  /** `imds.retry_interval_secs`. */
  readonly key: string
  readonly found: string
  readonly expected: string
}

/** What a settings table says: every right value, the default in place of every wrong or missing one. */
export interface DecodedSettings {
  readonly settings: Settings
  readonly wrong: ReadonlyArray<KeyProblem>
  readonly unknown: ReadonlyArray<KeyProblem>
}

/**
 * Decodes one table, a settings file's or several merged.
 *
 * Numbers are checked for range and never taken from strings; sections that are not tables are wrong. Keys that are not
 * known are `unknown`, with the known key that looks most like them.
 */
export const decodeSettings = (document: TomlTable): DecodedSettings => {
  const tableOf = (section: string): TomlTable => {
    const found = document[section]
    return isTomlTable(found) ? found : {}
  }
  const wrong = notTables(document)
  const settings = makeSettings((key, section) => {
    const found = (section === undefined ? document : tableOf(section))[key.name]
    if (found === undefined) return key.default
    const decoded = key.type.decode(found)
    if (Option.isSome(decoded)) return decoded.value
    const name = section === undefined ? key.name : `${section}.${key.name}`
    wrong.push({ key: name, found: showValue(found), expected: key.type.expected })
    return key.default
  })
  return { settings, wrong, unknown: unknownNames(document, tableOf) }
}

const entries = (): ReadonlyArray<Entry> => Object.values(table())

const notTables = (document: TomlTable): Array<KeyProblem> =>
  entries().flatMap(({ _tag, name }) => {
    const found = document[name]
    return _tag === "Key" || found === undefined || isTomlTable(found)
      ? []
      : [{ key: name, found: showValue(found), expected: `a table [${name}]` }]
  })

const unknownNames = (document: TomlTable, tableOf: (section: string) => TomlTable): ReadonlyArray<KeyProblem> => {
  const keys = entries().flatMap((section) => {
    if (section._tag === "Key") return []
    const known = Object.values(section.keys).map(({ name }) => name)
    return Object.keys(tableOf(section.name))
      .filter((name) => !known.includes(name))
      .map((name) => ({
        key: `${section.name}.${name}`,
        found: "an unknown key",
        expected: suggest(name, known)
      }))
  })
  const known = new Set(entries().map(({ name }) => name))
  const sections = entries().flatMap(({ _tag, name }) => _tag === "Section" ? [name] : [])
  const others = Object.keys(document)
    .filter((name) => !known.has(name))
    .map((name) => ({ key: name, found: "an unknown section", expected: suggest(name, sections) }))
  return [...keys, ...others]
}

/** A value as TOML writes it; seconds are floats. */
export const renderValue = (value: unknown): string =>
  Duration.isDuration(value)
    ? Duration.toSeconds(value).toFixed(Number.isInteger(Duration.toSeconds(value)) ? 1 : 3)
    : JSON.stringify(value)

/** The lines of the keys that have a value. */
const renderKeys = (keys: Readonly<Record<string, Entry>>, values: TomlTable): ReadonlyArray<string> =>
  Object.entries(keys).flatMap(([name, { _tag, name: inFile }]) => {
    const found = values[name]
    const value: unknown = Option.isOption(found) ? Option.getOrUndefined(found) : found
    return _tag === "Section" || value === undefined ? [] : [`${inFile} = ${renderValue(value)}`]
  })

/** The settings as a TOML document: for the log, and to show what a file may say. */
export const renderSettings = (settings: Settings): string => {
  const values: TomlTable = settings
  const sections = Object.entries<Entry>(table()).flatMap(([name, entry]) => {
    const found = values[name]
    return entry._tag === "Section" && isTomlTable(found)
      ? [[`[${entry.name}]`, ...renderKeys(entry.keys, found)]]
      : []
  })
  return [renderKeys(table(), values), ...sections]
    .filter((lines) => lines.length > 0)
    .map((lines) => `${lines.join("\n")}\n`)
    .join("\n")
}
