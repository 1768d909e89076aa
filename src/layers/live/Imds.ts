import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { decodeInstanceMetadata } from "../../domain/InstanceMetadata.ts"
import { build } from "../../domain/Version.ts"
import { ImdsError } from "../../errors/ImdsError.ts"
import { CurrentSettings } from "../../services/CurrentSettings.ts"
import { Imds } from "../../services/Imds.ts"
import { NetworkChange } from "../../services/NetworkChange.ts"
import { type AttemptError, exchange, readBody } from "./platformHttp.ts"

/** How azure-init names itself to IMDS: with the version of its build, which WireServer does not get (`main.rs`). */
const userAgent = `azure-init v${build.version}`

/** azure-init's request (`imds.rs`). */
const pathAndQuery = "/metadata/instance?api-version=2023-11-15&extended=true"

/**
 * {@link Imds} over HTTP, retried as `exchange` says; a document that is malformed or incomplete counts as a retryable
 * error.
 *
 * The `HttpClient` must not follow redirects or use a proxy, and keeps `imds.connection_timeout_secs`:
 * `Platform.httpClient`.
 */
export const layer: Layer.Layer<Imds, never, CurrentSettings | HttpClient.HttpClient> = Layer.effect(
  Imds,
  Effect.gen(function*() {
    const client = yield* HttpClient.HttpClient
    const networkChange = yield* NetworkChange
    const { imds } = yield* CurrentSettings
    const url = `${imds.endpoint.replace(/\/+$/, "")}${pathAndQuery}`
    const host = URL.parse(url)?.host

    // In the order of azure-init; node:http would write `Host` by itself, in capitals.
    const request = Effect.sync(() =>
      HttpClientRequest.get(url, {
        headers: {
          metadata: "true",
          accept: "*/*",
          "user-agent": userAgent,
          ...(host === undefined ? {} : { host }),
          "x-ms-client-request-id": SecureRandom.uuidV4Unsafe()
        }
      })
    )

    const instance = exchange({
      client,
      networkChange,
      request,
      read: (response) =>
        Effect.flatMap(readBody(response), (text) =>
          Result.match(decodeInstanceMetadata(text), {
            onSuccess: Effect.succeed,
            onFailure: (detail) =>
              Effect.fail<AttemptError>({ kind: "document", detail, retryable: true, status: response.status })
          })),
      retry: "retryable",
      timeouts: {
        request: imds.requestTimeout,
        interval: imds.retryInterval,
        total: imds.totalRetryTimeout
      }
    }).pipe(
      Effect.withSpan("http:get"),
      Effect.mapError(({ attempts, detail, kind, status }) =>
        new ImdsError({ url, kind, detail, attempts, ...(status === undefined ? {} : { status }) })
      ),
      Effect.tapError((error) => Effect.logError("IMDS gave no instance metadata", { error: error.message })),
      Effect.withSpan("imds:query")
    )

    return Imds.of({ instance })
  })
)
