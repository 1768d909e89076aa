import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { TestClock } from "effect/testing"
import * as Tracer from "effect/Tracer"
import { readFileSync } from "node:fs"
import type { Settings } from "../../src/domain/Settings.ts"
import { ImdsError } from "../../src/errors/ImdsError.ts"
import * as Live from "../../src/layers/live/Imds.ts"
import { httpClient } from "../../src/layers/Platform.ts"
import * as HttpScript from "../../src/layers/test/HttpScript.ts"
import * as Test from "../../src/layers/test/Imds.ts"
import { CurrentSettings } from "../../src/services/CurrentSettings.ts"
import { Imds } from "../../src/services/Imds.ts"
import * as Contract from "../contracts/Imds.ts"
import { goldenRequests } from "../support/golden.ts"
import { fullServer, serve } from "../support/httpServer.ts"
import { platformSettings } from "../support/platformSettings.ts"

const document = readFileSync(new URL("../fixtures/imds/ubuntu-two-keys.json", import.meta.url), "utf8")
const notYetFilled = readFileSync(
  new URL("../fixtures/imds/os-profile-not-yet-filled.json", import.meta.url),
  "utf8"
)

const url = "http://169.254.169.254/metadata/instance?api-version=2023-11-15&extended=true"

type HttpClientLayer = ReturnType<typeof HttpScript.make>["layer"]

const answerOf = (meets: Contract.Meets): HttpScript.Answer => {
  if (meets === "refusal") return { status: 403 }
  if (meets === "silence") return { hang: "answer" }
  return {
    body: {
      compute: {
        osProfile: {
          adminUsername: meets.adminUsername,
          computerName: meets.computerName,
          disablePasswordAuthentication: String(meets.disablePasswordAuthentication)
        },
        publicKeys: meets.publicKeys.map((keyData) => ({ keyData, path: "/home/azureuser/.ssh/authorized_keys" }))
      }
    }
  }
}

const live = (http: { readonly layer: HttpClientLayer }, imds: Partial<Settings["imds"]> = {}) =>
  Live.layer.pipe(
    Layer.provide(http.layer),
    Layer.provide(Layer.succeed(CurrentSettings, platformSettings({ imds })))
  )

Contract.contract("live", ([first, ...others]) => live(HttpScript.make([answerOf(first), ...others.map(answerOf)])))
Contract.contract("test", ([first, ...others]) => {
  const answer = (meets: Contract.Meets): Test.Answer => {
    if (meets === "silence") return "hangs"
    return meets === "refusal"
      ? new ImdsError({ url, kind: "http", detail: "HTTP 403", status: 403, attempts: 1 })
      : meets
  }
  return Test.make([answer(first), ...others.map(answer)]).layer
})

describe("test Imds", () => {
  it.effect("records each call and how it ended", () => {
    const error = new ImdsError({ url, kind: "timeout", detail: "late", attempts: 3 })
    const { calls, layer } = Test.make([error, "hangs"])
    return Effect.gen(function*() {
      const imds = yield* Imds
      assert.strictEqual(yield* Effect.flip(imds.instance), error)
      const fiber = yield* Effect.forkChild(imds.instance)
      yield* Effect.yieldNow
      assert.deepStrictEqual(calls.map((call) => call.end), ["failed", "pending"])
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(calls.map((call) => call.end), ["failed", "interrupted"])
    }).pipe(Effect.provide(layer))
  })
})

