import * as Effect from "effect/Effect"
import { type Target, value } from "./target.ts"

/** Decoders with a bug each, by which the harness shows that it finds them. The bug shows on inputs that hold `!`. */

const planted = (name: string, bug: () => Effect.Effect<void>): Target => ({
  name,
  documents: () => [Buffer.from("a harmless document of some words\n")],
  words: ["!"],
  open: () =>
    Effect.succeed((bytes) =>
      Effect.as(Effect.suspend(() => Buffer.from(bytes).includes("!") ? bug() : Effect.void), value())
    )
})

const kept: Array<Uint8Array> = []

/**
 * All of them: a defect, a throw of nobody's, endless work, one input that never ends, too much on the heap, and too
 * much beside it.
 */
export const plantedTargets: ReadonlyArray<Target> = [
  planted("planted-defect", () => Effect.die(new Error("planted"))),
  planted("planted-throw", () =>
    Effect.promise(() =>
      new Promise((resolve) => {
        setImmediate(() => {
          setImmediate(resolve)
          throw new Error("planted")
        })
      })
    )),
  planted("planted-loop", () =>
    Effect.sync(() => {
      for (;;) JSON.parse("1")
    })),
  planted("planted-slow", () =>
    Effect.sync(() => {
      const start = process.cpuUsage()
      for (let used = 0; used < 1_200_000;) {
        const { system, user } = process.cpuUsage(start)
        used = system + user
      }
    })),
  planted("planted-heap", () =>
    Effect.sync(() => {
      const all: Array<object> = []
      for (;;) all.push({ number: all.length })
    })),
  planted("planted-buffer", () =>
    Effect.sync(() => {
      kept.push(new Uint8Array(80 * 1024 * 1024).fill(1))
    }))
]
