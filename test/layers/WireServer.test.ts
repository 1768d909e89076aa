import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"
import * as Tracer from "effect/Tracer"
import type { Settings } from "../../src/domain/Settings.ts"
import { WireServerError } from "../../src/errors/WireServerError.ts"
import * as Live from "../../src/layers/live/WireServer.ts"
import { httpClient } from "../../src/layers/Platform.ts"
import * as HttpScript from "../../src/layers/test/HttpScript.ts"
import * as Test from "../../src/layers/test/WireServer.ts"
import { CurrentSettings } from "../../src/services/CurrentSettings.ts"
import { WireServer } from "../../src/services/WireServer.ts"
import * as Contract from "../contracts/WireServer.ts"
import { goldenRequests } from "../support/golden.ts"
import { serve } from "../support/httpServer.ts"
import { platformSettings } from "../support/platformSettings.ts"

const endpoint = "http://168.63.129.16/provisioning/health"

type HttpClientLayer = ReturnType<typeof HttpScript.make>["layer"]

const live = (http: { readonly layer: HttpClientLayer }, wireserver: Partial<Settings["wireserver"]> = {}) =>
  Live.layer.pipe(
    Layer.provide(http.layer),
    Layer.provide(Layer.succeed(CurrentSettings, platformSettings({ wireserver })))
  )

const SentReport = Schema.fromJsonString(Schema.Struct({
  state: Schema.Literals(["Ready", "NotReady"]),
  details: Schema.optionalKey(Schema.Struct({
    description: Schema.String,
    subStatus: Schema.Literals(["Provisioning", "ProvisioningFailed"])
  }))
}))

const toldBy = ({ body }: HttpScript.Request): Contract.Told => {
  const { details } = Schema.decodeSync(SentReport)(body)
  return details === undefined
    ? ["ready"]
    : [details.subStatus === "Provisioning" ? "inProgress" : "failed", details.description]
}

Contract.contract("live", ([first, ...others]) => {
  const answer = (meets: Contract.Meets): HttpScript.Answer =>
    meets === "silence" ? { hang: "answer" } : { status: meets === "refusal" ? 403 : 200 }
  const http = HttpScript.make([answer(first), ...others.map(answer)])
  return { layer: live(http), told: () => http.requests.map(toldBy) }
})

Contract.contract("test", ([first, ...others]) => {
  const answer = (meets: Contract.Meets): Test.Answer => {
    if (meets === "silence") return "hangs"
    return meets === "acceptance"
      ? "accepts"
      : new WireServerError({ endpoint, state: "Ready", detail: "HTTP 403", status: 403, attempts: 1 })
  }
  const { calls, layer } = Test.make([answer(first), ...others.map(answer)])
  return {
    layer,
    told: () =>
      calls.map(({ description, report }) => description === undefined ? [report] as const : [report, description])
  }
})

describe("test WireServer", () => {
  it.effect("accepts where nothing else is asked for, and records how each report ended", () => {
    const { calls, layer } = Test.make()
    return Effect.gen(function*() {
      const wireServer = yield* WireServer
      yield* wireServer.failed("f")
      yield* wireServer.ready
      assert.deepStrictEqual(calls, [
        { report: "failed", description: "f", end: "accepted" },
        { report: "ready", end: "accepted" }
      ])
    }).pipe(Effect.provide(layer))
  })

  it.effect("records that a report was interrupted", () => {
    const { calls, layer } = Test.make(["hangs"])
    return Effect.gen(function*() {
      const wireServer = yield* WireServer
      const fiber = yield* Effect.forkChild(wireServer.inProgress("p"))
      yield* Effect.yieldNow
      assert.strictEqual(calls[0]?.end, "pending")
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(calls[0]?.end, "interrupted")
    }).pipe(Effect.provide(layer))
  })
})

type Reports = typeof WireServer.Service

/** Makes one report with these answers while the clock runs for an hour; times are milliseconds from the beginning. */
const report = Effect.fnUntraced(function*(
  which: (service: Reports) => Effect.Effect<void, WireServerError>,
  answers: Parameters<typeof HttpScript.make>[0],
  wireserver: Partial<Settings["wireserver"]> = {}
) {
  const http = HttpScript.make(answers)
  const began = yield* Clock.currentTimeMillis
  const fiber = yield* WireServer.use((service) => Effect.exit(which(service))).pipe(
    Effect.provide(live(http, wireserver)),
    Effect.timed,
    Effect.forkChild
  )
  yield* TestClock.adjust("1 hour")
  const [took, exit] = yield* Fiber.join(fiber)
  return {
    exit,
    took: Duration.toMillis(took),
    requests: http.requests,
    times: http.requests.map((request) => request.at - began)
  }
})

const ready = (service: Reports) => service.ready
const failed = (service: Reports) => service.failed("why")
const inProgress = (service: Reports) => service.inProgress("soon")

const errorOf = (exit: Exit.Exit<void, WireServerError>): Effect.Effect<WireServerError> =>
  Effect.orDie(Effect.flip(exit))

const short = {
  readTimeout: Duration.seconds(4),
  retryInterval: Duration.seconds(2),
  totalRetryTimeout: Duration.seconds(10)
}

