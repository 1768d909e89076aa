import { assert, describe, it } from "@effect/vitest"
import { spellings, swapByteOrder, unknownVmId, VmId } from "../../src/domain/VmId.ts"

describe("VmId", () => {
  it("swaps the first three groups, as azure-init's vector has it", () => {
    assert.strictEqual(
      swapByteOrder("550e8400-e29b-41d4-a716-446655440000"),
      "00840e55-9be2-d441-a716-446655440000"
    )
  })

  it("reads upper case, no hyphens, braces and urn:uuid:", () => {
    for (
      const text of [
        "550E8400-E29B-41D4-A716-446655440000",
        "550e8400e29b41d4a716446655440000",
        "{550e8400-e29b-41d4-a716-446655440000}",
        "urn:uuid:550e8400-e29b-41d4-a716-446655440000"
      ]
    ) assert.strictEqual(swapByteOrder(text), "00840e55-9be2-d441-a716-446655440000")
  })

  it("leaves a text that is no UUID, in lower case", () => {
    assert.strictEqual(swapByteOrder("Not-A-UUID"), "not-a-uuid")
  })

  it("knows both byte orders of an id, and only one of a symmetric one", () => {
    assert.deepStrictEqual(spellings(VmId.make("550e8400-e29b-41d4-a716-446655440000")), [
      "550e8400-e29b-41d4-a716-446655440000",
      "00840e55-9be2-d441-a716-446655440000"
    ])
    assert.deepStrictEqual(spellings(unknownVmId), [unknownVmId])
  })

  it("is a file name", () => {
    for (const text of ["../../etc/passwd", "", "a/b", "a\0b", "x".repeat(65)]) {
      assert.throws(() => VmId.make(text))
    }
  })
})