/** Asks once with these answers while the clock runs for an hour; times are milliseconds from the beginning. */
const ask = Effect.fnUntraced(function*(
  answers: Parameters<typeof HttpScript.make>[0],
  imds: Partial<Settings["imds"]> = {}
) {
  const http = HttpScript.make(answers)
  const began = yield* Clock.currentTimeMillis
  const fiber = yield* Imds.use((service) => Effect.exit(service.instance)).pipe(
    Effect.provide(live(http, imds)),
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

const errorOf = (exit: Exit.Exit<unknown, ImdsError>): Effect.Effect<ImdsError> => Effect.orDie(Effect.flip(exit))

const short = {
  retryInterval: Duration.seconds(2),
  totalRetryTimeout: Duration.seconds(10),
  requestTimeout: Duration.seconds(4)
}

describe("live Imds", () => {
  it.effect("succeeds with one request when the first answer is good", () =>
    Effect.gen(function*() {
      const { exit, requests, took } = yield* ask([{ body: document }])
      assert.strictEqual(Exit.isSuccess(exit) && exit.value.adminUsername, "azureuser")
      assert.strictEqual(took, 0)
      assert.strictEqual(requests.length, 1)
      assert.strictEqual(requests[0]?.url, url)
    }))

  it.effect("500, 500, then the document: asks at the interval", () =>
    Effect.gen(function*() {
      const { exit, times } = yield* ask([{ status: 500 }, { status: 500 }, { body: document }])
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepStrictEqual(times, [0, 2000, 4000])
    }))

  const failures: ReadonlyArray<readonly [string, HttpScript.Answer]> = [
    ["is away", { error: "ECONNREFUSED" }],
    ["answers 503", { status: 503 }],
    ["answers with an empty document", { body: "{}" }]
  ]
  it.effect.each(failures)(
    "with the default settings, waits for an IMDS that %s for 290 s",
    ([, failure]) =>
      Effect.gen(function*() {
        const times = (count: number) => Array.from({ length: count }, () => failure)
        // An attempt every 2 s, each of which fails at once.
        const inTime = yield* ask([failure, ...times(144), { body: document }])
        assert.isTrue(Exit.isSuccess(inTime.exit))
        assert.strictEqual(inTime.requests.length, 146)
        assert.strictEqual(inTime.took, 290_000)
        const tooLate = yield* ask([failure, ...times(149), { body: document }])
        assert.isTrue(Exit.isFailure(tooLate.exit))
        assert.isAtMost(tooLate.took, 300_000)
      })
  )

  it.effect("with the default settings, waits for an IMDS that answers nothing at all for 248 s", () =>
    Effect.gen(function*() {
      const hang: HttpScript.Answer = { hang: "answer" }
      const { exit, times } = yield* ask([hang, hang, hang, hang, { body: document }])
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepStrictEqual(times, [0, 62_000, 124_000, 186_000, 248_000])
    }))

  it.effect.each([400, 404, 408, 410, 425, 429, 500, 501, 502, 503, 504, 599])(
    "asks again on status %i until the deadline, and then fails with it",
    (status) =>
      Effect.gen(function*() {
        const { exit, times, took } = yield* ask([{ status }], short)
        const error = yield* errorOf(exit)
        assert.deepStrictEqual(times, [0, 2000, 4000, 6000, 8000])
        assert.strictEqual(took, 8000)
        assert.strictEqual(error.status, status)
        assert.strictEqual(error.kind, "http")
        assert.strictEqual(error.attempts, 5)
      })
  )

  it.effect.each([401, 402, 403, 405, 406, 409, 418, 300, 301, 302, 303, 304, 307, 308])(
    "fails at once on status %i",
    (status) =>
      Effect.gen(function*() {
        const { exit, requests, took } = yield* ask([
          { status, headers: { location: "http://127.0.0.1/elsewhere" } },
          { body: document }
        ])
        const error = yield* errorOf(exit)
        assert.strictEqual(error.status, status)
        assert.strictEqual(error.attempts, 1)
        assert.strictEqual(requests.length, 1)
        assert.strictEqual(took, 0)
      })
  )

  it.effect.each(["ECONNREFUSED", "ENETUNREACH", "ECONNRESET", "EHOSTUNREACH"])(
    "asks again when the connection fails with %s",
    (code) =>
      Effect.gen(function*() {
        const { exit, times } = yield* ask([{ error: code }, { error: code }, { body: document }])
        assert.isTrue(Exit.isSuccess(exit))
        assert.deepStrictEqual(times, [0, 2000, 4000])
      })
  )

  it.effect("tells a connection error and a connection timeout apart", () =>
    Effect.gen(function*() {
      const refused = yield* errorOf((yield* ask([{ error: "ECONNREFUSED" }], short)).exit)
      assert.strictEqual(refused.kind, "connection")
      assert.include(refused.detail, "ECONNREFUSED")
      const late = yield* errorOf((yield* ask([{ error: "ETIMEDOUT" }], short)).exit)
      assert.strictEqual(late.kind, "timeout")
    }))

  it.effect("gives an attempt up after the request timeout, closes its connection, and asks again", () =>
    Effect.gen(function*() {
      const { exit, requests, times } = yield* ask([{ hang: "answer" }, { body: document }], short)
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepStrictEqual(times, [0, 6000])
      assert.isTrue(requests[0]?.closed)
    }))

  it.effect("the request timeout covers the body, too", () =>
    Effect.gen(function*() {
      const { exit, requests, times } = yield* ask([{ body: "{\"compute\":", hang: "body" }, { body: document }], short)
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepStrictEqual(times, [0, 6000])
      assert.isTrue(requests[0]?.closed)
    }))

  it.effect("cuts the last attempt at the deadline", () =>
    Effect.gen(function*() {
      const { exit, times, took } = yield* ask([{ hang: "answer" }], short)
      const error = yield* errorOf(exit)
      // 0-4, 6-10: the second attempt has its 4 s, and no third one follows.
      assert.deepStrictEqual(times, [0, 6000])
      assert.strictEqual(took, 10_000)
      assert.strictEqual(error.kind, "timeout")
      const cut = yield* ask([{ hang: "answer" }], { ...short, totalRetryTimeout: Duration.seconds(9) })
      assert.deepStrictEqual(cut.times, [0, 6000])
      assert.strictEqual(cut.took, 9000)
    }))

  it.effect("an attempt that the deadline cuts short does not hide what the one before it met", () =>
    Effect.gen(function*() {
      const { exit, times, took } = yield* ask([{ status: 500, delay: "3 seconds" }], {
        ...short,
        totalRetryTimeout: Duration.seconds(12)
      })
      const error = yield* errorOf(exit)
      assert.deepStrictEqual(times, [0, 5000, 10_000])
      assert.strictEqual(took, 12_000)
      assert.strictEqual(error.detail, "HTTP 500")
      assert.strictEqual(error.attempts, 3)
    }))

  it.effect("an answer that comes in time counts, however slow", () =>
    Effect.gen(function*() {
      const { exit, took } = yield* ask([{ body: document, delay: "3900 millis" }], short)
      assert.isTrue(Exit.isSuccess(exit))
      assert.strictEqual(took, 3900)
    }))

  it.effect("asks nothing when the deadline leaves no time", () =>
    Effect.gen(function*() {
      const { exit, requests } = yield* ask([{ body: document }], { totalRetryTimeout: Duration.zero })
      const error = yield* errorOf(exit)
      assert.strictEqual(error.kind, "timeout")
      assert.strictEqual(requests.length, 0)
    }))

  it.effect.each(
    [
      ["no JSON", { body: "<html>" }, "the document is not JSON"],
      ["an empty body", {}, "the document is not JSON"],
      ["an empty body with 204", { status: 204 }, "the document is not JSON"],
      ["half a document", { body: document.slice(0, 900) }, "the document is not JSON"],
      ["a document that is not filled yet", { body: notYetFilled }, "disablePasswordAuthentication"]
    ] as const
  )(
    "a malformed answer (%s) is asked for again at the interval, for the whole time",
    ([, answer, detail]) =>
      Effect.gen(function*() {
        const { exit, times, took } = yield* ask([answer], short)
        const error = yield* errorOf(exit)
        assert.deepStrictEqual(times, [0, 2000, 4000, 6000, 8000])
        assert.strictEqual(took, 8000)
        assert.strictEqual(error.kind, "document")
        assert.include(error.detail, detail)
        const recovered = yield* ask([answer, { body: document }], short)
        assert.isTrue(Exit.isSuccess(recovered.exit))
        assert.deepStrictEqual(recovered.times, [0, 2000])
      })
  )

  it.effect("a body that breaks off is asked for again", () =>
    Effect.gen(function*() {
      const { exit, times } = yield* ask([{ body: document.slice(0, 900), breaks: "ECONNRESET" }, { body: document }])
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepStrictEqual(times, [0, 2000])
    }))

  it.effect("stops reading a body at 4 MiB, closes the connection, and asks again", () =>
    Effect.gen(function*() {
      const piece = " ".repeat(64 * 1024)
      const endless = Array.from({ length: 65 }, () => piece)
      const { exit, requests, times } = yield* ask([{ body: endless, hang: "body" }], short)
      const error = yield* errorOf(exit)
      // A body that was read on would have taken the 4 s of the request timeout.
      assert.deepStrictEqual(times, [0, 2000, 4000, 6000, 8000])
      assert.isTrue(requests.every((request) => request.closed))
      assert.strictEqual(error.kind, "document")
      assert.include(error.detail, "larger than 4194304 bytes")
    }))

  it.effect("takes a body of exactly 4 MiB in many pieces", () =>
    Effect.gen(function*() {
      const padded = document.replace("team:web", "é".repeat(20)).padEnd(4 * 1024 * 1024 - 20)
      const { exit } = yield* ask([{ body: padded.match(/[^]{1,10000}/gu) }])
      assert.isTrue(Exit.isSuccess(exit))
    }))

  it.effect("waits as long as Retry-After says, in seconds or until a date, and never shorter than the interval", () =>
    Effect.gen(function*() {
      const wait = (headers: Record<string, string>) =>
        Effect.map(ask([{ status: 503, headers }, { body: document }]), ({ times }) => times)
      assert.deepStrictEqual(yield* wait({ "retry-after": "7" }), [0, 7000])
      yield* TestClock.setTime(0)
      assert.deepStrictEqual(yield* wait({ "retry-after": "Thu, 01 Jan 1970 00:00:09 GMT" }), [0, 9000])
      yield* TestClock.setTime(0)
      assert.deepStrictEqual(yield* wait({ "retry-after": "1" }), [0, 2000])
      yield* TestClock.setTime(0)
      assert.deepStrictEqual(yield* wait({ "retry-after": "soon" }), [0, 2000])
      yield* TestClock.setTime(0)
      assert.deepStrictEqual(yield* wait({ "retry-after": "-5" }), [0, 2000])
      yield* TestClock.setTime(0)
      assert.deepStrictEqual(yield* wait({ "retry-after": "Wed, 31 Dec 1969 00:00:00 GMT" }), [0, 2000])
      yield* TestClock.setTime(0)
      assert.deepStrictEqual(
        yield* wait({ "retry-after": "Mon, 23 Nov 2026 04:00:05 GMT", date: "Mon, 23 Nov 2026 04:00:00 GMT" }),
        [0, 5000],
        "by the platform's clock, when it says its time"
      )
    }))

  it.effect.each(["3600", "999999999", "Thu, 01 Jan 2099 00:00:00 GMT"])(
    "a Retry-After of %s does not lead beyond the deadline: one more attempt is made before it",
    (value) =>
      Effect.gen(function*() {
        const { exit, times, took } = yield* ask([{ status: 503, headers: { "retry-after": value } }], short)
        const error = yield* errorOf(exit)
        assert.deepStrictEqual(times, [0, 8000])
        assert.strictEqual(took, 8000)
        assert.strictEqual(error.status, 503)
      })
  )

  it.effect("the error tells what was asked, how often, and what the last attempt met", () =>
    Effect.gen(function*() {
      const { exit } = yield* ask([{ status: 500 }, { error: "ECONNREFUSED" }, { status: 404 }, { status: 401 }])
      const error = yield* errorOf(exit)
      assert.match(error.message, /^no instance metadata from http:.*extended=true after 4 attempts: HTTP 401; IMDS /)
      assert.strictEqual(error.reason, "http error 401 querying IMDS")
    }))

  it.effect("never shows a body, in errors or logs", () => {
    const lines: Array<string> = []
    const capture = Logger.layer([Logger.make(({ message }) => lines.push(JSON.stringify(message)))])
    const secret = "hunter2"
    return Effect.gen(function*() {
      const errors = [
        yield* errorOf((yield* ask([{ body: `{"compute":"${secret}"}` }], short)).exit),
        yield* errorOf((yield* ask([{ body: secret }], short)).exit),
        yield* errorOf((yield* ask([{ status: 403, body: secret }], short)).exit)
      ]
      assert.isAbove(lines.length, 10)
      assert.notInclude(lines.join("\n") + JSON.stringify(errors) + errors.map(String).join(), secret)
    }).pipe(Effect.provide(capture))
  })

  it.effect("500, then the document: the requests that azure-init made, headers in its order", () =>
    Effect.gen(function*() {
      const golden = goldenRequests("imds-500-once", "imds")
      const { requests } = yield* ask([{ status: 500 }, { body: document }])
      assert.deepStrictEqual(
        requests.map(({ body, headers, method, url }) => ({
          request: `${method} ${url.replace("http://169.254.169.254", "")} HTTP/1.1`,
          headers: headers.filter(([name]) => name !== "x-ms-client-request-id"),
          body
        })),
        golden.map(({ body, headers, request }) => ({ request, headers, body }))
      )
    }))

  it.effect("each request has an id of its own", () =>
    Effect.gen(function*() {
      const { requests } = yield* ask([{ status: 500 }, { status: 500 }, { body: document }])
      const ids = requests.map(({ headers }) => new Map(headers).get("x-ms-client-request-id"))
      assert.strictEqual(new Set(ids).size, 3)
      for (const id of ids) assert.match(id ?? "", /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    }))

  it.effect("spans are azure-init's, and no others", () => {
    const spans: Array<Tracer.NativeSpan> = []
    const tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        spans.push(span)
        return span
      }
    })
    return Effect.gen(function*() {
      yield* ask([{ status: 500 }, { body: document }])
      assert.deepStrictEqual(spans.map(({ attributes, name }) => [name, ...attributes.values()]), [
        ["imds:query"],
        ["http:get"],
        ["http:request"],
        ["http:request", 0, 500],
        ["http:request", 1, 200]
      ])
      assert.deepStrictEqual([...(spans[3]?.attributes.keys() ?? [])], ["attempt", "http_status"])
    }).pipe(Effect.withTracer(tracer))
  })

  it.effect("an endpoint that ends in a slash, or has a port", () =>
    Effect.gen(function*() {
      const { requests } = yield* ask([{ body: document }], { endpoint: "http://127.0.0.1:8080/" })
      assert.strictEqual(requests[0]?.url, url.replace("169.254.169.254", "127.0.0.1:8080"))
      assert.strictEqual(new Map(requests[0]?.headers).get("host"), "127.0.0.1:8080")
    }))
})

const ok = (body: string) =>
  `HTTP/1.1 200 OK\r\nServer: IMDS\r\nContent-Type: application/json\r\nContent-Length: ${
    Buffer.byteLength(body)
  }\r\n\r\n${body}`

/** Asks a real server on loopback; short times, since the clock is real. */
const askServer = (endpoint: string, connect: Duration.Duration = Duration.infinity) =>
  Imds.use((imds) => imds.instance).pipe(
    Effect.provide(
      live({ layer: httpClient(connect) }, {
        endpoint,
        requestTimeout: Duration.millis(300),
        retryInterval: Duration.millis(10),
        totalRetryTimeout: Duration.millis(700)
      }).pipe(Layer.merge(Logger.layer([])))
    )
  )

describe("live Imds over the network", () => {
  it.live.each(["first-boot", "imds-403"])("sends what azure-init sent (%s)", (scenario) =>
    Effect.gen(function*() {
      const server = yield* serve(ok(document))
      const metadata = yield* askServer(`http://${server.address}`)
      assert.strictEqual(metadata.publicKeys.length, 2)
      const [golden] = goldenRequests(scenario, "imds")
      const [line, ...headers] = server.received[0]?.split("\r\n") ?? []
      assert.strictEqual(line, golden?.request)
      assert.deepStrictEqual(
        headers.filter((header) => !/^(x-ms-client-request-id: [0-9a-f-]{36}|Connection: close)$/.test(header)),
        [
          ...golden?.headers.map(([name, value]) => `${name}: ${name === "host" ? server.address : value}`) ?? [],
          "",
          golden?.body ?? "absent"
        ]
      )
      assert.strictEqual(server.connections.opened, 1)
    }))

  it.live("leaves no connection open", () =>
    Effect.gen(function*() {
      const server = yield* serve(ok(document))
      yield* askServer(`http://${server.address}`)
      while (server.connections.closed < 1) yield* Effect.sleep("1 millis")
      assert.deepStrictEqual(server.connections, { opened: 1, closed: 1 })
    }))

  it.live("does not follow a redirect", () =>
    Effect.gen(function*() {
      const other = yield* serve(ok(document))
      const server = yield* serve(
        `HTTP/1.1 302 Found\r\nLocation: http://${other.address}/\r\nContent-Length: 0\r\n\r\n`
      )
      const error = yield* Effect.flip(askServer(`http://${server.address}`))
      assert.strictEqual(error.status, 302)
      assert.include(error.detail, "redirect")
      assert.strictEqual(server.connections.opened, 1)
      assert.strictEqual(other.connections.opened, 0)
    }))

  it.live("uses no proxy of the environment", () =>
    Effect.gen(function*() {
      const proxy = yield* serve(ok(document))
      const server = yield* serve(ok(document))
      const names = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          const before = names.map((name) => [name, process.env[name]] as const)
          for (const name of names) process.env[name] = `http://${proxy.address}`
          return before
        }),
        (before) =>
          Effect.sync(() => {
            for (const [name, value] of before) {
              if (value === undefined) delete process.env[name]
              else process.env[name] = value
            }
          })
      )
      yield* askServer(`http://${server.address}`)
      assert.strictEqual(server.connections.opened, 1)
      assert.strictEqual(proxy.connections.opened, 0)
    }))

  it.live("an answer in pieces (chunked) is put together", () =>
    Effect.gen(function*() {
      const half = Math.floor(document.length / 2)
      const chunks = [document.slice(0, half), document.slice(half)].map((chunk) =>
        `${Buffer.byteLength(chunk).toString(16)}\r\n${chunk}\r\n`
      )
      const server = yield* serve(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks.join("")}0\r\n\r\n`)
      assert.strictEqual((yield* askServer(`http://${server.address}`)).computerName, "web-1")
    }))

  it.live("a server that takes the request and says nothing: asks again, then gives up in time", () =>
    Effect.gen(function*() {
      const server = yield* serve("")
      const error = yield* Effect.flip(askServer(`http://${server.address}`))
      assert.strictEqual(error.kind, "timeout")
      assert.isAtLeast(server.connections.opened, 2)
      while (server.connections.closed < server.connections.opened) yield* Effect.sleep("1 millis")
    }))

  it.live("an answer that is no HTTP is a connection error", () =>
    Effect.gen(function*() {
      const server = yield* serve("SSH-2.0-OpenSSH_9.6\r\n")
      const error = yield* Effect.flip(askServer(`http://${server.address}`))
      assert.strictEqual(error.kind, "connection")
      assert.isAtLeast(server.connections.opened, 2)
    }))

  it.live("nobody listens: asks again, then fails with the system's error", () =>
    Effect.gen(function*() {
      const address = yield* Effect.scoped(Effect.map(serve(""), (server) => server.address))
      const error = yield* Effect.flip(askServer(`http://${address}`))
      assert.strictEqual(error.kind, "connection")
      assert.include(error.detail, "ECONNREFUSED")
      assert.isAtLeast(error.attempts, 2)
    }))

  it.live("the connection timeout is over once there is a connection", () =>
    Effect.gen(function*() {
      const server = yield* serve("")
      const error = yield* Effect.flip(askServer(`http://${server.address}`, Duration.millis(50)))
      assert.strictEqual(error.detail, "no complete answer within 0.3 s")
    }))

  it.live("nobody accepts the connection: the connection timeout ends each attempt, before the request timeout", () =>
    Effect.gen(function*() {
      const address = yield* fullServer
      const error = yield* Effect.flip(askServer(`http://${address}`, Duration.millis(50)))
      assert.strictEqual(error.kind, "timeout")
      assert.strictEqual(error.detail, "no connection within 0.05 s")
      // 700 ms in all would have room for 3 attempts of 300 ms.
      assert.isAtLeast(error.attempts, 5)
    }))
})
