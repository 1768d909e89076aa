import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Formatter from "effect/Formatter"
import * as Predicate from "effect/Predicate"
import type { KvpEntry } from "./KvpRecord.ts"
import { diagnosticPrefix } from "./KvpRecord.ts"
import type { Filtered, FilteredSpan, Level } from "./LogFilter.ts"
import { version } from "./Version.ts"

/** Something to log: an event, or the start or end of a span. `at` is nanoseconds since 1970. */
export interface LogRecord extends Filtered {
  readonly at: bigint
  readonly message: string
  readonly fields: ReadonlyArray<readonly [name: string, value: unknown]>
}

/** Control characters and line separators; a terminal or a reader of lines would take them for more than text. */
const controls = /[\p{Cc}\u2028\u2029]/gu
const control = new RegExp(controls.source, "u")

const escapeControl = (character: string): string => {
  switch (character) {
    case "\n":
      return "\\n"
    case "\r":
      return "\\r"
    case "\t":
      return "\\t"
    default:
      return `\\u{${character.codePointAt(0)?.toString(16)}}`
  }
}

/**
 * Text without control characters, so that nothing logged can forge a line. To look costs a third of replacing, and
 * hardly any text has one.
 */
const escape = (text: string): string => control.test(text) ? text.replaceAll(controls, escapeControl) : text

const quote = (text: string): string => `"${escape(/[\\"]/.test(text) ? text.replaceAll(/[\\"]/g, "\\$&") : text)}"`

/**
 * Fields whose text azure-init shows without quotes (`%` of Rust's tracing); here where it is one plain word, so that
 * none can forge a field.
 */
const bare = new Set(["authorizedkeysfile", "header", "program", "username"])
const plainWord = /^[\w./-]+$/

/** A field's value: text in quotes, as azure-init's debug form, other values bare. */
const formatValue = (name: string, value: unknown): string => {
  if (Predicate.isString(value)) return bare.has(name) && plainWord.test(value) ? value : quote(value)
  if (Cause.isCause(value)) return quote(Cause.pretty(value))
  if (Predicate.isError(value)) return quote(value.message)
  return escape(Formatter.format(value))
}

/** Fields as lines show them, `name=value`, without anything that could forge a line. */
export const formatFields = (fields: LogRecord["fields"]): ReadonlyArray<string> =>
  fields.map(([name, value]) => `${escape(name)}=${formatValue(name, value)}`)

/** The message as lines show it. */
export const formatMessage = ({ message }: LogRecord): string => escape(message)

const isPlain = (part: unknown): part is Readonly<Record<string, unknown>> =>
  Predicate.isObject(part) && Object.getPrototypeOf(part) === Object.prototype

/**
 * What an Effect logger is given (`Effect.logInfo("message", { field: value })`) as a message and fields: texts make up
 * the message, records the fields, an error the field `error`, anything else belongs to the message.
 */
export const fromMessage = (message: unknown): Pick<LogRecord, "message" | "fields"> => {
  const texts: Array<string> = []
  const fields: Array<readonly [string, unknown]> = []
  for (const part of Array.isArray(message) ? message : [message]) {
    if (Predicate.isString(part)) texts.push(part)
    else if (Predicate.isError(part)) fields.push(["error", part])
    else if (isPlain(part)) fields.push(...Object.entries(part))
    else texts.push(Formatter.format(part))
  }
  return { message: texts.join(" "), fields }
}

/** The millisecond that was formatted last: a boot logs several records in one, each for several readers. */
let latest = { at: -1n, text: "" }

/** `YYYY-MM-DDTHH:MM:SS.mmmZ`. */
const milliseconds = (instant: bigint): string => {
  const at = instant / 1_000_000n
  if (at !== latest.at) latest = { at, text: DateTime.formatIso(DateTime.makeUnsafe(Number(at))) }
  return latest.text
}

/** `YYYY-MM-DDTHH:MM:SS.ffffffZ`. */
const microseconds = (at: bigint): string =>
  `${milliseconds(at).slice(0, -1)}${(at / 1000n % 1000n).toString().padStart(3, "0")}Z`

/** An instant, in nanoseconds since 1970, as azure-init's reports have it: `YYYY-MM-DDTHH:MM:SS.nnnnnnnnnZ`. */
export const formatInstant = (at: bigint): string =>
  `${microseconds(at).slice(0, -1)}${(at % 1000n).toString().padStart(3, "0")}Z`

const formatSpan = ({ fields, name }: FilteredSpan): string =>
  fields.size === 0 ? `${name}:` : `${name}{${formatFields([...fields]).join(" ")}}:`

/**
 * One line of the log file and of stderr, without its line feed, in azure-init's format without colours:
 * `2026-11-23T03:27:44.537738Z  INFO provision:query: libazureinit::imds: message field="text"`.
 */
export const formatLine = (record: LogRecord): string =>
  [
    microseconds(record.at),
    record.level.padStart(5),
    ...(record.spans.length === 0 ? [] : [record.spans.map(formatSpan).join("")]),
    `${record.target}:`,
    ...(record.message === "" ? [] : [escape(record.message)]),
    ...formatFields(record.fields)
  ].join(" ")

/**
 * A duration in nanoseconds with three digits and a unit, as azure-init's close lines have it: `20.7µs`, `1.54ms`,
 * `116ms`.
 */
export const formatElapsed = (nanoseconds: bigint): string => {
  let value = Number(nanoseconds)
  for (const unit of ["ns", "µs", "ms"]) {
    if (value < 1000) return `${digits(value)}${unit}`
    value /= 1000
  }
  return `${digits(value)}s`
}

const digits = (value: number): string => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)

/** What makes the key of a KVP diagnostic: `name` is that of its span, such as `http:request`; `id` a fresh UUID. */
export interface KvpOrigin {
  readonly vmId: string
  readonly name: string
  readonly id: string
}

const kvpKey = ({ id, name, vmId }: KvpOrigin, level: Level): string =>
  `${diagnosticPrefix}${version}|${vmId}|${level}|${name}|${id}`

/** An event for KVP, in azure-init's format (`kvp.rs`). */
export const kvpEvent = (origin: KvpOrigin, record: LogRecord): KvpEntry => ({
  key: kvpKey(origin, record.level),
  value: `Time: ${milliseconds(record.at)} | Event: ${
    [`message=${escape(record.message)}`, ...formatFields(record.fields)].join(", ")
  }`
})

/** The end of a span for KVP, in azure-init's format (`kvp.rs`); the times are nanoseconds since 1970. */
export const kvpSpan = (origin: KvpOrigin, level: Level, start: bigint, end: bigint): KvpEntry => ({
  key: kvpKey(origin, level),
  value: `Start: ${milliseconds(start)} | End: ${milliseconds(end)}`
})
