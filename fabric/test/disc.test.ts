import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { decodeOvfEnvironment } from "../../src/domain/OvfEnvironment.ts"
import { type Disc, ovfEnvironment } from "../disc.ts"

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKnsTuJ1Yc5m3dT9m4W2m8gQ0Wv1bJ3w2y5H8rQ1eQbV <owner> & co"

const discs: Readonly<Record<string, Disc>> = {
  "all": {
    username: "azureuser",
    hostname: "web-1",
    password: " <P>&amp;\"' ",
    disablePasswordAuthentication: true,
    keys: [key, "ssh-rsa AAAA second"],
    customData: "aGVsbG8="
  },
  "the least": { username: "u", hostname: "h", disablePasswordAuthentication: false }
}

describe("the provisioning disc's document", () => {
  it.effect.each(Object.keys(discs))("says to the agent what was put in: %s", (name) =>
    Effect.gen(function*() {
      const disc = discs[name] ?? assert.fail(name)
      const read = yield* decodeOvfEnvironment(ovfEnvironment(disc))
      assert.deepStrictEqual(read.username, Option.some(disc.username))
      assert.deepStrictEqual(read.hostname, Option.some(disc.hostname))
      assert.deepStrictEqual(read.disablePasswordAuthentication, Option.some(disc.disablePasswordAuthentication))
      assert.deepStrictEqual(
        Option.map(read.password, Redacted.value),
        Option.fromUndefinedOr(disc.password)
      )
      assert.deepStrictEqual(
        Option.map(read.customData, Redacted.value),
        Option.fromUndefinedOr(disc.customData)
      )
      assert.deepStrictEqual(read.publicKeys, disc.keys ?? [])
      assert.deepStrictEqual([read.preprovisionedVm, read.preprovisionedVmType], [false, "None"])
    }))
})
