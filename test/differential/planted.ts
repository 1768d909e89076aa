import * as Effect from "effect/Effect"
import { type Target, value } from "../fuzz/target.ts"

/**
 * A decoder that is different on the boot runtime for inputs that hold `!`, by which a run shows that it sees a
 * difference.
 */
export const planted: Target = {
  name: "planted",
  documents: () => [Buffer.from("harmless"), Buffer.from("not harmless!")],
  words: [],
  open: () =>
    Effect.succeed((bytes) =>
      Effect.sync(() => {
        const text = Buffer.from(bytes).toString()
        return value("", "natives" in globalThis ? text.replace("!", "\u0021\u200b") : text)
      })
    )
}
