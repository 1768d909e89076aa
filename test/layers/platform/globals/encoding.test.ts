import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { make } from "../../../../src/layers/platform/globals/encoding.ts"
import { system } from "../../../support/natives.ts"

/** What is left of a decoder and an encoder when both ours and the platform's are meant. */
interface Encoding {
  readonly TextDecoder: new(
    label?: string,
    options?: { readonly fatal?: boolean; readonly ignoreBOM?: boolean }
  ) => {
    readonly decode: (bytes?: Uint8Array, options?: { readonly stream?: boolean }) => string
    readonly encoding: string
  }
  readonly TextEncoder: new() => {
    readonly encode: (text?: string) => Uint8Array
    readonly encodeInto: (text: string, target: Uint8Array) => { readonly read?: number; readonly written?: number }
  }
}

const ours: Encoding = make(system)

/** What a decoder makes of portions; an error is its name. */
const decode = (
  { TextDecoder }: Encoding,
  portions: ReadonlyArray<ReadonlyArray<number>>,
  options: { readonly fatal?: boolean; readonly ignoreBOM?: boolean } = {}
): ReadonlyArray<string> => {
  const decoder = new TextDecoder("utf-8", options)
  const parts = portions.map((portion) => () => decoder.decode(new Uint8Array(portion), { stream: true }))
  return [...parts, () => decoder.decode()].map((part) => {
    try {
      return part()
    } catch (error) {
      return error instanceof Error ? error.name : "?"
    }
  })
}

const cases: ReadonlyArray<
  readonly [name: string, portions: ReadonlyArray<ReadonlyArray<number>>, decoded: ReadonlyArray<string>]
> = [
  ["plain text", [[0x61, 0x62]], ["ab", ""]],
  ["a character over two portions", [[0x61, 0xc3], [0xa9, 0x62]], ["a", "\u00e9b", ""]],
  ["a character over four portions", [[0xf0], [0x9f], [0x98], [0x80]], ["", "", "", "\u{1f600}", ""]],
  ["a character that is never finished", [[0x61, 0xe2, 0x82]], ["a", "\ufffd"]],
  ["a lead byte without its second", [[0xe0], [0x80]], ["", "\ufffd\ufffd", ""]],
  ["an overlong form at the end of a portion", [[0xe0, 0x80], [0x61]], ["\ufffd\ufffd", "a", ""]],
  ["a surrogate", [[0xed, 0xa0, 0x80]], ["\ufffd\ufffd\ufffd", ""]],
  ["bytes that begin nothing", [[0xff, 0xfe, 0x61]], ["\ufffd\ufffda", ""]],
  ["a byte order mark", [[0xef, 0xbb, 0xbf, 0x61]], ["a", ""]],
  ["a byte order mark over portions", [[0xef], [0xbb], [0xbf, 0x61]], ["", "", "a", ""]],
  ["two byte order marks", [[0xef, 0xbb, 0xbf, 0xef, 0xbb, 0xbf]], ["\ufeff", ""]],
  ["a byte order mark later", [[0x61], [0xef, 0xbb, 0xbf]], ["a", "\ufeff", ""]]
]

for (const [name, encoding] of [["ours", ours], ["the platform's own", globalThis]] as const) {
  describe(`TextDecoder and TextEncoder: ${name}`, () => {
    it.each(cases)("decodes %s", (_, portions, decoded) => {
      assert.deepStrictEqual(decode(encoding, portions), decoded)
    })

    it("keeps a byte order mark when told so", () => {
      assert.deepStrictEqual(decode(encoding, [[0xef, 0xbb, 0xbf, 0x61]], { ignoreBOM: true }), ["\ufeffa", ""])
    })

    it("refuses what is no UTF-8 when told so, in the middle and at the end", () => {
      assert.deepStrictEqual(decode(encoding, [[0x61, 0xff]], { fatal: true })[0], "TypeError")
      assert.deepStrictEqual(decode(encoding, [[0x61, 0xc3]], { fatal: true }), ["a", "TypeError"])
    })

    it("knows the names of UTF-8, and refuses others that are none", () => {
      assert.strictEqual(new encoding.TextDecoder(" UTF8 ").encoding, "utf-8")
      assert.throws(() => new encoding.TextDecoder("no-such-encoding"), RangeError)
    })

    it("encodes lone surrogates as the replacement character", () => {
      assert.deepStrictEqual([...new encoding.TextEncoder().encode("a\ud800\u00e9")], [
        0x61,
        0xef,
        0xbf,
        0xbd,
        0xc3,
        0xa9
      ])
      assert.strictEqual(new encoding.TextEncoder().encode().length, 0)
    })

    it("encodes whole characters into a buffer that is too small", () => {
      const target = new Uint8Array(4)
      assert.deepStrictEqual({ ...new encoding.TextEncoder().encodeInto("a\u20ac\u20ac", target) }, {
        read: 2,
        written: 4
      })
      assert.deepStrictEqual([...target], [0x61, 0xe2, 0x82, 0xac])
      assert.deepStrictEqual({ ...new encoding.TextEncoder().encodeInto("\u{1f600}", new Uint8Array(3)) }, {
        read: 0,
        written: 0
      })
    })
  })
}

describe("TextDecoder: ours", () => {
  // Bytes that begin, go on and end characters, right and wrong.
  const interesting = [0x41, 0x80, 0x9f, 0xa0, 0xbb, 0xbf, 0xc2, 0xe0, 0xe2, 0xed, 0xef, 0xf0, 0xf4, 0xf5]
  const portions = Schema.Array(Schema.Array(Schema.Int))
  it.prop("decodes any bytes in any portions as the platform's own", [portions], ([numbers]) => {
    const bytes = numbers.map((portion) =>
      portion.map((number) => interesting[Math.abs(number) % interesting.length] ?? 0)
    )
    assert.deepStrictEqual(decode(ours, bytes), decode(globalThis, bytes))
    assert.deepStrictEqual(decode(ours, bytes, { fatal: true })[0], decode(globalThis, bytes, { fatal: true })[0])
  })
})
