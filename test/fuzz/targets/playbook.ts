import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Playbook from "../../../fabric/playbook.ts"
import { refused, type Target, value } from "../target.ts"
import { filesIn, output } from "./common.ts"

/** The fabric's playbooks. */
export const playbook: Target = {
  name: "playbook",
  documents: () => filesIn("fuzz/playbook/"),
  words: [
    "null",
    "true",
    "{",
    "}",
    "[",
    "]",
    "[[[[",
    "{\"a\":",
    ",",
    "\"status\":200",
    "\"delay_ms\":1",
    "\"body\":\"\"",
    "\"headers\":{\"a\":\"b\"}",
    "\"hang\":true",
    "\"reset\":true",
    "\"imds\":[",
    "\"health\":[",
    "\"instance\":{",
    "\"__proto__\":{}",
    "\\u0000"
  ],
  open: () =>
    Effect.succeed((bytes) =>
      Effect.sync(() =>
        // The user of the fabric writes its playbooks, and it takes them of any size.
        Result.match(Playbook.decode(output(bytes).slice(0, 65_536)), {
          onSuccess: ({ health, imds }) => value(`${imds.length > 0} ${health.length > 0}`),
          onFailure: (detail) => refused("Playbook", detail)
        })
      )
    )
}
