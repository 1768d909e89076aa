import { assert, describe, it } from "@effect/vitest"
import * as Toml from "effect/encoding/Toml"
import * as Result from "effect/Result"
import { readFileSync } from "node:fs"
import * as TomlProblem from "../../src/domain/TomlProblem.ts"

/** What is said of a document that is wrong. */
const said = (document: string): string => {
  const parsed = Toml.parse(document)
  if (Result.isSuccess(parsed)) return "nothing is wrong"
  const { expected, found, line } = TomlProblem.describe(parsed.failure.message, document)
  return `${line}: found ${found}, expected ${expected}`
}

describe("TomlProblem", () => {
  it.each([
    ["ok = 1\n[imds\nx = 2\n", "2: found the end of the line, expected ']'"],
    ["[imds", "1: found the end of the file, expected ']'"],
    ["[imds] x = 2\n", "1: found 'x = 2', expected the end of the line"],
    ["endpoint\n", "1: found the end of the line, expected '='"],
    ["\uFEFFa = 1\nendpoint http://x\n", "2: found 'http://x', expected '='"],
    ["a =\n", "1: found the end of the line, expected a value"],
    ["= 1\n", "1: found '= 1', expected a key"],
    ["path = /var/log\n", "1: found '/var/log', expected a value, such as \"text\" in quotes, 5, true or [\"a list\"]"],
    ["a = 1\na = 2\n", "2: found 'a' a second time, expected each key and each table once"],
    ["[t]\n[t]\n", "2: found the table 't' a second time, expected each table once"],
    ["a = \"b\nc\"\n", "1: found the end of the line in a text, expected the closing quote before it"],
    ["a = 'b\n", "1: found the end of the line in a text, expected the closing quote before it"],
    ["a = \"\"\"b\n", "2: found the end of the file in a text, expected the closing quote before it"],
    ["a = 99999999999999999999\n", "1: found '99999999999999999999', expected an integer of at most 64 bits"],
    ["a = 2026-13-01\n", "1: found '2026-13-01', expected a date or a time of RFC 3339, or text in quotes"],
    [
      "a = \"\\q\"\n",
      "1: found the escape '\\q', expected one of \\b \\t \\n \\f \\r \\\" \\\\ \\uXXXX \\UXXXXXXXX, or text in 'single quotes'"
    ],
    [
      "a = \"\\uD800\"\n",
      "1: found an escape that is no character, expected \\uXXXX or \\UXXXXXXXX with hexadecimal digits"
    ],
    ["a = {b = 1,}\n", "1: found a comma before '}', expected '}' without one"],
    ["a = \"\u0001\"\n", "1: found a control character, expected text without one"],
    ["a = 1\rb = 2\n", "1: found a control character, expected text without one"]
  ])("makes a sentence of what is wrong with %j", (document, sentence) => {
    assert.strictEqual(said(document), sentence)
  })

  it("has a sentence for everything that the parser says", () => {
    const parser = readFileSync(new URL("../../node_modules/effect/src/encoding/Toml.ts", import.meta.url), "utf8")
    const messages = [...parser.matchAll(/this\.fail\(([`"])(.*?)\1\)/g)].map((match) =>
      (match[2] ?? "").replaceAll(/\$\{[^}]*\}/g, "x").replaceAll("\\\\", "\\")
    )
    assert.isAbove(messages.length, 20)
    for (const message of messages) {
      const { expected } = TomlProblem.describe(`${message} at line 1, column 1`, "")
      assert.notStrictEqual(expected, "a TOML 1.0 document", message)
    }
    assert.deepStrictEqual(TomlProblem.describe("Something new", ""), {
      found: "a mistake (Something new)",
      expected: "a TOML 1.0 document"
    })
  })

  it.each([
    ["Invalid value 'a\nb'", "'a\nb'"],
    ["Invalid date-time 'abc'", "'abc'"],
    ["Integer out of range '123'", "'123'"],
    ["Cannot redefine table 'a.b'", "the table 'a.b' a second time"],
    ["Cannot redefine existing key 'abc'", "'abc' a second time"],
    ["Basic strings cannot contain newlines", "the end of the line in a text"],
    ["Literal strings cannot contain newlines", "the end of the line in a text"],
    ["Unterminated basic string", "the end of the file in a text"],
    ["Unterminated literal string", "the end of the file in a text"],
    ["Invalid escape '\\xy'", "the escape '\\xy'"],
    ["Invalid unicode escape", "an escape that is no character"],
    ["Invalid multiline string continuation", "text after a backslash that ends a line"],
    ["Inline tables cannot end with a trailing comma", "a comma before '}'"],
    ["Invalid control character", "a control character"],
    ["Bare carriage return", "a carriage return by itself"]
  ])("knows %j as a whole only, and where it stands", (message, found) => {
    const described = TomlProblem.describe(`${message} at line 12, column 34`, "")
    assert.deepStrictEqual([described.line, described.found], [12, found])
    for (const other of [`Not ${message}`, `${message} yet`]) {
      const { expected } = TomlProblem.describe(`${other} at line 12, column 34`, "")
      assert.strictEqual(expected, "a TOML 1.0 document", other)
    }
  })

  it("says what is expected behind a backslash that ends a line, and of a carriage return", () => {
    const expected = (message: string) => TomlProblem.describe(message, "").expected
    assert.strictEqual(expected("Invalid multiline string continuation"), "nothing after it on that line")
    assert.strictEqual(expected("Bare carriage return"), "the end of a line as LF or CR LF")
  })

  it("tells what stands at the place, without blanks, and the end of a file behind its last line", () => {
    const found = (message: string, document: string) => TomlProblem.describe(message, document).found
    assert.strictEqual(found("Expected '=' at line 1, column 2", "a  b \nc"), "'b'")
    assert.strictEqual(found("Expected '=' at line 9, column 1", "a"), "the end of the file")
    assert.strictEqual(found("Expected '=' at line 1, column 1", "a\uFEFFb"), "'a\uFEFFb'")
    assert.strictEqual(found("Expected '=' at line 1, column 1", "\uFEFFa"), "'a'")
    assert.deepStrictEqual(TomlProblem.describe("Expected '='", "a"), {
      found: "a mistake (Expected '=')",
      expected: "a TOML 1.0 document"
    })
    assert.strictEqual(found("Not Expected '=' at line 1, column 1", "a"), "a mistake (Not Expected '=')")
  })

  it("quotes no more than a report has room for", () => {
    assert.isBelow(said(`a = ${"x".repeat(10_000)}`).length, 150)
    assert.isBelow(said(`[a ${"x".repeat(10_000)}`).length, 150)
  })
})
