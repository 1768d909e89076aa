import * as Schema from "effect/Schema"

/** A request as the platform saw it, and what it did about it: one line of a transcript. */
export const TranscriptEntry = Schema.Struct({
  /** When the request came, ISO 8601 with milliseconds. */
  time: Schema.String,
  endpoint: Schema.Literals(["imds", "health"]),
  method: Schema.String,
  /** Path and query. */
  target: Schema.String,
  /** Names as they were written, in their order. */
  headers: Schema.Array(Schema.Tuple([Schema.String, Schema.String])),
  body: Schema.String,
  /** The status, or that the request was left hanging or its connection reset. */
  answered: Schema.Union([Schema.Int, Schema.Literals(["hang", "reset"])])
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
