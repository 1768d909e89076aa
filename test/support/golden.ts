import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"

/** One request that azure-init made, with its headers in order. */
const GoldenRequest = Schema.Struct({
  to: Schema.Literals(["imds", "wireserver"]),
  request: Schema.String,
  headers: Schema.Array(Schema.Tuple([Schema.String, Schema.String])),
  body: Schema.String,
  answered: Schema.Int
})

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(GoldenRequest))

/** What azure-init sent to this service in a recorded scenario (`test/fixtures/golden`), in order. */
export const goldenRequests = (
  scenario: string,
  to: typeof GoldenRequest.Type["to"]
): ReadonlyArray<typeof GoldenRequest.Type> =>
  readFileSync(new URL(`../fixtures/golden/${scenario}/requests.jsonl`, import.meta.url), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => decode(line))
    .filter((request) => request.to === to)
