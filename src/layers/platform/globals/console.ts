import type { Natives } from "../../../../runtime/natives.d.ts"

const stdout = 1
const stderr = 2

const textOf = (value: unknown): string => {
  if (typeof value === "string") return value
  if (value instanceof Error) return value.stack === undefined ? String(value) : `${String(value)}\n${value.stack}`
  if (typeof value === "object" && value !== null) return JSON.stringify(value) ?? String(value)
  return typeof value === "bigint" ? `${value}n` : String(value)
}

/**
 * `console`: a line for each call, to standard output or standard error; values that are no text as JSON, no `%`
 * formats.
 */
export const make = (system: Pick<Natives, "encodeUtf8" | "write">) => {
  let indent = ""
  const to = (file: number) => (...values: ReadonlyArray<unknown>): void => {
    const line = values.map(textOf).join(" ")
    let bytes = system.encodeUtf8(`${indent}${indent === "" ? line : line.replaceAll("\n", `\n${indent}`)}\n`)
    while (bytes.length > 0) {
      const written = system.write(file, bytes)
      if (written < 0) return
      bytes = bytes.subarray(written)
    }
  }
  const group = (...values: ReadonlyArray<unknown>): void => {
    if (values.length > 0) to(stdout)(...values)
    indent += "  "
  }
  return {
    log: to(stdout),
    info: to(stdout),
    debug: to(stdout),
    warn: to(stderr),
    error: to(stderr),
    trace: to(stderr),
    group,
    groupCollapsed: group,
    groupEnd: (): void => {
      indent = indent.slice(2)
    }
  }
}
