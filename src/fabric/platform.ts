import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Instance } from "./playbook.ts"

/** The two endpoints of Azure's platform that an agent speaks to. */
export type Endpoint = "imds" | "health"

/** A request as it came. */
export interface Received {
  readonly endpoint: Endpoint
  readonly method: string
  /** Path and query. */
  readonly target: string
  /** Names as they were written, in their order. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  readonly body: string
}

/** What goes back. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The addresses of the endpoints on every Azure VM. */
export const addresses: Readonly<Record<Endpoint, string>> = { imds: "169.254.169.254", health: "168.63.129.16" }

const json = (status: number, body: unknown): Reply => ({
  status,
  headers: { "content-type": "application/json; charset=utf-8" },
  body: JSON.stringify(body)
})

const header = (received: Received, name: string): string | undefined =>
  received.headers.find(([candidate]) => candidate.toLowerCase() === name)?.[1]

const parseJson = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Unknown))

/** The part of the instance document, API version 2023-11-15, that agents read; booleans are strings, as IMDS writes them. */
export const instanceDocument = (instance: Instance): unknown => ({
  compute: {
    azEnvironment: "AzurePublicCloud",
    location: "westeurope",
    name: instance.hostname,
    osProfile: {
      adminUsername: instance.username,
      computerName: instance.hostname,
      disablePasswordAuthentication: String(instance.disablePasswordAuthentication)
    },
    osType: "Linux",
    provider: "Microsoft.Compute",
    publicKeys: instance.keys.map((keyData) => ({
      keyData,
      path: `/home/${instance.username}/.ssh/authorized_keys`
    })),
    vmSize: "Standard_D2s_v5"
  },
  extended: { compute: { hasCustomData: false, ppsType: "None" } },
  network: {
    interface: [{
      ipv4: {
        ipAddress: [{ privateIpAddress: "10.0.0.4", publicIpAddress: "" }],
        subnet: [{ address: "10.0.0.0", prefix: "24" }]
      },
      ipv6: { ipAddress: [] },
      macAddress: "000D3A112233"
    }]
  }
})

/** IMDS: 400 without `Metadata: true` or a version, 404 elsewhere, 405 for anything but GET (Microsoft's IMDS documentation). */
const imds = (received: Received, instance: Instance): Reply => {
  const url = Option.fromNullishOr(URL.parse(received.target, "http://169.254.169.254"))
  if (header(received, "metadata")?.toLowerCase() !== "true") {
    return json(400, { error: "Bad request. Required metadata header not specified" })
  }
  if (received.method !== "GET") return json(405, { error: "Method not allowed" })
  if (Option.isNone(url) || url.value.pathname !== "/metadata/instance") return json(404, { error: "Not found" })
  if (!/^\d{4}-\d{2}-\d{2}$/.test(url.value.searchParams.get("api-version") ?? "")) {
    return json(400, { error: "Bad request. api-version is invalid or was not specified in the request." })
  }
  return json(200, instanceDocument(instance))
}

const subStatuses: ReadonlySet<unknown> = new Set(["Provisioning", "ProvisioningFailed"])

/** What is wrong with a health report, if anything. */
const problemOf = (received: Received): string | undefined => {
  if (!header(received, "content-type")?.startsWith("application/json")) return "Content-Type is not application/json"
  const report = parseJson(received.body)
  if (Result.isFailure(report) || !Predicate.isObject(report.success)) return "the body is not a JSON object"
  const { details, state } = { details: undefined, state: undefined, ...report.success }
  if (state === "Ready") return undefined
  if (state !== "NotReady") return "state is neither Ready nor NotReady"
  if (!Predicate.isObject(details)) return "details are missing"
  const { description, subStatus } = { description: undefined, subStatus: undefined, ...details as object }
  if (!subStatuses.has(subStatus)) return "details.subStatus is unknown"
  return typeof description === "string" ? undefined : "details.description is not text"
}

/** WireServer's health endpoint: 400 for a report that it does not understand. */
const health = (received: Received): Reply => {
  if (received.target !== "/provisioning/health") return json(404, { error: "Not found" })
  if (received.method !== "POST") return json(405, { error: "Method not allowed" })
  const problem = problemOf(received)
  return problem === undefined ? { status: 200, headers: {}, body: "" } : json(400, { error: problem })
}

/** What Azure answers. */
export const answer = (received: Received, instance: Instance): Reply =>
  received.endpoint === "imds" ? imds(received, instance) : health(received)
