import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { KvpEntry } from "../../src/domain/KvpRecord.ts"
import { Kvp } from "../../src/services/Kvp.ts"

const event = (id: string, value = `Time: 1 | Event: message=${id}`): KvpEntry => ({
  key: `azure-init-0.1.1|vm|INFO|http:request|${id}`,
  value
})
const report = (value: string): KvpEntry => ({ key: "PROVISIONING_REPORT", value })

/** What every {@link Kvp} does; `build` gives one with an empty pool. */
export const contract = (name: string, build: Effect.Effect<Layer.Layer<Kvp>, never, Scope.Scope>) =>
  describe(`Kvp: ${name}`, () => {
    const withKvp = <A, E>(test: (kvp: Kvp["Service"]) => Effect.Effect<A, E, Scope.Scope>) =>
      Effect.flatMap(build, (layer) => Kvp.use(test).pipe(Effect.provide(layer)))

    it.effect("begins empty, and flushes nothing without an error", () =>
      withKvp((kvp) =>
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* kvp.entries, [])
          yield* kvp.flush
          assert.deepStrictEqual(yield* kvp.entries, [])
        })
      ))

    it.effect("stores what was offered in order, when it is flushed and not before", () =>
      withKvp((kvp) =>
        Effect.gen(function*() {
          kvp.offer(event("a"))
          kvp.offer(report("result=success"))
          assert.deepStrictEqual(yield* kvp.entries, [])
          yield* kvp.flush
          kvp.offer(event("b"))
          yield* kvp.flush
          assert.deepStrictEqual(yield* kvp.entries, [event("a"), report("result=success"), event("b")])
        })
      ))

    it.effect("gives a long value back whole", () =>
      withKvp((kvp) =>
        Effect.gen(function*() {
          const long = event("long", "é😀x".repeat(1000))
          kvp.offer(event("a"))
          kvp.offer(long)
          kvp.offer(event("b"))
          yield* kvp.flush
          assert.deepStrictEqual(yield* kvp.entries, [event("a"), long, event("b")])
        })
      ))

    it.effect("has one report, the last", () =>
      withKvp((kvp) =>
        Effect.gen(function*() {
          kvp.offer(report("first"))
          yield* kvp.flush
          kvp.offer(report("second"))
          kvp.offer(report("third"))
          yield* kvp.flush
          assert.deepStrictEqual(yield* kvp.entries, [report("third")])
        })
      ))

    it.effect("stores everything once when several flush at the same time", () =>
      withKvp((kvp) =>
        Effect.gen(function*() {
          const events = Array.from({ length: 20 }, (_, index) => event(String(index)))
          events.forEach(kvp.offer)
          yield* Effect.all([kvp.flush, kvp.flush, kvp.flush], { concurrency: "unbounded" })
          assert.deepStrictEqual(yield* kvp.entries, events)
        })
      ))

    it.effect("keeps a place for the report in a full pool of 1024 records", () =>
      withKvp((kvp) =>
        Effect.gen(function*() {
          for (let id = 0; id < 1024; id++) kvp.offer(event(String(id)))
          yield* kvp.flush
          kvp.offer(event("late"))
          kvp.offer(report("result=success"))
          yield* kvp.flush
          const entries = yield* kvp.entries
          assert.lengthOf(entries, 1024)
          assert.deepStrictEqual(entries.slice(-2), [event("1022"), report("result=success")])
        })
      ))
  })
