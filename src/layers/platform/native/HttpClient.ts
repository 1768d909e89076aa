import type * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Cookies from "effect/http/Cookies"
import * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as IncomingMessage from "effect/http/HttpIncomingMessage"
import * as UrlParams from "effect/http/UrlParams"
import * as Inspectable from "effect/Inspectable"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { pipeArguments } from "effect/Pipeable"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Natives } from "../../../../runtime/natives.d.ts"
import { type Head, requestHead, ResponseReader } from "./http1.ts"
import { connect, type Socket, SocketError } from "./socket.ts"

/** The longest that a timer waits, in milliseconds. */
const longest = 2 ** 31 - 1

/**
 * HTTP/1.1 over plain TCP: no proxy, no redirects, a connection of its own for each request, which is made within
 * `connectTimeout` and closed with the last byte of the body, a failure, an interruption or the request's scope.
 */
export const layer = (system: Natives, connectTimeout: Duration.Duration): Layer.Layer<HttpClient.HttpClient> =>
  Layer.succeed(
    HttpClient.HttpClient,
    HttpClient.make((request, url, signal) => {
      const transport = (cause: unknown) =>
        new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request, cause }) })
      const message = messageOf(system, request, url)
      if (message instanceof SocketError) return Effect.fail(transport(message))
      const timeout = Math.min(Duration.toMillis(connectTimeout), longest)
      return connect(system, url.hostname, portOf(url), timeout).pipe(
        Effect.flatMap((socket) => {
          closeOn(signal, socket)
          const reader = new ResponseReader(system, socket)
          return socket.send(message).pipe(
            Effect.andThen(reader.head(request.method)),
            Effect.map((head) => new NativeResponse(request, url, head, reader.pull, socket)),
            Effect.onError(() => Effect.sync(() => socket.close()))
          )
        }),
        Effect.mapError(transport)
      )
    })
  )

const portOf = (url: URL): number => url.port === "" ? 80 : Number(url.port)

const closeOn = (signal: AbortSignal, socket: Socket): void => {
  if (signal.aborted) socket.close()
  else signal.addEventListener("abort", () => socket.close(), { once: true })
}

/** The bytes of a request; bodies are sent whole. */
const messageOf = (system: Natives, request: HttpClientRequest, url: URL): Uint8Array | SocketError => {
  const { body } = request
  if (url.protocol !== "http:" || (body._tag !== "Empty" && body._tag !== "Uint8Array")) {
    return new SocketError({ code: "ENOTSUP", message: `cannot send a body of kind ${body._tag} to ${url.protocol}` })
  }
  const bytes = body._tag === "Uint8Array" ? body.body : new Uint8Array()
  const mayHaveBody = !["GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "CONNECT"].includes(request.method)
  const head = requestHead(
    request.method,
    `${url.pathname}${url.search}`,
    url.host,
    request.headers,
    mayHaveBody && bytes.length === 0
  )
  if (head instanceof SocketError) return head
  const text = system.encodeUtf8(head)
  const message = new Uint8Array(text.length + bytes.length)
  message.set(text)
  message.set(bytes, text.length)
  return message
}

class NativeResponse extends Inspectable.Class implements HttpClientResponse.HttpClientResponse {
  readonly [IncomingMessage.TypeId]: typeof IncomingMessage.TypeId = IncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: typeof HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly request: HttpClientRequest
  readonly url: string
  readonly status: number
  readonly headers: Headers.Headers
  readonly remoteAddress: Option.Option<string> = Option.none()
  readonly stream: Stream.Stream<Uint8Array, HttpClientError.HttpClientError>
  #bytes: Effect.Effect<ArrayBuffer, HttpClientError.HttpClientError> | undefined

  constructor(
    request: HttpClientRequest,
    url: URL,
    { headers, status }: Head,
    pull: Effect.Effect<Uint8Array, SocketError | Cause.Done>,
    socket: Socket
  ) {
    super()
    this.request = request
    this.url = url.href.split("#")[0] ?? url.href
    this.status = status
    this.headers = Headers.fromInput(headers)
    this.stream = Stream.fromPull(Effect.succeed(Effect.map(pull, (bytes) => [bytes] as const))).pipe(
      Stream.mapError((cause) => this.#undecodable(cause)),
      Stream.ensuring(Effect.sync(() => socket.close()))
    )
  }

  #undecodable(cause: unknown): HttpClientError.HttpClientError {
    return new HttpClientError.HttpClientError({
      reason: new HttpClientError.DecodeError({ request: this.request, response: this, cause })
    })
  }

  get arrayBuffer(): Effect.Effect<ArrayBuffer, HttpClientError.HttpClientError> {
    return this.#bytes ??= Effect.runSync(Effect.cached(
      Effect.map(Stream.runCollect(this.stream), (parts) => {
        const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
        let offset = 0
        for (const part of parts) {
          all.set(part, offset)
          offset += part.length
        }
        return all.buffer
      })
    ))
  }

  get text(): Effect.Effect<string, HttpClientError.HttpClientError> {
    return Effect.map(this.arrayBuffer, (bytes) => new TextDecoder().decode(bytes))
  }

  get json(): Effect.Effect<Schema.Json, HttpClientError.HttpClientError> {
    return Effect.flatMap(this.text, (text) =>
      Effect.try({
        try: () => text === "" ? null : JSON.parse(text),
        catch: (cause) => this.#undecodable(cause)
      }))
  }

  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams, HttpClientError.HttpClientError> {
    return Effect.map(this.text, (text) => UrlParams.fromInput(new URLSearchParams(text)))
  }

  get cookies(): Cookies.Cookies {
    return Cookies.fromSetCookie(this.headers["set-cookie"] ?? [])
  }

  get formData(): Effect.Effect<FormData, HttpClientError.HttpClientError> {
    return Effect.fail(this.#undecodable("form data is not supported"))
  }

  get upgrade(): ReturnType<typeof unsupportedUpgrade> {
    return unsupportedUpgrade(this.#undecodable("upgrades are not supported"))
  }

  toJSON(): unknown {
    return IncomingMessage.inspect(this, {
      _id: "effect/http/HttpClientResponse",
      request: this.request.toJSON(),
      status: this.status
    })
  }

  pipe() {
    // oxlint-disable-next-line prefer-rest-params -- pipeArguments of effect/Pipeable takes the arguments object.
    return pipeArguments(this, arguments)
  }
}

const unsupportedUpgrade = (
  error: HttpClientError.HttpClientError
): Effect.Effect<never, HttpClientError.HttpClientError> => Effect.fail(error)
