import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import type { InstanceMetadata } from "../../src/domain/InstanceMetadata.ts"
import { Imds } from "../../src/services/Imds.ts"

/** What the service is to meet: this metadata, a refusal with status 403, or a platform that never answers. */
export type Meets = InstanceMetadata | "refusal" | "silence"

const metadata: InstanceMetadata = {
  adminUsername: "azureuser",
  computerName: "web-1",
  disablePasswordAuthentication: true,
  publicKeys: ["ssh-ed25519 AAAA alice", "ssh-ed25519 BBBB bob\r\n"]
}

/** What every `Imds` promises. */
export const contract = (
  name: string,
  build: (meets: readonly [Meets, ...ReadonlyArray<Meets>]) => Layer.Layer<Imds>
): void => {
  describe(`Imds contract: ${name}`, () => {
    it.effect("gives the metadata as the platform has it, keys in order and unchanged", () =>
      Effect.gen(function*() {
        const imds = yield* Imds
        assert.deepStrictEqual(yield* imds.instance, metadata)
      }).pipe(Effect.provide(build([metadata]))))

    it.effect("gives empty names and no keys when the platform has none", () => {
      const empty = { adminUsername: "", computerName: "", disablePasswordAuthentication: false, publicKeys: [] }
      return Effect.gen(function*() {
        const imds = yield* Imds
        assert.deepStrictEqual(yield* imds.instance, empty)
      }).pipe(Effect.provide(build([empty])))
    })

    it.effect("fails with the status of a refusal", () =>
      Effect.gen(function*() {
        const imds = yield* Imds
        const error = yield* Effect.flip(imds.instance)
        assert.strictEqual(error._tag, "ImdsError")
        assert.strictEqual(error.kind, "http")
        assert.strictEqual(error.status, 403)
        assert.strictEqual(error.reason, "http error 403 querying IMDS")
        assert.include(error.message, "/metadata/instance")
      }).pipe(Effect.provide(build(["refusal"]))))

    it.effect("asks the platform anew each time", () =>
      Effect.gen(function*() {
        const imds = yield* Imds
        yield* Effect.flip(imds.instance)
        assert.deepStrictEqual(yield* imds.instance, metadata)
      }).pipe(Effect.provide(build(["refusal", metadata]))))

    it.effect("can be interrupted while it waits", () =>
      Effect.gen(function*() {
        const imds = yield* Imds
        const fiber = yield* Effect.forkChild(imds.instance)
        yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
        const exit = yield* Fiber.await(fiber)
        assert.strictEqual(exit._tag, "Failure")
      }).pipe(Effect.provide(build(["silence"]))))
  })
}
