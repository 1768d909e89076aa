import { assert, describe, it } from "vitest"
import { fuzz } from "./harness.ts"
import { maximumInput, minimise, mutate } from "./mutate.ts"
import { plantedTargets } from "./planted.ts"
import type { Finding } from "./protocol.ts"
import * as Random from "./random.ts"
import { targets } from "./targets.ts"

/**
 * Inputs of each target: enough to meet every step of the mutator on every kind of document. `main.ts` runs for as long
 * as is wanted.
 */
const count = 150

const shown = (findings: ReadonlyArray<Finding>) => findings.map((finding) => JSON.stringify(finding)).join("\n")

describe("fuzzing", () => {
  it("meets neither a defect nor a limit in any decoder", { timeout: 120_000 }, async () => {
    const { findings, tallies } = await fuzz({ seed: "1", targets: targets.map(({ name }) => name), count })
    assert.strictEqual(shown(findings), "")
    assert.deepStrictEqual(tallies.map(({ target }) => target), targets.map(({ name }) => name))
    for (const { errors, inputs, target, values } of tallies) {
      assert.strictEqual(inputs, count, target)
      assert.isAbove(values, 0, target)
      // Each input became a value or an error.
      assert.strictEqual(Object.values(errors).reduce((sum, one) => sum + one, values), count, target)
    }
    // These two take whatever is not too large.
    assert.deepStrictEqual(
      tallies.filter(({ errors }) => Object.keys(errors).length === 0).map(({ target }) => target),
      ["kvp", "sshd_config"]
    )
  })

  it("finds what is planted, each by its kind, and makes the input small", { timeout: 120_000 }, async () => {
    const { findings } = await fuzz({
      seed: "1",
      targets: plantedTargets.map(({ name }) => name),
      count: 6,
      tries: 0,
      restarts: 0
    })
    const found = Object.groupBy(findings, ({ target }) => target)
    const kinds = Object.fromEntries(
      Object.entries(found).map(([target, all]) => [target, [...new Set(all?.map(({ kind }) => kind))].join()])
    )
    assert.deepStrictEqual(kinds, {
      "planted-defect": "defect",
      "planted-throw": "throw",
      "planted-loop": "time",
      "planted-slow": "time",
      "planted-heap": "memory",
      "planted-buffer": "memory"
    })
    for (const finding of findings.filter(({ kind }) => kind === "defect" || kind === "throw")) {
      assert.strictEqual(Buffer.from(finding.input, "base64").toString(), "!")
    }
  })
})

describe("the mutator", () => {
  const corpus = [Buffer.from("key = 10\n"), Buffer.from([0, 1, 2])]
  const words = [Buffer.from("word")]
  const all = (seed: string) =>
    Array.from({ length: 2000 }, (_, index) => mutate(Random.make(`${seed} ${index}`), corpus, words))

  it("makes the same inputs of the same seed, and others of another", () => {
    const first = all("a").map((bytes) => Buffer.from(bytes).toString("base64"))
    assert.deepStrictEqual(all("a").map((bytes) => Buffer.from(bytes).toString("base64")), first)
    const other = new Set(all("b").map((bytes) => Buffer.from(bytes).toString("base64")))
    assert.isBelow(first.filter((input) => other.has(input)).length, 500)
    assert.isAbove(new Set(first).size, 1500)
  })

  it("keeps the bound, goes to it, and leaves the corpus alone", () => {
    const lengths = all("c").map(({ length }) => length)
    assert.isAtMost(Math.max(...lengths), maximumInput)
    assert.isAbove(Math.max(...lengths), 512 * 1024)
    assert.strictEqual(Math.min(...lengths), 0)
    assert.deepStrictEqual(corpus, [Buffer.from("key = 10\n"), Buffer.from([0, 1, 2])])
  })

  it("minimises to what the finding needs, within the tries", async () => {
    const input = Buffer.from(`${"x".repeat(5000)}<${"y".repeat(5000)}>${"z".repeat(10)}`)
    let tries = 0
    const bad = (bytes: Uint8Array) => {
      tries++
      return Promise.resolve(/<.*>/s.test(Buffer.from(bytes).toString()))
    }
    assert.strictEqual(Buffer.from(await minimise(input, bad, 3000)).toString(), "<>")
    tries = 0
    await minimise(input, bad, 7)
    assert.strictEqual(tries, 7)
  })
})
