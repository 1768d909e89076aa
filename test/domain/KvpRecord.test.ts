import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import type { KvpEntry } from "../../src/domain/KvpRecord.ts"
import * as KvpRecord from "../../src/domain/KvpRecord.ts"

const golden = readFileSync(new URL("../fixtures/golden/first-boot/kvp_pool_1.bin", import.meta.url))
const bytes = (text: string) => Buffer.byteLength(text)
const diagnostic = (id: string): KvpEntry => ({ key: `azure-init-0.1.1|vm|INFO|http:get|${id}`, value: "v" })
const foreign = (id: number): KvpEntry => ({ key: `CLOUD_INIT|${id}`, value: "v" })
const many = <A>(count: number, make: (index: number) => A) => Array.from({ length: count }, (_, index) => make(index))

/** A pool after a batch was placed in it. */
const stored = (pool: Uint8Array, batch: ReadonlyArray<KvpEntry>): Uint8Array => {
  const { keep, writes } = KvpRecord.place(pool, batch)
  const result = Buffer.alloc(Math.max(keep, ...writes.map(({ bytes, offset }) => offset + bytes.length)))
  result.set(pool.subarray(0, keep))
  for (const { bytes, offset } of writes) result.set(bytes, offset)
  return result
}

describe("KvpRecord: records", () => {
  it("reads azure-init's pool and writes the same bytes again", () => {
    const { entries, problems } = KvpRecord.decodePool(golden)
    assert.lengthOf(entries, 61)
    assert.deepStrictEqual(problems, [])
    assert.deepStrictEqual(Buffer.from(KvpRecord.encode(entries.flatMap(KvpRecord.records))), golden)
  })

  it("gives each part of a long value a key of its own, at most 1022 bytes, and joins them again", () => {
    const entry = { key: "azure-init-0.1.1|vm|INFO|http:get|id", value: "x".repeat(2 * 1022 + 50) }
    const records = KvpRecord.records(entry)
    assert.deepStrictEqual(records.map(({ key }) => key), [0, 1, 2].map((part) => `${entry.key}|${part}`))
    assert.deepStrictEqual(records.map(({ value }) => value.length), [1022, 1022, 50])
    assert.strictEqual(KvpRecord.encode(records).length, 3 * KvpRecord.recordSize)
    assert.deepStrictEqual(KvpRecord.decodePool(KvpRecord.encode(records)).entries, [entry])
  })

  it("leaves the key of a value of exactly 1022 bytes bare", () => {
    assert.deepStrictEqual(KvpRecord.records({ key: "k", value: "x".repeat(1022) }).map(({ key }) => key), ["k"])
  })

  it("does not split a character of four bytes between two records", () => {
    const records = KvpRecord.records({ key: "k", value: `${"x".repeat(1020)}😀y` })
    assert.deepStrictEqual(records.map(({ value }) => value), ["x".repeat(1020), "😀y"])
  })

  it("keeps the report under its bare key, cut at a character", () => {
    assert.deepStrictEqual(KvpRecord.records({ key: "PROVISIONING_REPORT", value: `${"x".repeat(1021)}é` }), [
      { key: "PROVISIONING_REPORT", value: "x".repeat(1021) }
    ])
  })

  it("cuts a long key before what makes it unique", () => {
    const value = "x".repeat(1023)
    const [first, second] = KvpRecord.records({ key: `${"é".repeat(300)}|unique`, value })
    assert.match(first?.key ?? "", /^é+\|unique\|0$/)
    assert.match(second?.key ?? "", /^é+\|unique\|1$/)
    assert.strictEqual(bytes(first?.key ?? ""), 253)
    assert.strictEqual(bytes(KvpRecord.records({ key: "x".repeat(600), value: "v" })[0]?.key ?? ""), 254)
  })

  it("keeps a key that fits, and cuts one that does not at 254 bytes when what follows its last bar takes them all", () => {
    const keyOf = (key: string) => KvpRecord.records({ key, value: "v" })[0]?.key
    assert.strictEqual(keyOf("|x"), "|x")
    assert.strictEqual(keyOf(`${"a".repeat(252)}|b`), `${"a".repeat(252)}|b`)
    assert.strictEqual(keyOf(`${"a".repeat(300)}b`), "a".repeat(254))
    assert.strictEqual(keyOf(`k|${"x".repeat(300)}`), `k|${"x".repeat(252)}`)
    assert.strictEqual(keyOf(`ab|${"x".repeat(253)}`), `ab|${"x".repeat(251)}`)
  })

  it("keeps a byte order mark, which belongs to the text", () => {
    const entry = { key: "\uFEFFk", value: "\uFEFFv" }
    assert.deepStrictEqual(KvpRecord.decodePool(KvpRecord.encode(KvpRecord.records(entry))).entries, [entry])
  })

  it("has no record for an empty value or key", () => {
    assert.deepStrictEqual(KvpRecord.records({ key: "k", value: "" }), [])
    assert.deepStrictEqual(KvpRecord.records({ key: "", value: "v" }), [])
  })

  it("replaces NUL and half characters, which neither field can hold", () => {
    assert.deepStrictEqual(KvpRecord.records({ key: "a\0b", value: "c\0\uD800d" }), [
      { key: "a\uFFFDb", value: "c\uFFFD\uFFFDd" }
    ])
  })

  it.prop(
    "stores any entry within the kernel's limits and reads it back",
    [Schema.String, Schema.String],
    ([id, value]) => {
      const entry = { key: `azure-init|${id.replaceAll(/[\0\p{Surrogate}]/gu, "")}|end`, value: value.repeat(100) }
      const records = KvpRecord.records(entry)
      for (const record of records) {
        assert.isAtMost(bytes(record.key), KvpRecord.maximumKey)
        assert.isAtMost(bytes(record.value), KvpRecord.maximumValue)
      }
      assert.strictEqual(new Set(records.map(({ key }) => key)).size, records.length)
      const { entries, problems } = KvpRecord.decodePool(KvpRecord.encode(records))
      assert.deepStrictEqual(problems, [])
      assert.strictEqual(
        entries.map((one) => one.value).join(""),
        entry.value.replaceAll(/[\0\p{Surrogate}]/gu, "\uFFFD")
      )
    }
  )

  it.prop("answers any bytes with entries or sentences, without throwing", [Schema.Array(Schema.Int)], ([values]) => {
    const pool = new Uint8Array(KvpRecord.recordSize + values.length)
    values.forEach((value, index) => pool[index * 37 % pool.length] = value)
    const { entries, problems } = KvpRecord.decodePool(pool)
    assert.strictEqual(entries.length + problems.length, values.length === 0 ? 1 : 2)
  })
})

