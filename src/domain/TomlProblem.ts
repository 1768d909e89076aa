import { shorten } from "./TomlTable.ts"

/** What is wrong with a TOML document: where, what stands there, and what should. */
export interface TomlProblem {
  /** From 1, where the parser tells it. */
  readonly line?: number
  readonly found: string
  readonly expected: string
}

/** Characters of the file that a problem quotes. */
const longestQuote = 40

/**
 * What a parser of `effect/encoding/Toml` says, as found and expected; `$1` is what it quotes. What is not here is in
 * {@link describe}.
 */
const sentences: ReadonlyArray<readonly [says: RegExp, found: string, expected: string]> = [
  [/^Invalid value '(.*)'$/s, "$1", "a value, such as \"text\" in quotes, 5, true or [\"a list\"]"],
  [/^Invalid date-time '(.*)'$/s, "$1", "a date or a time of RFC 3339, or text in quotes"],
  [/^Integer out of range '(.*)'$/s, "$1", "an integer of at most 64 bits"],
  [/^Cannot redefine table '(.*)'$/s, "the table $1 a second time", "each table once"],
  [/^Cannot redefine existing key '(.*)'$/s, "$1 a second time", "each key and each table once"],
  [
    /^(?:Basic|Literal) strings cannot contain newlines$/,
    "the end of the line in a text",
    "the closing quote before it"
  ],
  [/^Unterminated (?:basic|literal) string$/, "the end of the file in a text", "the closing quote before it"],
  [
    /^Invalid escape '(.*)'$/s,
    "the escape $1",
    "one of \\b \\t \\n \\f \\r \\\" \\\\ \\uXXXX \\UXXXXXXXX, or text in 'single quotes'"
  ],
  [/^Invalid unicode escape$/, "an escape that is no character", "\\uXXXX or \\UXXXXXXXX with hexadecimal digits"],
  [
    /^Invalid multiline string continuation$/,
    "text after a backslash that ends a line",
    "nothing after it on that line"
  ],
  [/^Inline tables cannot end with a trailing comma$/, "a comma before '}'", "'}' without one"],
  [/^Invalid control character$/, "a control character", "text without one"],
  [/^Bare carriage return$/, "a carriage return by itself", "the end of a line as LF or CR LF"]
]

/** What stands at a place of the document, counted from 1. */
const standsAt = (text: string, line: number, column: number): string => {
  const lines = text.split(/\r?\n/)
  const rest = lines[line - 1]?.slice(column - 1).trim() ?? ""
  if (rest !== "") return `'${shorten(rest, longestQuote)}'`
  return line >= lines.length ? "the end of the file" : "the end of the line"
}

/** Describes what the parser says of a document, so that "found …, expected …" is a sentence. */
export const describe = (message: string, document: string): TomlProblem => {
  const [, says = message, line, column] = /^(.*) at line (\d+), column (\d+)$/s.exec(message) ?? []
  const place = line === undefined ? {} : { line: Number(line) }
  const wanted = /^Expected (.*)$/s.exec(says)?.[1]
  if (wanted !== undefined && line !== undefined) {
    // The parser leaves a byte order mark out.
    return {
      ...place,
      found: standsAt(document.replace(/^\uFEFF/, ""), Number(line), Number(column)),
      expected: wanted
    }
  }
  for (const [pattern, found, expected] of sentences) {
    const match = pattern.exec(says)
    if (match !== null) {
      return { ...place, found: found.replace("$1", () => `'${shorten(match[1] ?? "", longestQuote)}'`), expected }
    }
  }
  return { ...place, found: `a mistake (${shorten(says, 4 * longestQuote)})`, expected: "a TOML 1.0 document" }
}
