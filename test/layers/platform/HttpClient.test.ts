import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import type { HttpClientError } from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Stream from "effect/Stream"
import { join } from "node:path"
import * as Platform from "../../../src/layers/Platform.ts"

/**
 * On Node under vitest, on the boot runtime under `npm run test:native`: what is accepted and what refused is the same.
 */

const layer = Layer.merge(Platform.processes, Platform.httpClient(Duration.seconds(5)))

/** Starts a server with these answers; its address. */
const serve = Effect.fnUntraced(function*(answers: Readonly<Record<string, string>>) {
  const spawner = yield* ChildProcessSpawner
  const server = yield* spawner.spawn(ChildProcess.make(
    join(import.meta.dirname, "../../../node_modules/.bin/node"),
    [join(import.meta.dirname, "../../support/rawServer.ts"), JSON.stringify(answers)],
    { extendEnv: true, stdin: Stream.never, stderr: "ignore", forceKillAfter: "1 second" }
  ))
  const port = yield* server.stdout.pipe(Stream.decodeText, Stream.splitLines, Stream.take(1), Stream.mkString)
  return `http://127.0.0.1:${port}`
})

const get = (url: string) =>
  Effect.gen(function*() {
    const client = HttpClient.withScope(yield* HttpClient.HttpClient)
    const response = yield* client.execute(HttpClientRequest.get(url))
    return { status: response.status, headers: response.headers, body: yield* response.text }
  }).pipe(Effect.scoped, Effect.provideService(HttpClient.TracerDisabledWhen, () => true))

const codeOf = ({ reason }: HttpClientError): string =>
  `${reason._tag} ${
    "cause" in reason && Predicate.hasProperty(reason.cause, "code")
      ? String(reason.cause.code).replace(/^HPE_.*/, "HPE")
      : ""
  }`

