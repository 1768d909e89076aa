import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { fromName, Hostname } from "../../src/domain/Hostname.ts"

const accepts = Schema.is(Hostname)

/** systemd's `hostname_is_valid`, letter by letter as in its source (`basic/hostname-util.c`), without flags. */
const systemdAccepts = (name: string): boolean => {
  let [dot, hyphen] = [true, true]
  for (const letter of name) {
    if (letter === ".") {
      if (dot || hyphen) return false
      ;[dot, hyphen] = [true, false]
    } else if (letter === "-") {
      if (dot) return false
      ;[dot, hyphen] = [false, true]
    } else if (/[A-Za-z0-9]/.test(letter)) [dot, hyphen] = [false, false]
    else return false
  }
  return !dot && !hyphen && name.length <= 64
}

const label = (length: number) => "a".repeat(length)

describe("Hostname", () => {
  for (
    const name of [
      "a",
      "1",
      "web-1",
      "Web--1",
      label(63),
      label(64),
      "a.b",
      "a.b-c",
      "a-b.c--de-f-gh",
      `${label(31)}.${label(32)}`,
      "web-1.example.com"
    ]
  ) {
    it(`accepts ${JSON.stringify(name)}`, () => assert.isTrue(accepts(name)))
  }

  for (
    const name of [
      "",
      ".",
      "-",
      "-a",
      "a-",
      "a.",
      ".a",
      "a..b",
      "a.-b",
      "a-.b",
      "a_b",
      "a b",
      "a\n",
      "a\0",
      "é",
      label(65),
      `${label(32)}.${label(32)}`
    ]
  ) {
    it(`rejects ${JSON.stringify(name)}`, () => assert.isFalse(accepts(name)))
  }

  it("says what a host name is", () => {
    const decoded = Schema.decodeUnknownResult(Hostname)("a_b")
    assert.include(
      Result.match(decoded, { onSuccess: String, onFailure: ({ message }) => message }),
      "a host name of at most 64 letters, digits, '-' and '.', each label starting and ending with a letter or digit"
    )
  })

  it.effect.prop(
    "accepts what systemd accepts, and nothing else",
    [Schema.Array(Schema.Literals(["a", "Z", "0", "-", ".", "_", label(30)])).check(Schema.isMaxLength(8))],
    ([pieces]) => Effect.sync(() => assert.strictEqual(accepts(pieces.join("")), systemdAccepts(pieces.join(""))))
  )
})

describe("Hostname.fromName", () => {
  for (
    const [name, hostname] of [
      ["web-1", "web-1"],
      [label(64), label(64)],
      ["web-1.example.com", "web-1.example.com"],
      ["web-1.example.com.", "web-1.example.com"],
      [`web-1.${label(58)}`, `web-1.${label(58)}`],
      [`web-1.${label(59)}`, "web-1"],
      [`web-1.${label(59)}.`, "web-1"],
      [`${label(63)}.example.com`, label(63)],
      [`web-1.${Array.from({ length: 123 }, () => "a").join(".")}.a`, "web-1"]
    ] as const
  ) {
    it(`calls the VM ${hostname} for ${name}`, () => assert.deepStrictEqual(fromName(name), Option.some(hostname)))
  }

  for (
    const name of [
      "",
      ".",
      "..",
      label(65),
      `${label(64)}.example.com`,
      `web-1.${label(64)}`,
      `web-1..${label(60)}`,
      `-web.${label(60)}`,
      `web_1.${label(60)}`,
      `web-1.${label(60)}_`,
      `web-1.${Array.from({ length: 130 }, () => "a").join(".")}`
    ]
  ) {
    it(`has no name for ${JSON.stringify(name)}`, () => assert.isTrue(Option.isNone(fromName(name))))
  }

  it.effect.prop(
    "gives a whole name or the first label, never anything else",
    [Schema.Array(Schema.Literals(["a", "-", ".", label(30), label(63)])).check(Schema.isMaxLength(8))],
    ([pieces]) =>
      Effect.sync(() => {
        const name = pieces.join("")
        const found = fromName(name)
        if (Option.isSome(found)) {
          assert.isTrue(systemdAccepts(found.value))
          assert.include([name, name.replace(/\.$/, ""), name.split(".")[0]], found.value)
        } else assert.isFalse(systemdAccepts(name))
      })
  )
})
