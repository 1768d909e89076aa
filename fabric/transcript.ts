import * as Schema from "effect/Schema"

/** Where a request went: an endpoint that a playbook scripts, or `wireserver` for any other path of WireServer. */
export const Endpoint = Schema.Literals(["imds", "health", "goal_state", "versions", "legacy_health", "wireserver"])

/** See {@link Endpoint}. */
export type Endpoint = typeof Endpoint.Type

/** A request as the platform saw it, and what it did about it: one line of a transcript. */
export const TranscriptEntry = Schema.Struct({
  /** When the request came, ISO 8601 with milliseconds. */
  time: Schema.String,
  endpoint: Endpoint,
  method: Schema.String,
  /** Path and query. */
  target: Schema.String,
  /** Names as they were written, in their order. */
  headers: Schema.Array(Schema.Tuple([Schema.String, Schema.String])),
  body: Schema.String,
  /**
   * The status in the head that goes out unless the client leaves first, or why none does: the request is left hanging,
   * its connection reset, or met with bytes that a playbook gives.
   */
  answered: Schema.Union([Schema.Int, Schema.Literals(["hang", "reset", "garbage", "raw"])]),
  /** What went wrong on purpose after the head, or in what it says of the body's length. */
  misbehaved: Schema.optionalKey(Schema.Literals(["hang", "reset", "truncate", "drip", "content_length"]))
})

/** See {@link TranscriptEntry}. */
export type TranscriptEntry = typeof TranscriptEntry.Type

const codec = Schema.fromJsonString(TranscriptEntry)

/** An entry as its line, without the line's end. */
export const encode = Schema.encodeSync(codec)

const decodeLine = Schema.decodeUnknownSync(codec)

/** A whole transcript; throws on what is none. */
export const decodeAll = (text: string): ReadonlyArray<TranscriptEntry> =>
  text.split("\n").filter((line) => line !== "").map((line) => decodeLine(line))
