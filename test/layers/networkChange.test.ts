import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import { TestClock } from "effect/testing"
import * as WireServer from "../../src/layers/live/WireServer.ts"
import * as HttpScript from "../../src/layers/test/HttpScript.ts"
import { CurrentSettings } from "../../src/services/CurrentSettings.ts"
import { NetworkChange } from "../../src/services/NetworkChange.ts"
import { WireServer as Service } from "../../src/services/WireServer.ts"
import { platformSettings } from "../support/platformSettings.ts"

const wireserver = { retryInterval: Duration.seconds(2), totalRetryTimeout: Duration.seconds(60) }

/**
 * When the requests were made, in milliseconds, where the first one fails with this code and the network changes at
 * these times.
 */
const requestsAt = (code: string, ...changes: ReadonlyArray<number>) =>
  Effect.gen(function*() {
    const http = HttpScript.make([{ error: code }, { error: code }, {}])
    const news = yield* Queue.unbounded<void>()
    const layer = WireServer.layer.pipe(
      Layer.provide(http.layer),
      Layer.provide(Layer.succeed(NetworkChange, Queue.take(news))),
      Layer.provide(Layer.succeed(CurrentSettings, platformSettings({ wireserver })))
    )
    const told = yield* Effect.forkChild(Service.use(({ ready }) => ready).pipe(Effect.provide(layer)))
    let now = 0
    for (const change of changes) {
      yield* TestClock.adjust(Duration.millis(change - now))
      now = change
      yield* Queue.offer(news, undefined)
    }
    yield* TestClock.adjust("10 seconds")
    yield* Fiber.join(told)
    return http.requests.map(({ at }) => at)
  })

describe("an exchange with the platform", () => {
  it.effect.each(["EADDRNOTAVAIL", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH"])(
    "%s: asks again soon after the network has changed",
    (code) => Effect.map(requestsAt(code, 700, 900), (at) => assert.deepStrictEqual(at, [0, 750, 950]))
  )

  it.effect("no route, and no change of the network: asks again at the interval", () =>
    Effect.map(requestsAt("ENETUNREACH"), (at) => assert.deepStrictEqual(at, [0, 2000, 4000])))

  it.effect("a change just before the interval does not put off the next attempt", () =>
    Effect.map(requestsAt("ENETUNREACH", 1990), (at) => assert.deepStrictEqual(at, [0, 2000, 4000])))

  it.effect.each(["ECONNREFUSED", "ECONNRESET", "ETIMEDOUT"])(
    "%s: the platform was reached, so a change of the network says nothing",
    (code) => Effect.map(requestsAt(code, 700), (at) => assert.deepStrictEqual(at, [0, 2000, 4000]))
  )
})
