import { assert, describe, it } from "@effect/vitest"
import { make as makeConsole } from "../../../../src/layers/platform/globals/console.ts"
import { make as makePerformance } from "../../../../src/layers/platform/globals/performance.ts"
import { Segmenter } from "../../../../src/layers/platform/globals/segmenter.ts"
import { system } from "../../../support/natives.ts"

describe("console", () => {
  it("writes a line to the descriptor of its level, however little is taken at once", () => {
    const written: Record<number, string> = { 1: "", 2: "" }
    const console = makeConsole({
      encodeUtf8: (text) => system.encodeUtf8(text),
      write: (file, bytes) => {
        if (typeof bytes === "string") return -22
        written[file] += String.fromCharCode(...bytes.subarray(0, 3))
        return Math.min(3, bytes.length)
      }
    })
    console.log("a", 1, true, null, undefined)
    console.group("group")
    console.info("two\nlines")
    console.groupEnd()
    console.debug({ a: [1n === 1n] })
    console.error(new Error("wrong").message, 2n)
    assert.deepStrictEqual(written, {
      1: "a 1 true null undefined\ngroup\n  two\n  lines\n{\"a\":[true]}\n",
      2: "wrong 2n\n"
    })
  })
})

for (
  const [name, performance] of [["ours", makePerformance(system)], [
    "the platform's own",
    globalThis.performance
  ]] as const
) {
  describe(`performance: ${name}`, () => {
    it("counts milliseconds from its origin on", () => {
      const first = performance.now()
      assert.isAtLeast(performance.now(), first)
      assert.isBelow(Math.abs(performance.timeOrigin + first - Number(system.realtime()) / 1e6), 2000)
    })
  })
}

const graphemes: ReadonlyArray<readonly [text: string, count: number]> = [
  ["--config CONFIG", 15],
  ["", 0],
  ["e\u0301te\u0301", 3],
  ["\r\n", 1],
  ["\u65e5\u672c\u8a9e", 3],
  ["\u{1f468}\u200d\u{1f469}\u200d\u{1f467}!", 2],
  ["\u{1f44d}\u{1f3fd}", 1],
  ["\u{1f1e9}\u{1f1ea}\u{1f1eb}\u{1f1f7}", 2],
  ["\u2764\ufe0f", 1]
]

for (const [name, segmenter] of [["ours", new Segmenter()], ["the platform's own", new Intl.Segmenter()]] as const) {
  describe(`Intl.Segmenter: ${name}`, () => {
    it.each(graphemes)("finds the characters of '%s': %i", (text, count) => {
      const segments = Array.from(segmenter.segment(text), ({ segment }) => segment)
      assert.strictEqual(segments.join(""), text)
      assert.lengthOf(segments, count)
    })
  })
}
