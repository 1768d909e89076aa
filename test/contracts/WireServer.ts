import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import { TestClock } from "effect/testing"
import { WireServer } from "../../src/services/WireServer.ts"

/** What the service is to meet: acceptance, a refusal with status 403, or a platform that never answers. */
export type Meets = "acceptance" | "refusal" | "silence"

/** What Azure has been told: the state, and the description where there is one. */
export type Told = readonly [report: "ready" | "inProgress" | "failed", description?: string]

/** What every `WireServer` promises. */
export const contract = (
  name: string,
  build: (meets: readonly [Meets, ...ReadonlyArray<Meets>]) => {
    readonly layer: Layer.Layer<WireServer>
    readonly told: () => ReadonlyArray<Told>
  }
): void => {
  describe(`WireServer contract: ${name}`, () => {
    it.effect("each report ends when Azure has accepted it, and tells what it was given", () => {
      const { layer, told } = build(["acceptance"])
      return Effect.gen(function*() {
        const wireServer = yield* WireServer
        yield* wireServer.inProgress("Provisioning is still in progress for vm_id=1.")
        yield* wireServer.failed("result=error|reason=\"a | b\"|é")
        yield* wireServer.ready
        assert.deepStrictEqual(told(), [
          ["inProgress", "Provisioning is still in progress for vm_id=1."],
          ["failed", "result=error|reason=\"a | b\"|é"],
          ["ready"]
        ])
      }).pipe(Effect.provide(layer))
    })

    it.effect("each report fails in the end with the status of a refusal", () => {
      const { layer, told } = build(["refusal"])
      return Effect.gen(function*() {
        const wireServer = yield* WireServer
        for (const report of [wireServer.ready, wireServer.failed("f"), wireServer.inProgress("p")]) {
          const fiber = yield* Effect.forkChild(Effect.flip(report))
          yield* TestClock.adjust("1 hour")
          const error = yield* Fiber.join(fiber)
          assert.strictEqual(error._tag, "WireServerError")
          assert.strictEqual(error.status, 403)
          assert.strictEqual(error.reason, "http status error")
        }
        assert.deepStrictEqual([...new Set(told().map(([which]) => which))], ["ready", "failed", "inProgress"])
        assert.strictEqual(told().filter(([which]) => which === "inProgress").length, 1)
      }).pipe(Effect.provide(layer))
    })

    it.effect("a report can be interrupted while it waits, and another one follows", () => {
      const { layer, told } = build(["silence", "acceptance"])
      return Effect.gen(function*() {
        const wireServer = yield* WireServer
        const fiber = yield* Effect.forkChild(wireServer.inProgress("p"))
        yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
        yield* wireServer.ready
        assert.deepStrictEqual(told(), [["inProgress", "p"], ["ready"]])
      }).pipe(Effect.provide(layer))
    })
  })
}
