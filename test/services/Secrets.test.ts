import { assert, describe, it } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import * as Secrets from "../../src/services/Secrets.ts"

/** A secret that throws when it is looked at. */
const unreadable = (): Redacted.Redacted<string> => {
  const secret = Redacted.make("hunter2-secret")
  Redacted.wipeUnsafe(secret)
  return secret
}

describe("Secrets", () => {
  it("hides every secret and every input that was added before, each time", () => {
    const secrets = Secrets.make()
    secrets.add(Redacted.make("hunter2-secret"))
    assert.strictEqual(secrets.redact("hunter2-secret, swordfish"), "<redacted>, swordfish")
    secrets.addInput(Redacted.make("azureuser:swordfish\n"))
    assert.strictEqual(secrets.redact("hunter2-secret, swordfish"), "<redacted>, <redacted>")
  })

  it("looks at no secret for a helper that says nothing", () => {
    const secrets = Secrets.make()
    secrets.add(unreadable())
    secrets.addInput(unreadable())
    assert.strictEqual(secrets.redact(""), "")
    assert.strictEqual(secrets.redact("\n"), "\n")
    assert.throws(() => secrets.redact("a word"))
  })
})