describe("KvpRecord: decodePool", () => {
  it("keeps the good records beside one that is not UTF-8 and one that is cut off", () => {
    const pool = Buffer.concat([
      KvpRecord.encode([{ key: "a", value: "1" }, { key: "bad", value: "2" }, { key: "c", value: "3" }]),
      Buffer.from("torn")
    ])
    pool[KvpRecord.recordSize + 512] = 0xff
    const { entries, problems } = KvpRecord.decodePool(pool)
    assert.deepStrictEqual(entries, [{ key: "a", value: "1" }, { key: "c", value: "3" }])
    assert.deepStrictEqual(problems, ["record 1 is not UTF-8", "record 3 has 4 bytes instead of 2560"])
  })

  it("ends a field at its first NUL, as the kernel does, and takes one without any", () => {
    const full = { key: "k".repeat(512), value: "v".repeat(2048) }
    const bytes = KvpRecord.encode([full])
    assert.deepStrictEqual(Result.getOrThrow(KvpRecord.decode(bytes)), full)
    bytes[3] = 0
    assert.strictEqual(Result.getOrThrow(KvpRecord.decode(bytes)).key, "kkk")
  })

  it("reads a field that begins with NUL as empty", () => {
    assert.deepStrictEqual(
      Result.getOrThrow(KvpRecord.decode(new Uint8Array(KvpRecord.recordSize))),
      { key: "", value: "" }
    )
  })

  it("joins the parts of one value, and only neighbours of which the first leaves no room for a character", () => {
    const part = (key: string, size: number) => ({ key, value: "x".repeat(size) })
    const read = (...entries: ReadonlyArray<KvpEntry>) => KvpRecord.decodePool(KvpRecord.encode(entries)).entries
    assert.deepStrictEqual(read(part("a", 1), part("k|0", 1019), part("k|1", 1022), part("k|2", 3), part("b", 2)), [
      part("a", 1),
      part("k", 1019 + 1022 + 3),
      part("b", 2)
    ])
    for (
      const apart of [
        [part("k|0", 1018), part("k|1", 2)],
        [part("k|0", 1022)],
        [part("kxx", 1022), part("k|1", 2)],
        [part("a", 1022), part("undefined|1", 2)],
        [part("k|0", 1022), part("l|1", 2)]
      ]
    ) assert.deepStrictEqual(read(...apart), apart)
  })

  it("keeps equal keys and single numbered keys as they are", () => {
    const entries = [{ key: "k", value: "1" }, { key: "k", value: "2" }, { key: "k|0", value: "3" }, {
      key: "k|2",
      value: "4"
    }]
    assert.deepStrictEqual(KvpRecord.decodePool(KvpRecord.encode(entries)).entries, entries)
  })
})

