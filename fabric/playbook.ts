import * as Toml from "effect/encoding/Toml"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import { documentNames } from "./documentNames.ts"

const about = (description: string) => ({ description })

const isGiven = (value: unknown): boolean => value !== undefined && value !== false

/** What an answer may do wrong on the wire; one of them at most. */
const misbehaviours = ["hang", "reset", "truncate", "drip_ms", "content_length", "garbage", "raw"] as const

/** What says how an answer of HTTP looks. */
const contents = ["status", "headers", "body", "document", "redirect"] as const

/** What an answer says that can't be done together, if anything. */
const contradictionOf = (
  answer: {
    readonly [key in (typeof misbehaviours)[number] | (typeof contents)[number]]?: unknown
  }
): string | undefined => {
  const [wrong, another] = misbehaviours.filter((key) => isGiven(answer[key]))
  if (another !== undefined) return `either ${wrong} or ${another}, not both`
  const wordless = wrong === "garbage" || wrong === "raw"
    || ((wrong === "hang" || wrong === "reset") && answer[wrong] === "headers")
  const content = contents.find((key) => answer[key] !== undefined)
  if (wordless && content !== undefined) return `no ${content} with ${wrong}, which sends none`
  if (answer.body !== undefined && answer.document !== undefined) return "either body or document, not both"
  const { redirect, status } = answer
  if (redirect !== undefined && status !== undefined && !(Number(status) >= 300 && Number(status) <= 399)) {
    return "a status of 300 to 399 with redirect"
  }
  return undefined
}

/** RFC 9110, 5.6.2. */
const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** RFC 9110, 5.5: visible characters, space and tab, and the bytes above ASCII. */
const HeaderValue = Schema.String.check(
  Schema.isPattern(/^[\t\x20-\x7E\x80-\xFF]*$/u, { expected: "the value of a header" })
)

/** Headers of an HTTP message, by name. */
export const Headers = Schema.Record(Schema.String, HeaderValue).annotate(
  about("HTTP headers, in addition to the answer's usual ones.")
).check(
  Schema.makeFilter((headers) => Object.keys(headers).every((name) => headerName.test(name)), {
    expected: "names of headers"
  })
)

/** The longest that a timer of Node's waits, in milliseconds. */
export const longestWait = 2 ** 31 - 1

const Milliseconds = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: longestWait }))

/** A final status of HTTP. */
export const Status = Schema.Int.check(Schema.isBetween({ minimum: 200, maximum: 599 }))

const Bytes = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

/**
 * One answer of an endpoint. What is not said is as Azure does it: status, headers and body follow from the request.
 */
export const Answer = Schema.Struct({
  status: Schema.optionalKey(Status).annotate(
    about("The HTTP status, 200 to 599.")
  ),
  headers: Schema.optionalKey(Headers),
  body: Schema.optionalKey(Schema.String).annotate(about("The body, sent as UTF-8.")),
  document: Schema.optionalKey(Schema.Literals(documentNames)).annotate(
    about("A document of the fabric's own as the body, with its Content-Type.")
  ),
  delay_ms: Schema.optionalKey(Milliseconds).annotate(about("Milliseconds to wait before the answer.")),
  repeat: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))).annotate(
    about("How many requests are answered like this before the next answer's turn; 1 when it is not said.")
  ),
  hang: Schema.optionalKey(Schema.Literals(["headers", "body"])).annotate(
    about(
      "Leaves the connection open and silent: \"headers\" without a byte of an answer, \"body\" after the headers and half of the body."
    )
  ),
  reset: Schema.optionalKey(Schema.Literals(["headers", "body"])).annotate(
    about(
      "Resets the connection (RST): \"headers\" without a byte of an answer, \"body\" after the headers and half of the body."
    )
  ),
  truncate: Schema.optionalKey(Schema.Boolean).annotate(
    about("Half of the body, then the end of the connection (FIN); Content-Length is the whole body's.")
  ),
  drip_ms: Schema.optionalKey(Milliseconds).annotate(
    about("The body one byte at a time, with so many milliseconds before each.")
  ),
  content_length: Schema.optionalKey(Bytes).annotate(
    about("What Content-Length says in place of the truth, in bytes; the connection ends (FIN) after the body.")
  ),
  garbage: Schema.optionalKey(Bytes).annotate(
    about(
      "So many bytes of noise in place of an HTTP response, the same ones every time, then the end of the connection (FIN)."
    )
  ),
  raw: Schema.optionalKey(
    Schema.String.annotate(
      about("These bytes in place of an HTTP response, written as Latin-1, then the end of the connection (FIN).")
    ).check(
      Schema.makeFilter((text) => !/[^\p{ASCII}\u0080-\u00FF]/u.test(text), {
        expected: "characters up to U+00FF, one for each byte"
      })
    )
  ),
  redirect: Schema.optionalKey(HeaderValue).annotate(
    about("Redirects to this URL: the header Location, and status 302 when no other one of 3xx is given.")
  )
}).annotate(about(
  "One answer. What is not said is as Azure does it. An answer that hangs, resets or is cut off in its body, or drips, has a body of the fabric's own when Azure's is empty."
)).check(Schema.makeFilter(contradictionOf, { expected: "an answer without contradictions", identifier: "Answer" }))

/** See {@link Answer}. */
export type Answer = typeof Answer.Type

