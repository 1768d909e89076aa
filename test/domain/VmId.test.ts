import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
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
    const uuid = "550E8400-E29B-41D4-A716-446655440000"
    for (const text of ["Not-A-UUID", `X${uuid}`, `${uuid}X`]) {
      assert.strictEqual(swapByteOrder(text), text.toLowerCase())
    }
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
      assert.include(
        String(Result.getOrThrow(Result.flip(Schema.decodeResult(VmId)(text)))),
        "at most 64 lower-case letters, digits and '-'"
      )
    }
    assert.strictEqual(VmId.make("x".repeat(64)), "x".repeat(64))
  })
})
