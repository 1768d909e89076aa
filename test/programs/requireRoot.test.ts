import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Runtime from "effect/Runtime"
import { linux } from "../../src/layers/Platform.ts"
import { requireRoot } from "../../src/programs/requireRoot.ts"
import { Linux } from "../../src/services/Linux.ts"

/** Asks for root as this user. */
const asUser = (euid: number) =>
  requireRoot.pipe(
    Effect.provide(Layer.provide(Layer.effect(Linux, Linux.useSync((real) => ({ ...real, euid }))), linux))
  )

describe("requireRoot", () => {
  it.effect("lets root go on", () => asUser(0))

  for (const uid of [1, 1000, 65534]) {
    it.effect(`stops uid ${uid} with one sentence and exit status 1`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(asUser(uid))
        assert.match(
          error.message,
          new RegExp(`^azure-init must run as root, and was started with uid ${uid}: [^\n]+$`)
        )
        assert.strictEqual(error[Runtime.errorExitCode], 1)
        assert.isFalse(error[Runtime.errorReported])
      }))
  }
})