/** The VM that the platform tells of. */
export const Instance = Schema.Struct({
  username: Schema.String.annotate(about("The administrator's name (osProfile.adminUsername).")),
  hostname: Schema.String.annotate(about("The VM's name (osProfile.computerName).")),
  keys: Schema.Array(Schema.String).annotate(about("OpenSSH public keys, as the owner gave them.")),
  disablePasswordAuthentication: Schema.Boolean.annotate(
    about("Whether sshd is to refuse passwords (osProfile.disablePasswordAuthentication).")
  ),
  vmId: Schema.optionalKey(Schema.String).annotate(
    about("The VM's unique id, as Azure prints it; an id of the fabric's own when it is not said.")
  ),
  location: Schema.optionalKey(Schema.String).annotate(about("The region; \"westeurope\" when it is not said.")),
  vmSize: Schema.optionalKey(Schema.String).annotate(
    about("The size; \"Standard_D2s_v5\" when it is not said.")
  )
}).annotate(about("The VM that the platform tells of."))

/** See {@link Instance}. */
export type Instance = typeof Instance.Type

const Answers = Schema.Array(Answer)

const Reachability = Schema.Literals(["answers", "refused", "silent"])

/** How the addresses of the platform can be reached. */
export const Network = Schema.Struct({
  imds: Schema.optionalKey(Reachability).annotate(about("The address of IMDS.")),
  wireserver: Schema.optionalKey(Reachability).annotate(about("The address of WireServer."))
}).annotate(about(
  "How the addresses can be reached: \"answers\" (when nothing is said), \"refused\" (nobody listens), or \"silent\" (every packet vanishes, so that connecting hangs), which needs a network namespace of the fabric's own."
))

/** See {@link Network}. */
export type Network = typeof Network.Type

/**
 * What a platform does: for each endpoint a list of answers, one for each request in turn. An endpoint with an empty
 * list, or without one, answers as Azure does.
 */
export const PlaybookFile = Schema.Struct({
  $schema: Schema.optionalKey(Schema.String).annotate(about("Where this file's JSON Schema is, for editors.")),
  instance: Instance,
  imds: Schema.optionalKey(Answers).annotate(about("The answers of IMDS.")),
  health: Schema.optionalKey(Answers).annotate(
    about("The answers to WireServer's POST /provisioning/health, where agents report as JSON.")
  ),
  goal_state: Schema.optionalKey(Answers).annotate(
    about("The answers to WireServer's GET /machine?comp=goalstate.")
  ),
  versions: Schema.optionalKey(Answers).annotate(about("The answers to WireServer's GET /?comp=versions.")),
  legacy_health: Schema.optionalKey(Answers).annotate(
    about("The answers to WireServer's POST /machine?comp=health, where older agents report as XML.")
  ),
  network: Schema.optionalKey(Network),
  after_last: Schema.optionalKey(Schema.Literals(["repeat", "start_again", "azure"])).annotate(
    about(
      "What follows the last answer of a list: \"repeat\" gives it for ever (when nothing is said), \"start_again\" begins with the first one, \"azure\" answers as Azure does."
    )
  )
}).annotate({ title: "Playbook of azure-fabric", ...about("What a scripted Azure platform does.") })

/** See {@link PlaybookFile}; programs say of both endpoints that every agent asks what they answer. */
export type Playbook = typeof PlaybookFile.Type & {
  readonly imds: ReadonlyArray<Answer>
  readonly health: ReadonlyArray<Answer>
}

/** The answer to the request number `count` (from 0) of an endpoint; `undefined` where it is as Azure's. */
export const turn = (
  answers: ReadonlyArray<Answer>,
  count: number,
  afterLast: Playbook["after_last"] = "repeat"
): Answer | undefined => {
  const total = answers.reduce((sum, { repeat = 1 }) => sum + repeat, 0)
  if (total === 0) return undefined
  if (count >= total && afterLast !== "start_again") return afterLast === "azure" ? undefined : answers.at(-1)
  let rest = count % total
  return answers.find(({ repeat = 1 }) => {
    rest -= repeat
    return rest < 0
  })
}

const decodePlaybook = Schema.decodeUnknownResult(PlaybookFile, { errors: "all", onExcessProperty: "error" })
const parseJson = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Unknown))
const explain = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) => issue._tag === "UnexpectedKey" ? "unknown key" : SchemaIssue.defaultLeafHook(issue)
})

const fromUnknown = (value: unknown): Result.Result<Playbook, string> =>
  Result.mapBoth(decodePlaybook(value), {
    onSuccess: (file) => ({ imds: [], health: [], ...file }),
    onFailure: ({ issue }) => explainIssue(issue, "playbook")
  })

/** What is wrong, each with its place in the document; `whole` stands for the document itself. */
export const explainIssue = (issue: SchemaIssue.Issue, whole: string): string =>
  explain(issue).issues.map(({ message, path }) => `${path?.map(String).join(".") || whole}: ${message}`).join("; ")

/** A playbook from its JSON text; the failure names every field that is wrong and what was expected of it. */
export const decode = (text: string): Result.Result<Playbook, string> =>
  Result.flatMap(Result.mapError(parseJson(text), ({ message }) => `not JSON: ${message}`), fromUnknown)

/**
 * A playbook from the text of a file: TOML when its name ends in `.toml`, JSON otherwise. The failure is as that of
 * {@link decode}.
 */
export const decodeFile = (name: string, text: string): Result.Result<Playbook, string> =>
  name.endsWith(".toml")
    ? Result.flatMap(Result.mapError(Toml.parse(text), ({ message }) => `not TOML: ${message}`), fromUnknown)
    : decode(text)