describe("KvpRecord: place", () => {
  const report = (value: string): KvpEntry => ({ key: "PROVISIONING_REPORT", value })
  const pool = (entries: ReadonlyArray<KvpEntry>) => KvpRecord.encode(entries)

  it("appends a batch in one write", () => {
    const before = pool([foreign(1)])
    const { writes } = KvpRecord.place(before, [diagnostic("a"), report("one"), diagnostic("b")])
    assert.lengthOf(writes, 1)
    const { entries } = KvpRecord.decodePool(stored(before, [diagnostic("a"), report("one"), diagnostic("b")]))
    assert.deepStrictEqual(entries, [foreign(1), diagnostic("a"), report("one"), diagnostic("b")])
  })

  it("replaces every report, those that azure-init appended as well, and leaves the others' bytes alone", () => {
    const before = pool([report("old"), foreign(1), report("older and longer")])
    const after = stored(before, [report("not this"), report("new")])
    assert.deepStrictEqual(KvpRecord.decodePool(after).entries, [report("new"), foreign(1), report("new")])
    assert.strictEqual(after.length, before.length)
  })

  it("drops an unfinished record at the end, so that the next one begins where it must", () => {
    const before = Buffer.concat([pool([foreign(1)]), Buffer.from("torn")])
    assert.deepStrictEqual(KvpRecord.decodePool(stored(before, [diagnostic("a")])), {
      entries: [foreign(1), diagnostic("a")],
      problems: []
    })
  })

  it("holds 1024 records and keeps one place of them for the report", () => {
    const full = stored(new Uint8Array(), many(2000, (index) => diagnostic(String(index))))
    assert.lengthOf(full, 1023 * KvpRecord.recordSize)
    assert.strictEqual(KvpRecord.place(full, [diagnostic("late")]).omitted, 1)
    const reported = stored(full, [diagnostic("late"), report("done")])
    assert.lengthOf(reported, 1024 * KvpRecord.recordSize)
    assert.deepStrictEqual(KvpRecord.decodePool(reported).entries.at(-1), report("done"))
    assert.lengthOf(stored(reported, [report("again"), diagnostic("late")]), 1024 * KvpRecord.recordSize)
  })

  it("puts the report in place of our last diagnostic when others have filled the pool", () => {
    const full = pool([diagnostic("a"), diagnostic("b"), ...many(1022, foreign)])
    const after = KvpRecord.decodePool(stored(full, [report("done")])).entries
    assert.lengthOf(after, 1024)
    assert.deepStrictEqual(after.slice(0, 3), [diagnostic("a"), report("done"), foreign(0)])
  })

  it("writes the report alone, and once, where there is one already and when a batch has several", () => {
    const { writes } = KvpRecord.place(pool([report("old"), foreign(1)]), [report("new")])
    assert.deepStrictEqual(writes.map(({ offset }) => offset), [0])
    assert.deepStrictEqual(
      KvpRecord.decodePool(stored(new Uint8Array(), [report("first"), report("last")])).entries,
      [report("last")]
    )
    assert.deepStrictEqual(KvpRecord.place(pool([foreign(1)]), []).writes, [])
  })

  it("replaces the report of a full pool, and keeps our diagnostics", () => {
    const full = pool([report("old"), diagnostic("a"), ...many(1022, foreign)])
    assert.deepStrictEqual(
      KvpRecord.decodePool(stored(full, [report("new")])).entries.slice(0, 2),
      [report("new"), diagnostic("a")]
    )
  })

  it("fills the last place with a diagnostic once the report has its own", () => {
    const almost = pool([report("old"), ...many(1022, foreign)])
    assert.strictEqual(KvpRecord.place(almost, [diagnostic("a")]).omitted, 0)
    assert.strictEqual(KvpRecord.place(almost, [diagnostic("a"), diagnostic("b")]).omitted, 1)
  })

  it("finds our last diagnostic in a full pool at its very first place, and beside a record that cannot be read", () => {
    const full = pool([diagnostic("a"), ...many(1023, foreign)])
    full[5 * KvpRecord.recordSize] = 0xff
    assert.deepStrictEqual(KvpRecord.decodePool(stored(full, [report("done")])).entries[0], report("done"))
    const foreigners = pool(many(1024, foreign))
    foreigners[5 * KvpRecord.recordSize] = 0xff
    assert.lengthOf(stored(foreigners, [report("done")]), 1025 * KvpRecord.recordSize)
  })

  it("takes nothing from others even when the pool is theirs alone", () => {
    const full = pool(many(1024, foreign))
    assert.deepStrictEqual(
      KvpRecord.decodePool(stored(full, [report("done")])).entries,
      [...many(1024, foreign), report("done")]
    )
  })
})
