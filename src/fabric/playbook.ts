import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"

/**
 * One answer of an endpoint. What is not said is as Azure does it: status, headers and body follow from the request.
 */
export const Answer = Schema.Struct({
  status: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 200, maximum: 599 }))),
  headers: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  body: Schema.optionalKey(Schema.String),
  /** Milliseconds to wait first. */
  delay_ms: Schema.optionalKey(Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))),
  /** Takes the request and says nothing more, with the connection open. */
  hang: Schema.optionalKey(Schema.Boolean),
  /** Takes the request and resets the connection. */
  reset: Schema.optionalKey(Schema.Boolean)
})

/** See {@link Answer}. */
export type Answer = typeof Answer.Type

/** The VM that IMDS tells of. */
export const Instance = Schema.Struct({
  username: Schema.String,
  hostname: Schema.String,
  /** OpenSSH public keys, as the owner gave them. */
  keys: Schema.Array(Schema.String),
  disablePasswordAuthentication: Schema.Boolean
})

/** See {@link Instance}. */
export type Instance = typeof Instance.Type

/**
 * What a platform does: for each endpoint a list of answers, one for each request in turn; the last one repeats. An empty list is a
 * platform that answers as Azure does.
 */
export const Playbook = Schema.Struct({
  instance: Instance,
  imds: Schema.Array(Answer),
  health: Schema.Array(Answer)
})

/** See {@link Playbook}. */
export type Playbook = typeof Playbook.Type

const decodePlaybook = Schema.decodeUnknownResult(Schema.fromJsonString(Playbook))
const explain = SchemaIssue.makeFormatterStandardSchemaV1()

/** A playbook from its JSON text; the failure names every field that is wrong. */
export const decode = (text: string): Result.Result<Playbook, string> =>
  Result.mapError(
    decodePlaybook(text),
    ({ issue }) =>
      explain(issue).issues.map(({ message, path }) => `${path?.map(String).join(".") ?? ""}: ${message}`).join("; ")
  )