describe("live WireServer", () => {
  it.effect.each([200, 201, 202, 204])("status %i is acceptance, with one request", (status) =>
    Effect.gen(function*() {
      for (const which of [ready, failed, inProgress]) {
        const { exit, requests } = yield* report(which, [{ status }, { status: 500 }])
        assert.isTrue(Exit.isSuccess(exit))
        assert.strictEqual(requests.length, 1)
      }
    }))

  it.effect.each([301, 302, 304, 307, 400, 401, 403, 404, 405, 408, 409, 410, 418, 425, 429, 500, 502, 503, 504])(
    "ready and failed are sent again on status %i until the deadline, and then fail with it",
    (status) =>
      Effect.gen(function*() {
        for (const which of [ready, failed]) {
          const { exit, times, took } = yield* report(which, [{ status }], short)
          const error = yield* errorOf(exit)
          assert.deepStrictEqual(times, [0, 2000, 4000, 6000, 8000])
          assert.strictEqual(took, 8000)
          assert.strictEqual(error.status, status)
          assert.strictEqual(error.attempts, 5)
        }
      })
  )

  it.effect("in progress is sent once, whatever the answer is", () =>
    Effect.gen(function*() {
      const { exit, requests } = yield* report(inProgress, [{ status: 403 }, { status: 200 }])
      const error = yield* errorOf(exit)
      assert.strictEqual(error.status, 403)
      assert.strictEqual(error.reason, "http status error")
      assert.deepStrictEqual(error.supporting.slice(0, 2), [["endpoint", endpoint], ["status", "403"]])
      assert.strictEqual(requests.length, 1)
    }))

  it.effect("is sent again at its own interval, not at the connection timeout", () =>
    Effect.gen(function*() {
      const { exit, times } = yield* report(ready, [{ status: 503 }, { error: "ECONNREFUSED" }, { status: 200 }])
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepStrictEqual(times, [0, 2000, 4000])
    }))

  it.effect("waits as long as Retry-After says, within the deadline", () =>
    Effect.gen(function*() {
      const honoured = yield* report(ready, [{ status: 429, headers: { "retry-after": "7" } }, {}])
      assert.deepStrictEqual(honoured.times, [0, 7000])
      const capped = yield* report(ready, [{ status: 429, headers: { "retry-after": "3600" } }, {}], short)
      assert.isTrue(Exit.isSuccess(capped.exit))
      assert.deepStrictEqual(capped.times, [0, 8000])
    }))

  it.effect("an attempt without an answer is given up after the read timeout, and its connection closed", () =>
    Effect.gen(function*() {
      const { exit, requests, times } = yield* report(ready, [{ hang: "answer" }, { status: 200 }], short)
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepStrictEqual(times, [0, 6000])
      assert.isTrue(requests[0]?.closed)
    }))

  it.effect("without any answer it fails at the deadline, as a timeout", () =>
    Effect.gen(function*() {
      const { exit, took } = yield* report(failed, [{ hang: "answer" }], short)
      const error = yield* errorOf(exit)
      assert.strictEqual(took, 10_000)
      assert.strictEqual(error.status, undefined)
      assert.strictEqual(error.reason, "operation timed out")
      assert.include(error.message, `NotReady at ${endpoint} after 2 attempts`)
    }))

  it.effect("acceptance does not wait for the body of the answer", () =>
    Effect.gen(function*() {
      const { exit, took, requests } = yield* report(ready, [{ body: "x", hang: "body" }])
      assert.isTrue(Exit.isSuccess(exit))
      assert.strictEqual(took, 0)
      assert.isTrue(requests[0]?.closed)
    }))

  it.effect("in progress is sent once, whatever the answer", () =>
    Effect.gen(function*() {
      for (const answer of [{ status: 503 }, { error: "ECONNREFUSED" }, { hang: "answer" }] as const) {
        const { exit, requests } = yield* report(inProgress, [answer, { status: 200 }], short)
        assert.isTrue(Exit.isFailure(exit))
        assert.strictEqual(requests.length, 1)
      }
    }))

  it.effect("in progress closes its connection when it is interrupted", () => {
    const http = HttpScript.make([{ hang: "answer" }])
    return Effect.gen(function*() {
      const wireServer = yield* WireServer
      const fiber = yield* Effect.forkChild(wireServer.inProgress("p"))
      yield* Effect.yieldNow
      assert.isFalse(http.requests[0]?.closed)
      yield* Fiber.interrupt(fiber)
      assert.isTrue(http.requests[0]?.closed)
    }).pipe(Effect.provide(live(http)))
  })

  it.effect("bodies are azure-init's, byte by byte", () =>
    Effect.gen(function*() {
      const bodies = yield* Effect.forEach([ready, failed, inProgress], (which) =>
        Effect.map(report(which, [{}]), ({ requests }) => requests[0]?.body))
      assert.deepStrictEqual(bodies, [
        "{\"state\":\"Ready\"}",
        "{\"details\":{\"description\":\"why\",\"subStatus\":\"ProvisioningFailed\"},\"state\":\"NotReady\"}",
        "{\"details\":{\"description\":\"soon\",\"subStatus\":\"Provisioning\"},\"state\":\"NotReady\"}"
      ])
    }))

  it.effect.prop(
    "every description arrives as it was given, as well-formed Unicode",
    [Schema.String],
    ([description]) => {
      const http = HttpScript.make([{}])
      return WireServer.use((service) => service.failed(description)).pipe(
        Effect.provide(live(http)),
        Effect.andThen(Effect.sync(() => {
          assert.deepStrictEqual(http.requests.map(toldBy), [["failed", Buffer.from(description).toString()]])
          assert.strictEqual(
            new Map(http.requests[0]?.headers).get("content-length"),
            String(new TextEncoder().encode(http.requests[0]?.body).length)
          )
        }))
      )
    }
  )

  it.effect("logs the answer's headers and status, and spans are azure-init's, and no others", () => {
    const lines: Array<unknown> = []
    const spans: Array<Tracer.NativeSpan> = []
    const capture = Logger.layer([Logger.make(({ message }) => lines.push(message))])
    const tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        spans.push(span)
        return span
      }
    })
    return Effect.gen(function*() {
      yield* report(ready, [{ headers: { server: "host", "x-ms-request-id": "7" } }])
      assert.deepInclude(lines, ["WireServer response header", { header: "server", value: "host" }])
      assert.deepInclude(lines, ["WireServer response header", { header: "x-ms-request-id", value: "7" }])
      assert.isTrue(JSON.stringify(lines).includes("accepted the report Ready with status 200"))
      yield* report(failed, [{}])
      assert.deepStrictEqual(spans.map(({ name }) => name), [
        "health:report_ready",
        "health:_report",
        "http:post",
        "http:request",
        "http:request",
        "health:_report",
        "http:post",
        "http:request",
        "http:request"
      ])
    }).pipe(Effect.provide(capture), Effect.withTracer(tracer))
  })
})

