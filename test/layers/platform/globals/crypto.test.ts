import { assert, describe, it } from "@effect/vitest"
import { make } from "../../../../src/layers/platform/globals/crypto.ts"
import { system } from "../../../support/natives.ts"

const hex = (bytes: ArrayBuffer) =>
  Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("")

/** What both are used for. */
interface WebCrypto {
  readonly getRandomValues: (view: Uint8Array<ArrayBuffer>) => Uint8Array
  readonly randomUUID: () => string
  readonly subtle: {
    readonly digest: (
      algorithm: string | { readonly name: string },
      data: Uint8Array<ArrayBuffer>
    ) => Promise<ArrayBuffer>
  }
}

const subjects: ReadonlyArray<readonly [name: string, crypto: WebCrypto]> = [
  ["ours", make(system)],
  ["the platform's own", globalThis.crypto]
]

for (const [name, crypto] of subjects) {
  describe(`crypto: ${name}`, () => {
    it("fills all of a view, and nothing beside it", () => {
      const bytes = new Uint8Array(64)
      assert.strictEqual(crypto.getRandomValues(bytes.subarray(16, 48)).length, 32)
      assert.isTrue(bytes.subarray(16, 48).some((byte) => byte !== 0))
      assert.isTrue([...bytes.subarray(0, 16), ...bytes.subarray(48)].every((byte) => byte === 0))
      assert.throws(() => crypto.getRandomValues(new Uint8Array(65537)))
    })

    it("makes UUIDs of version 4 that differ", () => {
      const uuids = new Set(Array.from({ length: 50 }, () => crypto.randomUUID()))
      assert.strictEqual(uuids.size, 50)
      for (const uuid of uuids) {
        assert.match(uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      }
    })

    it("digests with SHA-256", async () => {
      const abc = new Uint8Array([0, 0x61, 0x62, 0x63]).subarray(1)
      const digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
      assert.strictEqual(hex(await crypto.subtle.digest("SHA-256", abc)), digest)
      assert.strictEqual(hex(await crypto.subtle.digest({ name: "sha-256" }, abc)), digest)
    })

    it("refuses an algorithm that it does not know", async () => {
      const refused = await crypto.subtle.digest("SHA-0", new Uint8Array()).then(
        () => undefined,
        (error: unknown) => error
      )
      assert.include(refused, { name: "NotSupportedError" })
    })
  })
}
