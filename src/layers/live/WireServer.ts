import * as Effect from "effect/Effect"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import { version } from "../../domain/Version.ts"
import { WireServerError } from "../../errors/WireServerError.ts"
import { CurrentSettings } from "../../services/CurrentSettings.ts"
import { NetworkChange } from "../../services/NetworkChange.ts"
import { WireServer } from "../../services/WireServer.ts"
import { exchange } from "./platformHttp.ts"

/**
 * How azure-init names itself to WireServer: by the version of its library, without that of the build (`health.rs`).
 */
const userAgent = `azure-init v${version}`

/** One health report: the body that azure-init sends (`health.rs`), its keys in alphabetical order. */
type Report =
  | { readonly state: "Ready" }
  | {
    readonly details: {
      readonly description: string
      readonly subStatus: "Provisioning" | "ProvisioningFailed"
    }
    readonly state: "NotReady"
  }

/** Half a surrogate pair would be sent as an escape that strict parsers of JSON refuse, and the report with it. */
const wellFormed = (text: string): string => new TextDecoder().decode(new TextEncoder().encode(text))

/**
 * {@link WireServer} over HTTP: any 2xx is acceptance; retried as `exchange` says, at `wireserver.retry_interval_secs`.
 *
 * The `HttpClient` must not follow redirects or use a proxy, and keeps `wireserver.connection_timeout_secs`:
 * `Platform.httpClient`.
 */
export const layer: Layer.Layer<WireServer, never, CurrentSettings | HttpClient.HttpClient> = Layer.effect(
  WireServer,
  Effect.gen(function*() {
    const client = yield* HttpClient.HttpClient
    const networkChange = yield* NetworkChange
    const { wireserver } = yield* CurrentSettings
    const endpoint = wireserver.healthEndpoint
    const host = URL.parse(endpoint)?.host

    const send = (report: Report, retry: "never" | "always"): Effect.Effect<void, WireServerError> =>
      Effect.gen(function*() {
        const { state } = report
        // In the order of azure-init; the body adds its length.
        const request = HttpClientRequest.post(endpoint, {
          headers: {
            "user-agent": userAgent,
            "x-ms-guest-agent-name": userAgent,
            "content-type": "application/json",
            accept: "*/*",
            ...(host === undefined ? {} : { host })
          },
          body: HttpBody.jsonUnsafe(report)
        })
        yield* Effect.logInfo(`Sending the health report to WireServer: ${state}`)
        yield* Effect.logDebug("The health report as it is sent", { body: JSON.stringify(report) })
        const { headers, status } = yield* exchange({
          client,
          networkChange,
          request: Effect.succeed(request),
          read: Effect.succeed,
          retry,
          timeouts: {
            request: wireserver.readTimeout,
            interval: wireserver.retryInterval,
            total: wireserver.totalRetryTimeout
          }
        }).pipe(
          Effect.withSpan("http:post"),
          Effect.mapError(({ attempts, detail, status }) =>
            new WireServerError({ endpoint, state, detail, attempts, ...(status === undefined ? {} : { status }) })
          )
        )
        yield* Effect.forEach(
          Object.entries(headers),
          ([header, value]) => Effect.logInfo("WireServer response header", { header, value })
        )
        yield* Effect.logInfo(`WireServer accepted the report ${state} with status ${status}`)
      }).pipe(
        Effect.tapError((error) => Effect.logError("WireServer has not accepted the report", { error: error.message })),
        Effect.withSpan("health:_report")
      )

    return WireServer.of({
      ready: Effect.logInfo("Reporting that provisioning is complete").pipe(
        Effect.andThen(send({ state: "Ready" }, "always")),
        Effect.withSpan("health:report_ready")
      ),
      inProgress: (description) =>
        send(
          { details: { description: wellFormed(description), subStatus: "Provisioning" }, state: "NotReady" },
          "never"
        ),
      failed: (description) =>
        send(
          { details: { description: wellFormed(description), subStatus: "ProvisioningFailed" }, state: "NotReady" },
          "always"
        )
    })
  })
)
