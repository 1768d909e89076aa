import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import type { HttpClientError } from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"

/**
 * The exchange that IMDS and WireServer share: ask until the answer is usable, refused for good, or the deadline has
 * passed.
 */

/** The largest body that is read, in bytes; an instance document has some ten thousand, one with 10,000 keys 2 MiB. */
export const maximumBody = 4 * 1024 * 1024

/** azure-init's retryable statuses, and the other ones of 4xx that tell of a moment and not of the request. */
const retryableStatuses: ReadonlySet<number> = new Set([400, 404, 408, 410, 425, 429])

/** What the kernel says where there is no address or no route yet (connect(2), ip(7)). */
const unreachableCodes: ReadonlySet<string> = new Set(["EADDRNOTAVAIL", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH"])

/** An address and its routes come one after the other. */
const settling = "50 millis"

/** Why one attempt failed. */
export interface AttemptError {
  /** As in `ImdsError`. */
  readonly kind: "http" | "connection" | "timeout" | "document"
  /** In words, without any part of a body. */
  readonly detail: string
  /** Whether another attempt may succeed. */
  readonly retryable: boolean
  /** Whether it was for want of an address or a route. */
  readonly unreachable?: boolean
  readonly status?: number
  /** How long the platform asks us to wait. */
  readonly retryAfter?: Duration.Duration
}

/** The error of the last attempt, and how many attempts there were. */
export interface RetryExhausted extends AttemptError {
  readonly attempts: number
}

/** One request and how long to insist on it. */
export interface Exchange<A> {
  readonly client: HttpClient.HttpClient
  /** See `NetworkChange`. */
  readonly networkChange: Effect.Effect<void>
  /** Made anew for each attempt. */
  readonly request: Effect.Effect<HttpClientRequest.HttpClientRequest>
  /** Takes what is needed from a 2xx answer, while the connection is open. */
  readonly read: (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<A, AttemptError>
  /**
   * After which answers to ask again: none, those that tell of a moment and not of the request, or every one but 2xx.
   */
  readonly retry: "never" | "retryable" | "always"
  readonly timeouts: {
    /** One attempt, from the connection to the last byte of the body. */
    readonly request: Duration.Duration
    /** From the end of an attempt to the beginning of the next. */
    readonly interval: Duration.Duration
    /** All attempts and the waits between them. */
    readonly total: Duration.Duration
  }
}

/**
 * Asks until there is an answer with a status of 2xx that `read` can use.
 *
 * Statuses 400, 404, 408, 410, 425, 429 and 5xx, connection errors, and answers that cannot be used are
 * followed by another attempt after the interval, or after `Retry-After` where that is longer. Other statuses fail at
 * once, unless `retry` says otherwise; redirects are not followed. Nothing goes on beyond the total: the last attempt
 * is cut short, a `Retry-After` that leads beyond it is cut to one interval before it, and where the wait alone would
 * reach it, the exchange fails without waiting. The clock of the deadline is monotonic, since the time of day is often
 * set while a VM boots.
 */
export const exchange = <A>(call: Exchange<A>): Effect.Effect<A, RetryExhausted> =>
  Effect.gen(function*() {
    const { interval, request, total } = call.timeouts
    const started = yield* Clock.monotonicTimeNanos
    const left = Effect.map(
      Clock.monotonicTimeNanos,
      (now) => Duration.subtract(total, Duration.nanos(now - started))
    )

    const giveUp = (error: AttemptError, attempts: number) =>
      Effect.logError("The request has failed for good", { error: error.detail, attempts }).pipe(
        Effect.andThen(Effect.fail<RetryExhausted>({ ...error, attempts }))
      )

    /** The wait before the next attempt. */
    const recover = Effect.fnUntraced(function*(error: AttemptError, attempts: number) {
      if (call.retry === "never" || (call.retry === "retryable" && !error.retryable)) {
        return yield* giveUp(error, attempts)
      }
      const remaining = yield* left
      const asked = Duration.min(error.retryAfter ?? Duration.zero, Duration.subtract(remaining, interval))
      const wait = Duration.max(interval, asked)
      if (Duration.isGreaterThanOrEqualTo(wait, remaining)) {
        return yield* giveUp(error, attempts)
      }
      yield* Effect.logWarning(`The request failed, the next attempt follows in ${seconds(wait)}`, {
        error: error.detail,
        remaining: seconds(remaining)
      })
      return error.unreachable === true
        ? Effect.race(Effect.sleep(wait), Effect.andThen(call.networkChange, Effect.sleep(settling)))
        : Effect.sleep(wait)
    })

    let last: AttemptError = { kind: "timeout", detail: "the deadline leaves no time to ask", retryable: true }
    for (let number = 0;; number++) {
      const limit = Duration.min(request, yield* left)
      if (!Duration.isPositive(limit)) return yield* giveUp(last, number)
      const outcome = yield* attempt(call, limit).pipe(
        Effect.map(Result.succeed),
        Effect.catch((error) => {
          // That an attempt was cut short by the deadline says less than what the one before it met.
          const cut = error.kind === "timeout" && number > 0 && Duration.isLessThan(limit, request)
          last = cut ? last : error
          return Effect.map(recover(last, number + 1), Result.fail)
        }),
        Effect.withSpan("http:request", { attributes: { attempt: number } })
      )
      if (Result.isSuccess(outcome)) return outcome.success
      yield* outcome.failure
    }
  }).pipe(
    Effect.withSpan("http:request"),
    // Our own spans tell it, and no header of a tracing system may reach Azure.
    Effect.provideService(HttpClient.TracerDisabledWhen, () => true)
  )

/** One attempt; its connection is closed when it ends, however it ends. */
const attempt = <A>(call: Exchange<A>, limit: Duration.Duration): Effect.Effect<A, AttemptError> =>
  Effect.gen(function*() {
    const request = yield* call.request
    const response = yield* HttpClient.withScope(call.client).execute(request).pipe(Effect.mapError(errorOfClient))
    yield* Effect.annotateCurrentSpan("http_status", response.status)
    yield* Effect.logInfo("Received an HTTP response", { url: request.url })
    if (response.status < 200 || response.status > 299) return yield* Effect.fail(yield* errorOfStatus(response))
    const answer = yield* call.read(response)
    yield* Effect.logInfo(`The request succeeded with status ${response.status}`)
    return answer
  }).pipe(
    Effect.scoped,
    Effect.timeoutOrElse({
      duration: limit,
      orElse: () =>
        Effect.fail<AttemptError>({
          kind: "timeout",
          detail: `no complete answer within ${seconds(limit)}`,
          retryable: true
        })
    })
  )

/** The body as text (UTF-8, wrong bytes replaced), at most {@link maximumBody} bytes; reading stops there. */
export const readBody = Effect.fnUntraced(function*(response: HttpClientResponse.HttpClientResponse) {
  const decoder = new TextDecoder()
  let text = ""
  let size = 0
  yield* response.stream.pipe(
    Stream.mapError(errorOfClient),
    Stream.runForEach((chunk): Effect.Effect<void, AttemptError> => {
      size += chunk.length
      if (size > maximumBody) {
        return Effect.fail({
          kind: "document",
          detail: `the body is larger than ${maximumBody} bytes`,
          retryable: true,
          status: response.status
        })
      }
      text += decoder.decode(chunk, { stream: true })
      return Effect.void
    })
  )
  return text + decoder.decode()
})

const seconds = (duration: Duration.Duration): string => `${Math.round(Duration.toSeconds(duration) * 10) / 10} s`

const errorOfStatus = Effect.fnUntraced(function*(response: HttpClientResponse.HttpClientResponse) {
  const { headers, status } = response
  const retryable = retryableStatuses.has(status) || status >= 500
  const retryAfter = retryable ? yield* retryAfterOf(headers["retry-after"], headers["date"]) : Option.none()
  const error: AttemptError = {
    kind: "http",
    detail: status >= 300 && status < 400 ? `HTTP ${status}, a redirect, which is not followed` : `HTTP ${status}`,
    retryable,
    status
  }
  return Option.isSome(retryAfter) ? { ...error, retryAfter: retryAfter.value } : error
})

/**
 * `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date. The date is compared with the `Date` of the same
 * response where there is one, since our own clock may not have been set yet. A value that is neither, or in the past,
 * is none.
 */
const retryAfterOf = Effect.fnUntraced(function*(value: string | undefined, date: string | undefined) {
  if (value === undefined) return Option.none<Duration.Duration>()
  if (/^\d{1,9}$/.test(value.trim())) return Option.some(Duration.seconds(Number(value)))
  const until = dateOf(value)
  if (Option.isNone(until)) return Option.none<Duration.Duration>()
  const here = yield* DateTime.now
  const now = Option.getOrElse(dateOf(date), () => here)
  const wait = DateTime.toEpochMillis(until.value) - DateTime.toEpochMillis(now)
  return wait > 0 ? Option.some(Duration.millis(wait)) : Option.none<Duration.Duration>()
})

/**
 * A date of HTTP in the form that RFC 9110 lets servers send; JavaScript's own parser finds dates in almost anything.
 */
const dateOf = (text = ""): Option.Option<DateTime.Utc> =>
  /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text) ? DateTime.make(text) : Option.none()

const errorOfClient = ({ reason }: HttpClientError): AttemptError => {
  switch (reason._tag) {
    case "InvalidUrlError":
      return { kind: "connection", detail: "the URL is not valid", retryable: false }
    case "EmptyBodyError":
      return { kind: "document", detail: "the body is empty", retryable: true }
    default: {
      const { cause } = reason
      const code = Predicate.hasProperty(cause, "code") ? String(cause.code) : ""
      const said = Predicate.isError(cause) ? cause.message || code : reason.message
      const kind = code === "ETIMEDOUT" ? "timeout" : "connection"
      return { kind, detail: said, retryable: true, unreachable: unreachableCodes.has(code) }
    }
  }
}
