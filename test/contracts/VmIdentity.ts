import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { VmIdentity } from "../../src/services/VmIdentity.ts"

/**
 * What every {@link VmIdentity} does: `known` is an Azure VM with this id, `unknown` a host whose firmware shows
 * nothing.
 */
export const contract = (name: string, build: {
  readonly known: (vmId: string) => Effect.Effect<Layer.Layer<VmIdentity>, never, Scope.Scope>
  readonly unknown: Effect.Effect<Layer.Layer<VmIdentity>, never, Scope.Scope>
}) =>
  describe(`VmIdentity: ${name}`, () => {
    it.effect("tells the id and the platform, as often as asked", () =>
      Effect.gen(function*() {
        const id = "550e8400-e29b-41d4-a716-446655440000"
        const layer = yield* build.known(id)
        yield* VmIdentity.use((identity) =>
          Effect.gen(function*() {
            assert.strictEqual(yield* identity.vmId, id)
            assert.strictEqual(yield* identity.vmId, id)
            assert.strictEqual(yield* identity.platform, "azure")
          })
        ).pipe(Effect.provide(layer))
      }))

    it.effect("fails with the place to look at when the firmware shows nothing", () =>
      Effect.gen(function*() {
        const error = yield* VmIdentity.use((identity) => Effect.flip(identity.vmId)).pipe(
          Effect.provide(yield* build.unknown)
        )
        assert.strictEqual(error._tag, "VmIdentityError")
        assert.strictEqual(error.reason, "failure to identify Azure VM ID")
        assert.include(error.message, "product_uuid")
      }))
  })
