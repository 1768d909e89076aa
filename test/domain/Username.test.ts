import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { GroupName, Username } from "../../src/domain/Username.ts"

for (const [title, schema] of [["Username", Username], ["GroupName", GroupName]] as const) {
  const decode = Schema.decodeUnknownResult(schema)

  describe(title, () => {
    it("takes 1 to 32 letters, digits, '_', '.' and '-', and a letter or '_' first", () => {
      for (const name of ["a", "Z", "_", "a.b-c_9", "x".repeat(32), "_0"]) {
        assert.strictEqual(Result.getOrThrow(decode(name)), name)
      }
    })

    it("refuses what useradd could take for an option, an id or a field of passwd, and says what it takes", () => {
      for (const name of ["", "-rf", "1000", ".a", "a b", "a:b", "a/b", "a\n", "\na", "é", "aé", "x".repeat(33)]) {
        assert.include(
          String(Result.getOrThrow(Result.flip(decode(name)))),
          "1 to 32 letters, digits, '_', '.' or '-', starting with a letter or '_'",
          JSON.stringify(name)
        )
      }
    })
  })
}
