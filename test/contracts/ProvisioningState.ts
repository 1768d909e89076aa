import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { VmId } from "../../src/domain/VmId.ts"
import { ProvisioningState } from "../../src/services/ProvisioningState.ts"

const vmId = VmId.make("550e8400-e29b-41d4-a716-446655440000")
const swapped = VmId.make("00840e55-9be2-d441-a716-446655440000")
const clone = VmId.make("11111111-2222-3333-4444-555555555555")

/** What every {@link ProvisioningState} does; `build` gives an empty one. */
export const contract = (name: string, build: Effect.Effect<Layer.Layer<ProvisioningState>, never, Scope.Scope>) =>
  describe(`ProvisioningState: ${name}`, () => {
    const withState = <A, E>(test: (state: ProvisioningState["Service"]) => Effect.Effect<A, E, Scope.Scope>) =>
      Effect.flatMap(build, (layer) => ProvisioningState.use(test).pipe(Effect.provide(layer)))

    it.effect("begins unprovisioned", () =>
      withState((state) =>
        Effect.gen(function*() {
          assert.strictEqual(yield* state.progress(vmId), "unprovisioned")
        })
      ))

    it.effect("goes from unprovisioned to configured to reported, and the same when repeated", () =>
      withState((state) =>
        Effect.gen(function*() {
          yield* state.markConfigured(vmId)
          assert.strictEqual(yield* state.progress(vmId), "configured")
          yield* state.markConfigured(vmId)
          yield* state.markReported(vmId)
          assert.strictEqual(yield* state.progress(vmId), "reported")
          yield* state.markReported(vmId)
          assert.strictEqual(yield* state.progress(vmId), "reported")
        })
      ))

    it.effect("knows the VM by its id in the other byte order", () =>
      withState((state) =>
        Effect.gen(function*() {
          yield* state.markReported(vmId)
          assert.strictEqual(yield* state.progress(swapped), "reported")
        })
      ))

    it.effect("does not know a clone", () =>
      withState((state) =>
        Effect.gen(function*() {
          yield* state.markReported(vmId)
          assert.strictEqual(yield* state.progress(clone), "unprovisioned")
        })
      ))

    it.effect("cleans the markers of every VM, and nothing when there are none", () =>
      withState((state) =>
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* state.clean, [])
          yield* state.markReported(vmId)
          yield* state.markConfigured(clone)
          assert.lengthOf(yield* state.clean, 2)
          assert.strictEqual(yield* state.progress(vmId), "unprovisioned")
          assert.strictEqual(yield* state.progress(clone), "unprovisioned")
        })
      ))

    it.effect("can be locked again after the lock was released", () =>
      withState((state) =>
        Effect.gen(function*() {
          yield* Effect.scoped(state.lock("1 second"))
          yield* Effect.scoped(state.lock("1 second"))
        })
      ))
  })
