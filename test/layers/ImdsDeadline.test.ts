import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { TestClock } from "effect/testing"
import * as Live from "../../src/layers/live/Imds.ts"
import * as HttpScript from "../../src/layers/test/HttpScript.ts"
import { CurrentSettings } from "../../src/services/CurrentSettings.ts"
import { Imds } from "../../src/services/Imds.ts"
import { platformSettings } from "../support/platformSettings.ts"
import { telling, type Told } from "../support/told.ts"

/** Asks until it fails, each attempt at most 4 s, with 2 s between them. */
const failing = Effect.fnUntraced(function*(answers: Parameters<typeof HttpScript.make>[0], total: number) {
  const told: Told = { logged: [], spans: [] }
  const settings = platformSettings({
    imds: {
      retryInterval: Duration.seconds(2),
      requestTimeout: Duration.seconds(4),
      totalRetryTimeout: Duration.seconds(total)
    }
  })
  const asking = yield* telling(told, Effect.flip(Imds.use((imds) => imds.instance))).pipe(
    Effect.provide(Live.layer.pipe(
      Layer.provide(HttpScript.make(answers).layer),
      Layer.provide(Layer.succeed(CurrentSettings, settings))
    )),
    Effect.forkChild
  )
  yield* TestClock.adjust("1 hour")
  const error = yield* Fiber.join(asking)
  return { error, logged: told.logged }
})

describe("live Imds at its deadline", () => {
  it.effect("tells of the last attempt when that had all its time and no answer", () =>
    Effect.gen(function*() {
      // 0: 503; 2 to 6: no answer, whole.
      const { error } = yield* failing([{ status: 503 }, { hang: "answer" }], 7)
      assert.deepStrictEqual([error.kind, error.attempts], ["timeout", 2])
      assert.isUndefined(error.status)
    }))

  it.effect("tells of the last attempt when that was answered in the short time that was left", () =>
    Effect.gen(function*() {
      // 0: 503; 2, with 3 s left: 500.
      const { error } = yield* failing([{ status: 503 }, { status: 500 }], 5)
      assert.strictEqual(error.status, 500)
    }))

  it.effect("tells of the only attempt, however short", () =>
    Effect.gen(function*() {
      const { error } = yield* failing([{ hang: "answer" }], 3)
      assert.deepStrictEqual([error.kind, error.attempts], ["timeout", 1])
      assert.notInclude(error.detail, "leaves no time")
    }))

  it.effect("says that there is no time when there is none", () =>
    Effect.gen(function*() {
      const { error } = yield* failing([{ status: 503 }], 0)
      assert.deepStrictEqual([error.kind, error.attempts, error.detail], [
        "timeout",
        0,
        "the deadline leaves no time to ask"
      ])
    }))

  it.effect("says each attempt's failure, when the next one follows, and that there is none", () =>
    Effect.gen(function*() {
      const { logged } = yield* failing([{ status: 503 }], 3)
      const said = logged.flatMap((message) => Array.isArray(message) ? [message] : [])
      assert.deepInclude(said, ["The request failed, the next attempt follows in 2 s", {
        error: "HTTP 503",
        remaining: "3 s"
      }])
      assert.deepInclude(said, ["The request has failed for good", { error: "HTTP 503", attempts: 2 }])
      assert.deepInclude(said, ["Received an HTTP response", {
        url: "http://169.254.169.254/metadata/instance?api-version=2023-11-15&extended=true"
      }])
    }))
})
