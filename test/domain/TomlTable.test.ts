import { assert, describe, it } from "@effect/vitest"
import { keysOf, shorten, showValue } from "../../src/domain/TomlTable.ts"

describe("TomlTable", () => {
  it("lists the keys that a table sets, those of its sections with their section", () => {
    const keys = keysOf({ distribution: "base", imds: { endpoint: "x" }, user_provisioners: { groups: [] }, ssh: {} })
    assert.deepStrictEqual([...keys], ["distribution", "imds.endpoint", "user_provisioners.groups"])
  })

  it("cuts only what is longer than the limit", () => {
    assert.deepStrictEqual([shorten("abc", 3), shorten("abcd", 3)], ["abc", "abc…"])
  })

  it("quotes a value, and no whole table", () => {
    assert.deepStrictEqual([showValue("a"), showValue({ a: 1 }), showValue("x".repeat(99)).length], [
      "\"a\"",
      "a table",
      61
    ])
  })
})
