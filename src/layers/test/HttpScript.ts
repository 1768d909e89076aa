import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import { HttpClientError, TransportError } from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"

/** One scripted answer. */
export interface Answer {
  /** Status 200 to 599; 200 when absent. */
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** A string is sent as it is, several strings as so many pieces, anything else as JSON; an empty body when absent. */
  readonly body?: unknown
  /** How long the answer is in coming, on the clock of the test. */
  readonly delay?: Duration.Input
  /** `answer`: nothing ever comes. `body`: the status and the body come, and then neither more nor the end. */
  readonly hang?: "answer" | "body"
  /** The connection fails with this code of the system, such as `ECONNREFUSED`. */
  readonly error?: string
  /** The connection breaks after the body, with this code of the system. */
  readonly breaks?: string
}

/** One request as it was made. */
export interface Request {
  readonly method: string
  readonly url: string
  /** In the order in which they are sent. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  readonly body: string
  /** When it was made, in milliseconds on the clock of the test. */
  readonly at: number
  /** Whether its connection has been closed. */
  readonly closed: boolean
}

/**
 * A scriptable `HttpClient`, to put under the live layers of `Imds` and `WireServer`: each request takes the next
 * answer of the list, the last one repeats. `requests` collects what was asked, so "500, 500, then this document" is
 *
 * ```ts
 * const http = HttpScript.make([{ status: 500 }, { status: 500 }, { body: document }])
 * const layer = Layer.provide(Imds.layer, http.layer)
 * ```
 */
export const make = (answers: readonly [Answer, ...ReadonlyArray<Answer>]): {
  readonly layer: Layer.Layer<HttpClient.HttpClient>
  readonly requests: ReadonlyArray<Request>
} => {
  const requests: Array<Request> = []
  const client = HttpClient.make((request, url, signal) =>
    Effect.gen(function*() {
      const answer = answers[Math.min(requests.length, answers.length - 1)] ?? answers[0]
      requests.push({
        method: request.method,
        url: url.href,
        headers: Object.entries(request.headers),
        body: request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : "",
        at: yield* Clock.currentTimeMillis,
        get closed() {
          return signal.aborted
        }
      })
      if (answer.delay !== undefined) yield* Effect.sleep(answer.delay)
      if (answer.hang === "answer") return yield* Effect.never
      if (answer.error !== undefined) return yield* broken(request, answer.error)
      return respond(request, answer)
    })
  )
  return { layer: Layer.succeed(HttpClient.HttpClient, client), requests }
}

const broken = (request: HttpClientRequest.HttpClientRequest, code: string) =>
  new HttpClientError({
    reason: new TransportError({ request, cause: Object.assign(new Error(`connect ${code}`), { code }) })
  })

/** The body is a stream of Effect's and no promise, so that the test's clock knows when it has been read. */
const respond = (
  request: HttpClientRequest.HttpClientRequest,
  answer: Answer
): HttpClientResponse.HttpClientResponse => {
  const response = HttpClientResponse.fromWeb(
    request,
    new Response(null, { status: answer.status ?? 200, headers: answer.headers ?? {} })
  )
  const end = answer.hang === "body"
    ? Stream.never
    : answer.breaks === undefined
    ? Stream.empty
    : Stream.fail(broken(request, answer.breaks))
  const stream = Stream.fromIterable(pieces(answer.body)).pipe(Stream.encodeText, Stream.concat(end))
  return Object.defineProperty(response, "stream", { value: stream })
}

const pieces = (body: unknown): ReadonlyArray<string> => {
  if (body === undefined) return []
  if (typeof body === "string") return [body]
  return Array.isArray(body) && body.every((piece) => typeof piece === "string") ? body : [JSON.stringify(body)]
}
