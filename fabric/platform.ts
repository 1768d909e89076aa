import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import {
  basicInstanceDocument,
  type Document,
  goalStateDocument,
  instanceDocument,
  json,
  versionsDocument
} from "./documents.ts"
import type { Instance } from "./playbook.ts"
import type { Endpoint } from "./transcript.ts"

/** Bytes of UTF-8 that the description of a failure may have, in either form of the report. */
export const maximumDescription = 4096

/** The two addresses of Azure's platform that an agent speaks to. */
export type Place = "imds" | "wireserver"

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

/** What goes back; the headers' names in lower case. */
export interface Reply extends Document {
  readonly status: number
}

/** Both addresses on every Azure VM; port 80. */
export const addresses: Readonly<Record<Place, string>> = { imds: "169.254.169.254", wireserver: "168.63.129.16" }

const urlOf = (target: string): URL | undefined => URL.parse(target, "http://azure") ?? undefined

/** The endpoint that a request to one of the addresses is for. */
export const endpointOf = (place: Place, target: string): Endpoint => {
  if (place === "imds") return "imds"
  const url = urlOf(target)
  const path = url?.pathname.replace(/(?<=.)\/$/, "")
  const comp = url?.searchParams.get("comp")?.toLowerCase()
  if (path === "/provisioning/health") return "health"
  if (path === "/" && comp === "versions") return "versions"
  if (path === "/machine" && comp === "goalstate") return "goal_state"
  return path === "/machine" && comp === "health" ? "legacy_health" : "wireserver"
}

const reply = (status: number, document: Document): Reply => ({ status, ...document })

const refuse = (status: number, error: string): Reply => reply(status, json({ error }))

const header = (received: Received, name: string): string | undefined =>
  received.headers.find(([candidate]) => candidate.toLowerCase() === name)?.[1]

/**
 * The versions of `/metadata/instance` in Microsoft's documentation of IMDS, up to the one that the documents here
 * follow.
 */
const apiVersions: ReadonlyArray<string> = [
  "2017-03-01",
  "2017-04-02",
  "2017-08-01",
  "2017-10-01",
  "2017-12-01",
  "2018-02-01",
  "2018-04-02",
  "2018-10-01",
  "2019-02-01",
  "2019-03-11",
  "2019-04-30",
  "2019-06-01",
  "2019-06-04",
  "2019-08-01",
  "2019-08-15",
  "2019-11-01",
  "2020-06-01",
  "2020-07-15",
  "2020-09-01",
  "2020-10-01",
  "2020-12-01",
  "2021-01-01",
  "2021-02-01",
  "2021-03-01",
  "2021-05-01",
  "2021-10-01",
  "2021-11-01",
  "2021-11-15",
  "2021-12-13",
  "2023-07-01",
  "2023-11-15"
]

/**
 * Whether IMDS knows a version. Newer ones than the documents here follow are taken too, since Azure adds some every
 * year.
 */
const isApiVersion = (text: string): boolean =>
  apiVersions.includes(text) || (/^\d{4}-\d{2}-\d{2}$/.test(text) && text > (apiVersions.at(-1) ?? ""))

/**
 * IMDS: 400 without `Metadata: true`, with `X-Forwarded-For`, or without a version that it knows; 404 elsewhere; 405
 * for anything but GET (Microsoft's IMDS documentation).
 */
const imds = (received: Received, instance: Instance): Reply => {
  const url = urlOf(received.target)
  if (header(received, "metadata")?.toLowerCase() !== "true") {
    return refuse(400, "Bad request. Required metadata header not specified")
  }
  if (header(received, "x-forwarded-for") !== undefined) {
    return refuse(400, "Bad request. The header X-Forwarded-For is not allowed")
  }
  if (received.method !== "GET") return refuse(405, "Method not allowed")
  if (url?.pathname === "/metadata/versions") return reply(200, json({ apiVersions }))
  if (url?.pathname !== "/metadata/instance") return refuse(404, "Not found")
  if (!isApiVersion(url.searchParams.get("api-version") ?? "")) {
    return reply(
      400,
      json({
        error: "Bad request. api-version is invalid or was not specified in the request.",
        "newest-versions": apiVersions.slice(-3).toReversed()
      })
    )
  }
  const extended = url.searchParams.get("extended")?.toLowerCase() === "true"
  return reply(200, json(extended ? instanceDocument(instance) : basicInstanceDocument(instance)))
}

const parseJson = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Unknown))

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
  if (typeof description !== "string") return "details.description is not text"
  return Buffer.byteLength(description) > maximumDescription
    ? `details.description has more than ${maximumDescription} bytes`
    : undefined
}

const accepted: Reply = { status: 200, headers: {}, body: "" }

/** Azure does not document what it answers to a wrong method; 405 is what HTTP has for it. */
const wrongMethod = (): Reply => refuse(405, "Method not allowed")

/**
 * What Azure answers. WireServer: 400 for a report that it does not understand and for a request without a version of
 * its protocol.
 */
export const answer = async (received: Received, instance: Instance): Promise<Reply> => {
  const { endpoint, method } = received
  switch (endpoint) {
    case "imds":
      return imds(received, instance)
    case "health": {
      if (method !== "POST") return wrongMethod()
      const problem = problemOf(received)
      return problem === undefined ? accepted : refuse(400, problem)
    }
    case "versions":
      return method === "GET" ? reply(200, versionsDocument()) : wrongMethod()
    case "goal_state": {
      if (method !== "GET") return wrongMethod()
      return header(received, "x-ms-version") === undefined
        ? refuse(400, "the header x-ms-version is missing")
        : reply(200, goalStateDocument())
    }
    case "legacy_health": {
      if (method !== "POST") return wrongMethod()
      // The XML parser and what runs it are loaded by those only who speak the older protocol.
      const { problemOfLegacyReport } = await import("./legacyHealth.ts")
      const problem = await problemOfLegacyReport(header(received, "content-type"), received.body)
      return problem === undefined ? accepted : refuse(400, problem)
    }
    case "wireserver":
      return refuse(404, "Not found")
  }
}
