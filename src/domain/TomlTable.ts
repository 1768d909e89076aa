import * as Formatter from "effect/Formatter"
import * as Predicate from "effect/Predicate"

/** A table as a TOML document gives it. */
export type TomlTable = Readonly<Record<string, unknown>>

/** A TOML parser may give its tables no prototype; dates are objects too. */
export const isTomlTable = (value: unknown): value is TomlTable =>
  Predicate.isObject(value) && [Object.prototype, null].includes(Object.getPrototypeOf(value))

/** Merges a later table over an earlier one: tables key by key, everything else replaced. */
export const mergeTables = (earlier: TomlTable, later: TomlTable): TomlTable =>
  // From entries, since assigning a key `__proto__` would make its keys look like settings.
  Object.fromEntries([
    ...Object.entries(earlier),
    ...Object.entries(later).map(([key, value]): [string, unknown] => {
      const before = Object.hasOwn(earlier, key) ? earlier[key] : undefined
      return [key, isTomlTable(before) && isTomlTable(value) ? mergeTables(before, value) : value]
    })
  ])

/** The keys that a table sets, as `imds.endpoint`. */
export const keysOf = (table: TomlTable): ReadonlySet<string> =>
  new Set(
    Object.entries(table).flatMap(([name, value]) =>
      isTomlTable(value) ? Object.keys(value).map((key) => `${name}.${key}`) : [name]
    )
  )

/** Cuts what a file says to a length that a report has room for. */
export const shorten = (text: string, longest: number): string =>
  text.length > longest ? `${text.slice(0, longest)}…` : text

/** A value as a message quotes it, at most 61 characters. */
export const showValue = (value: unknown): string =>
  isTomlTable(value) ? "a table" : shorten(Formatter.format(value), 60)
