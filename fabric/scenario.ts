/**
 * The scenario files of azure-init's own test server (`testinit/testing-server`): lists of answers that start again
 * after the last one.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type Answer, explainIssue, Headers, longestWait, type Playbook, Status } from "./playbook.ts"
import { childrenOf, type Element, find, parseXml } from "./xml.ts"

const Delay = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: longestWait / 1000 }))

/** The file for IMDS, JSON. */
const ImdsScenario = Schema.Struct({
  responses: Schema.NonEmptyArray(Schema.Struct({
    status_code: Status,
    headers: Schema.optionalKey(Headers),
    /** Any value of JSON. */
    response: Schema.optionalKey(Schema.Unknown),
    /** In seconds. */
    delay: Schema.optionalKey(Delay)
  }))
})

/** The file for WireServer, XML, as it reads once its elements are fields. */
const WireserverScenario = Schema.Struct({
  responses: Schema.NonEmptyArray(Schema.Struct({
    status_code: Status,
    headers: Headers,
    response_body: Schema.String,
    delay: Schema.optionalKey(Delay)
  }))
})

const strict = { errors: "all", onExcessProperty: "error" } as const
const decodeImds = Schema.decodeUnknownResult(Schema.fromJsonString(ImdsScenario), strict)
const decodeWireserver = Schema.decodeUnknownResult(WireserverScenario, strict)

const answerOf = (
  response: { readonly status_code: number; readonly headers?: Answer["headers"]; readonly delay?: number },
  body: string
): Answer => ({
  status: response.status_code,
  body,
  ...(response.headers === undefined ? {} : { headers: response.headers }),
  ...(response.delay === undefined ? {} : { delay_ms: response.delay * 1000 })
})

/** The answers of a scenario file for IMDS; the failure says where it is wrong and what was expected. */
export const decodeImdsScenario = (text: string): Result.Result<ReadonlyArray<Answer>, string> =>
  Result.mapBoth(decodeImds(text), {
    onSuccess: ({ responses }) =>
      responses.map((response) => answerOf(response, JSON.stringify(response.response ?? {}))),
    onFailure: ({ issue }) => explainIssue(issue, "scenario")
  })

/** An element's text where it stands for a number; the text itself where it is none, so that the schema names it. */
const numberOf = (element: Element): number | string => {
  const text = element.text.trim()
  return text !== "" && Number.isFinite(Number(text)) ? Number(text) : text
}

const known: ReadonlySet<string> = new Set(["status_code", "headers", "response_body", "delay"])

const fieldsOf = (response: Element): Record<string, unknown> => {
  const status = find(response, "status_code")
  const delay = find(response, "delay")
  const unknown = response.children.filter(({ name }) => !known.has(name)).map(({ name, text }) => [name, text])
  return {
    ...(status === undefined ? {} : { status_code: numberOf(status) }),
    headers: Object.fromEntries(
      childrenOf(find(response, "headers"), "header").map(({ attributes }) => [
        attributes["name"] ?? "",
        attributes["value"] ?? ""
      ])
    ),
    response_body: find(response, "response_body")?.text ?? "",
    ...(delay === undefined ? {} : { delay: numberOf(delay) }),
    ...Object.fromEntries(unknown)
  }
}

/** The answers of a scenario file for WireServer; the failure says where it is wrong and what was expected. */
export const decodeWireserverScenario = async (
  text: string
): Promise<Result.Result<ReadonlyArray<Answer>, string>> =>
  Result.flatMap(await parseXml(text), (root) => {
    if (root.name !== "responses") return Result.fail(`${root.name}: Expected responses`)
    const other = root.children.find(({ name }) => name !== "response")
    if (other !== undefined) return Result.fail(`responses.${other.name}: Expected response`)
    return Result.mapBoth(decodeWireserver({ responses: root.children.map(fieldsOf) }), {
      onSuccess: ({ responses }) => responses.map((response) => answerOf(response, response.response_body)),
      onFailure: ({ issue }) => explainIssue(issue, "scenario")
    })
  })

/** What scenario files add to a playbook. */
export interface Scenarios {
  readonly imds?: ReadonlyArray<Answer> | undefined
  readonly wireserver?: ReadonlyArray<Answer> | undefined
}

/**
 * A playbook whose platform answers as the scenarios say, WireServer to reports of both kinds; the failure is a
 * contradiction to the playbook.
 */
export const withScenarios = (
  playbook: Playbook,
  { imds, wireserver }: Scenarios
): Result.Result<Playbook, string> => {
  if (imds === undefined && wireserver === undefined) return Result.succeed(playbook)
  if (playbook.after_last !== undefined && playbook.after_last !== "start_again") {
    return Result.fail("after_last: Expected \"start_again\", which is what scenarios do")
  }
  if (imds !== undefined && playbook.imds.length > 0) {
    return Result.fail("imds: Expected no answers beside a scenario's")
  }
  if (wireserver !== undefined && (playbook.health.length > 0 || (playbook.legacy_health ?? []).length > 0)) {
    return Result.fail("health: Expected no answers beside a scenario's")
  }
  return Result.succeed({
    ...playbook,
    after_last: "start_again",
    ...(imds === undefined ? {} : { imds }),
    ...(wireserver === undefined ? {} : { health: wireserver, legacy_health: wireserver })
  })
}
