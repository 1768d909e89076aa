import type { Level } from "./LogFilter.ts"
import type { LogRecord } from "./LogRecord.ts"
import { formatFields, formatMessage } from "./LogRecord.ts"

/** SGR parameters of ECMA-48: red and bold, yellow, none, dim, dim. */
const colours: Readonly<Record<Level, string>> = { ERROR: "1;31", WARN: "33", INFO: "", DEBUG: "2", TRACE: "2" }

/** Characters of an event's fields; what is grave is never cut. */
const longestFields = 100

const paint = (text: string, parameters: string): string =>
  parameters === "" ? text : `\u001b[${parameters}m${text}\u001b[0m`

/**
 * One line for a person, without its line feed: the seconds that the agent runs, the level unless it is INFO, the
 * message and its fields, such as `   0.281 WARN The disc is of no use error="…"`. `elapsed` is in nanoseconds. Nothing
 * but its own colours can steer a terminal.
 */
export const format = (record: LogRecord, elapsed: bigint, coloured: boolean): string => {
  const painted = coloured ? paint : (text: string) => text
  const seconds = (Number(elapsed) / 1e9).toFixed(3).padStart(8)
  const fields = formatFields(record.fields).join(" ")
  const grave = record.level === "ERROR" || record.level === "WARN"
  const shown = grave || fields.length <= longestFields ? fields : `${fields.slice(0, longestFields)}…`
  return [
    painted(seconds, "2"),
    ...(record.level === "INFO" ? [] : [painted(record.level, colours[record.level])]),
    formatMessage(record),
    ...(shown === "" ? [] : [shown])
  ].join(" ")
}