const head = "HTTP/1.1 200 OK\r\n"
const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n`
const sized = "Content-Length: 2\r\n\r\nhi"

/** Answers, and the body that is read of them. */
const accepted: Readonly<Record<string, readonly [answer: string, body: string]>> = {
  length: [`${head}${sized}`, "hi"],
  lengthAndMore: [`${head}${sized} there`, "hi"],
  lengthZero: [`${head}Content-Length: 0\r\n\r\n`, ""],
  untilClose: [`${head}\r\nhi`, "hi"],
  http10: ["HTTP/1.0 200 OK\r\n\r\nhi", "hi"],
  noReason: [`HTTP/1.1 200\r\n${sized}`, "hi"],
  chunked: [`${chunked}1\r\nh\r\n1\r\ni\r\n0\r\n\r\n`, "hi"],
  chunkedInCapitals: [`${head}Transfer-Encoding: Chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n`, "0123456789"],
  chunkExtension: [`${chunked}2;a=b\r\nhi\r\n0\r\n\r\n`, "hi"],
  trailer: [`${chunked}2\r\nhi\r\n0\r\nX-Trailer: 1\r\n\r\n`, "hi"],
  otherEncoding: [`${head}Transfer-Encoding: gzip\r\n\r\nhi`, "hi"],
  encodingBeforeChunked: [`${head}Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n`, "hi"],
  encodingAfterChunked: [`${head}Transfer-Encoding: chunked, gzip\r\n\r\n2\r\nhi`, "2\r\nhi"],
  continued: [`HTTP/1.1 100 Continue\r\n\r\n${head}${sized}`, "hi"],
  earlyHints: [`HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${head}${sized}`, "hi"],
  emptyLineFirst: [`\r\n${head}${sized}`, "hi"],
  manyHeaders: [`${head}${"a: b\r\n".repeat(1500)}${sized}`, "hi"],
  largeHead: [`${head}X: ${"a".repeat(15_000)}\r\n${sized}`, "hi"],
  bytes: [`${head}X: a\u00e9\r\n${sized}`, "hi"],
  utf8: [`${head}Content-Length: 3\r\n\r\n\u00e2\u0082\u00ac`, "\u20ac"]
}

/** Answers, and how they are refused; in a body, Node says less than the boot runtime. */
const refused: Readonly<Record<string, readonly [answer: string, code: string]>> = {
  nothing: ["", "TransportError ECONNRESET"],
  noHttp: ["\u0016\u0003garbage\r\n\r\n", "TransportError HPE"],
  cutHead: [`${head}Conte`, "TransportError ECONNRESET"],
  trailerWithControl: [`${chunked}2\r\nhi\r\n0\r\nX-\u0001: 1\r\n\r\n`, "DecodeError"],
  lengthAndChunked: [`${head}Transfer-Encoding: chunked\r\n${sized}`, "TransportError HPE"],
  lengthTwice: [`${head}Content-Length: 2\r\n${sized}`, "TransportError HPE"],
  lengthsThatDiffer: [`${head}Content-Length: 3\r\n${sized}`, "TransportError HPE"],
  lengthList: [`${head}Content-Length: 2, 2\r\n\r\nhi`, "TransportError HPE"],
  lengthWithSign: [`${head}Content-Length: +2\r\n\r\nhi`, "TransportError HPE"],
  lengthEmpty: [`${head}Content-Length:\r\n\r\nhi`, "TransportError HPE"],
  lengthHuge: [`${head}Content-Length: 99999999999999999999999\r\n\r\nhi`, "TransportError HPE"],
  lengthCut: [`${head}Content-Length: 5\r\n\r\nhi`, "DecodeError ECONNRESET"],
  lineFeeds: [`HTTP/1.1 200 OK\nContent-Length: 2\n\nhi`, "TransportError HPE"],
  lineFeedInHeaders: [`${head}Content-Length: 2\n\r\nhi`, "TransportError HPE"],
  chunkLineFeeds: [`${chunked}2\nhi\n0\n\n`, "DecodeError"],
  chunkTooLong: [`${chunked}2\r\nhiXX0\r\n\r\n`, "DecodeError"],
  chunkSizeBlank: [`${chunked}2 \r\nhi\r\n0\r\n\r\n`, "DecodeError"],
  chunkSizeHuge: [`${chunked}ffffffffffffffffff\r\nhi\r\n0\r\n\r\n`, "DecodeError"],
  chunkSizeNegative: [`${chunked}-2\r\nhi\r\n0\r\n\r\n`, "DecodeError"],
  chunkCut: [`${chunked}5\r\nhi`, "DecodeError ECONNRESET"],
  chunksCut: [`${chunked}2\r\nhi\r\n`, "DecodeError ECONNRESET"],
  chunksEndCut: [`${chunked}2\r\nhi\r\n0\r\n`, "DecodeError ECONNRESET"],
  version: [`HTTP/1.2 200 OK\r\n${sized}`, "TransportError HPE"],
  statusShort: [`HTTP/1.1 99 OK\r\n${sized}`, "TransportError HPE"],
  statusLong: [`HTTP/1.1 2000 OK\r\n${sized}`, "TransportError HPE"],
  folded: [`${head}X-A: a\r\n b\r\n${sized}`, "TransportError HPE"],
  blankBeforeColon: [`${head}Content-Length : 2\r\n\r\nhi`, "TransportError HPE"],
  blankInName: [`${head}X A: 2\r\n${sized}`, "TransportError HPE"],
  nulInValue: [`${head}X-A: a\0b\r\n${sized}`, "TransportError HPE"],
  controlInValue: [`${head}X-A: a\u0001b\r\n${sized}`, "TransportError HPE"],
  headTooLarge: [`${head}X: ${"a".repeat(17_000)}\r\n${sized}`, "TransportError HPE"]
}

describe("HttpClient: answers", () => {
  it.effect("accepts what is right, or harmless", () =>
    Effect.gen(function*() {
      const server = yield* serve(
        Object.fromEntries(Object.entries(accepted).map(([name, [answer]]) => [name, answer]))
      )
      for (const [name, [, body]] of Object.entries(accepted)) {
        const outcome = yield* Effect.result(get(`${server}/${name}`))
        const found = outcome._tag === "Success" ? outcome.success.body : codeOf(outcome.failure)
        assert.deepStrictEqual([name, found], [name, body])
      }
    }).pipe(Effect.provide(layer)), 60_000)

  it.effect("refuses what is wrong, with the code of its kind", () =>
    Effect.gen(function*() {
      const server = yield* serve(Object.fromEntries(Object.entries(refused).map(([name, [answer]]) => [name, answer])))
      for (const [name, [, code]] of Object.entries(refused)) {
        const outcome = yield* Effect.result(get(`${server}/${name}`))
        const found = outcome._tag === "Success" ? outcome.success.body : codeOf(outcome.failure)
        assert.deepStrictEqual([name, code.includes(" ") ? found : found.split(" ")[0]], [name, code])
      }
    }).pipe(Effect.provide(layer)), 60_000)

  it.effect("has no body where none can be", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        none: `HTTP/1.1 204 No Content\r\n${sized}`,
        unchanged: `HTTP/1.1 304 Not Modified\r\n${sized}`,
        switching: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhi"
      })
      for (const [name, status] of [["none", 204], ["unchanged", 304], ["switching", 101]] as const) {
        assert.deepInclude(yield* get(`${server}/${name}`), { status, body: "" })
      }
    }).pipe(Effect.provide(layer)))

  it.effect("joins headers that come twice, but for those of which the first counts", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        twice: `${head}X-A: 1\r\nx-a:  2 \r\nRetry-After: 1\r\nRetry-After: 2\r\nDate: a\r\n${sized}`
      })
      const { headers } = yield* get(`${server}/twice`)
      assert.deepInclude({ ...headers }, { "x-a": "1, 2", "retry-after": "1", date: "a" })
    }).pipe(Effect.provide(layer)))

  it.effect("does not follow a redirect", () =>
    Effect.gen(function*() {
      const server = yield* serve({ moved: `HTTP/1.1 302 Found\r\nLocation: /length\r\n${sized}` })
      assert.strictEqual((yield* get(`${server}/moved`)).status, 302)
    }).pipe(Effect.provide(layer)))
})

describe("HttpClient: requests", () => {
  it.effect("writes the headers in the order that they are given in, and its own behind them", () =>
    Effect.gen(function*() {
      const server = yield* serve({ x: `${head}${sized}` })
      const client = HttpClient.withScope(yield* HttpClient.HttpClient)
      const host = server.slice("http://".length)
      const request = HttpClientRequest.post(`${server}/x?a=1&b=%20#hash`, {
        headers: { "x-first": "1", host: "given", accept: "*/*" }
      })
      yield* client.execute(HttpClientRequest.bodyText(request, "b\u00e9", "text/xml"))
      assert.strictEqual(
        (yield* get(`${server}/seen`)).body,
        "POST /x?a=1&b=%20 HTTP/1.1\r\nx-first: 1\r\nhost: given\r\naccept: */*\r\ncontent-type: text/xml\r\n"
          + "content-length: 3\r\nConnection: close\r\n\r\nb\u00e9"
      )
      yield* get(`${server}/x`)
      assert.strictEqual(
        (yield* get(`${server}/seen`)).body,
        `GET /x HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
      )
      yield* client.execute(HttpClientRequest.post(`${server}/x`))
      assert.include((yield* get(`${server}/seen`)).body, "\r\nContent-Length: 0\r\n")
    }).pipe(Effect.scoped, Effect.provideService(HttpClient.TracerDisabledWhen, () => true), Effect.provide(layer)))

  it.effect("says that nobody listens, in the system's words", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(get("http://127.0.0.1:1/"))
      assert.strictEqual(codeOf(error), "TransportError ECONNREFUSED")
      const cause = "cause" in error.reason ? error.reason.cause : undefined
      assert.strictEqual(cause instanceof Error ? cause.message : "", "connect ECONNREFUSED 127.0.0.1:1")
    }).pipe(Effect.provide(layer)))
})

describe("HttpClient: time", () => {
  it.live("gives what has arrived before the rest has, and is interrupted while it waits", () =>
    Effect.gen(function*() {
      const server = yield* serve({ body: `hang:${head}Content-Length: 9\r\n\r\nhi`, head: "hang:HTTP/1.1 200 OK\r\n" })
      const client = HttpClient.withScope(yield* HttpClient.HttpClient)
      const response = yield* client.execute(HttpClientRequest.get(`${server}/body`))
      const first = yield* response.stream.pipe(Stream.decodeText, Stream.take(1), Stream.mkString)
      assert.strictEqual(first, "hi")
      for (const name of ["head", "body"]) {
        const waiting = yield* Effect.exit(Effect.timeout(get(`${server}/${name}`), "200 millis"))
        assert.strictEqual(waiting._tag, "Failure")
      }
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.live("tells of a connection that is reset", () =>
    Effect.gen(function*() {
      const server = yield* serve({ head: "reset:HTTP/1.1 200", body: `reset:${head}Content-Length: 9\r\n\r\nhi` })
      assert.strictEqual(codeOf(yield* Effect.flip(get(`${server}/head`))), "TransportError ECONNRESET")
      assert.strictEqual(codeOf(yield* Effect.flip(get(`${server}/body`))), "DecodeError ECONNRESET")
    }).pipe(Effect.provide(layer)))

  it.live("reads a large body whole, in portions", () =>
    Effect.gen(function*() {
      const size = 3_000_000
      const server = yield* serve({ large: `${head}Content-Length: ${size}\r\n\r\n${"x".repeat(100_000)}` })
      const error = yield* Effect.flip(get(`${server}/large`))
      assert.strictEqual(codeOf(error), "DecodeError ECONNRESET")
      const large = yield* serve({ large: `${head}\r\n${"y".repeat(100_000)}` })
      assert.strictEqual((yield* get(`${large}/large`)).body.length, 100_000)
    }).pipe(Effect.provide(layer)))
})
