import { assert, describe, it } from "@effect/vitest"
import { encode, records, recordSize } from "../../src/domain/KvpRecord.ts"
import { readPool } from "../kvp.ts"

const step = {
  key: "azure-init-0.1.1|0b5c8f1e|INFO|provision|7",
  value: "Start: 2026-11-23T03:27:46.000Z | End: 2026-11-23T03:27:46.250Z"
}
const report = { key: "PROVISIONING_REPORT", value: "result=success|agent=Azure-Init/0.1.1" }

describe("a KVP pool, as the host reads it", () => {
  it("entries, steps and the report", () => {
    const long = { key: "k", value: "v".repeat(3000) }
    const pool = readPool(encode([step, ...records(long), report]))
    assert.deepStrictEqual(pool.entries, [step, long, report])
    assert.deepStrictEqual(pool.steps.map(({ end, name, start }) => [name, end - start]), [["provision", 250]])
    assert.strictEqual(pool.report, report.value)
    assert.deepStrictEqual(pool.problems, [])
  })

  it("nothing", () => {
    assert.deepStrictEqual(readPool(new Uint8Array()), { entries: [], steps: [], report: undefined, problems: [] })
  })

  it.each([
    [
      "a key beyond the bound",
      [{ key: "k".repeat(255), value: "v" }],
      "record 0 has a key of 255 bytes, more than 254"
    ],
    [
      "a value beyond the bound",
      [report, { key: "k", value: "ä".repeat(512) }],
      "record 1 has a value of 1024 bytes, more than 1022"
    ],
    ["no key", [{ key: "", value: "v" }], "record 0 has no key"]
  ])("%s is named", (_, entries, problem) => {
    assert.deepStrictEqual(readPool(encode(entries)).problems, [problem])
  })

  it("records at the bounds are none", () => {
    assert.deepStrictEqual(readPool(encode([{ key: "k".repeat(254), value: "v".repeat(1022) }])).problems, [])
  })

  it("what is cut off or no UTF-8 is named, and costs no other", () => {
    const bytes = encode([report, step, report])
    bytes[recordSize] = 0xff
    const pool = readPool(bytes.subarray(0, 2 * recordSize + 7))
    assert.deepStrictEqual(pool.entries, [report])
    assert.deepStrictEqual(pool.problems, ["record 1 is not UTF-8", "record 2 has 7 bytes instead of 2560"])
  })

  it("more records than a pool holds", () => {
    const pool = readPool(encode(Array.from({ length: 1025 }, () => report)))
    assert.deepStrictEqual(pool.problems, ["the pool has 1025 records, more than 1024"])
  })
})