const answered = (status: string) => `HTTP/1.1 ${status}\r\nServer: host\r\nContent-Length: 0\r\n\r\n`

/** Talks to a real server on loopback; short times, since the clock is real. */
const liveOn = (address: string) =>
  live({ layer: httpClient(Duration.seconds(5)) }, {
    healthEndpoint: `http://${address}/provisioning/health`,
    readTimeout: Duration.seconds(5),
    retryInterval: Duration.millis(10),
    totalRetryTimeout: Duration.seconds(10)
  }).pipe(Layer.merge(Logger.layer([])))

describe("live WireServer over the network", () => {
  it.live.each(["first-boot", "imds-403"])("sends what azure-init sent (%s)", (scenario) =>
    Effect.gen(function*() {
      const server = yield* serve(answered("200 OK"))
      const [golden] = goldenRequests(scenario, "wireserver")
      const description = /"description":"(.*?)"/.exec(golden?.body ?? "")?.[1]
      yield* WireServer.use((service) => description === undefined ? service.ready : service.failed(description)).pipe(
        Effect.provide(liveOn(server.address))
      )
      const [line, ...headers] = server.received[0]?.split("\r\n") ?? []
      assert.strictEqual(line, golden?.request)
      assert.deepStrictEqual(headers.filter((header) => header !== "Connection: close"), [
        ...golden?.headers.map(([name, value]) => `${name}: ${name === "host" ? server.address : value}`) ?? [],
        "",
        golden?.body ?? "absent"
      ])
      assert.strictEqual(server.connections.opened, 1)
    }))

  it.live("a redirect is not followed and is no acceptance", () =>
    Effect.gen(function*() {
      const other = yield* serve(answered("200 OK"))
      const server = yield* serve(
        `HTTP/1.1 302 Found\r\nLocation: http://${other.address}/\r\nContent-Length: 0\r\n\r\n`
      )
      const error = yield* WireServer.use((service) => Effect.flip(service.inProgress("p"))).pipe(
        Effect.provide(liveOn(server.address))
      )
      assert.strictEqual(error.status, 302)
      assert.strictEqual(other.connections.opened, 0)
      assert.strictEqual(server.connections.opened, 1)
    }))

  it.live("in progress that is interrupted leaves no connection, and Ready follows on a new one", () =>
    Effect.gen(function*() {
      const silent = yield* serve("")
      yield* WireServer.use((service) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(service.inProgress("p"))
          while (!silent.received[0]?.includes("\r\n\r\n{")) yield* Effect.sleep("1 millis")
          assert.strictEqual(silent.connections.closed, 0)
          yield* Fiber.interrupt(fiber)
          while (silent.connections.closed < 1) yield* Effect.sleep("1 millis")
        })
      ).pipe(Effect.provide(liveOn(silent.address)))
    }))

  it.live("connections are closed when the reports are done", () =>
    Effect.gen(function*() {
      const server = yield* serve(answered("503 Busy"))
      yield* WireServer.use((service) => Effect.flip(service.inProgress("p"))).pipe(
        Effect.provide(liveOn(server.address))
      )
      while (server.connections.closed < 1) yield* Effect.sleep("1 millis")
      assert.deepStrictEqual(server.connections, { opened: 1, closed: 1 })
    }))
})
