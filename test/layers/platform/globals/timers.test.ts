import { assert, describe, it } from "@effect/vitest"
import { make } from "../../../../src/layers/platform/globals/timers.ts"
import { system } from "../../../support/natives.ts"

const ours = make(system)

/** A name for what the two kinds of handle have in common. */
interface Timers<Timer> {
  readonly setTimeout: (
    work: (...args: ReadonlyArray<string>) => void,
    milliseconds?: number,
    ...args: ReadonlyArray<string>
  ) => Timer
  readonly setInterval: (work: () => void, milliseconds?: number) => Timer
  readonly clearTimeout: (timer?: Timer) => void
  readonly clearInterval: (timer?: Timer) => void
}

const suite = <Timer>(name: string, timers: Timers<Timer>) => {
  describe(`timers: ${name}`, () => {
    it("fire in the order of their times, with their arguments, and not when they are cleared", async () => {
      const told: Array<string> = []
      await new Promise<void>((resolve) => {
        timers.setTimeout(() => resolve(), 30)
        timers.setTimeout((what) => void told.push(what ?? ""), 15, "second")
        timers.setTimeout(() => void told.push("first"))
        timers.clearTimeout(timers.setTimeout(() => void told.push("cleared"), 5))
        timers.clearTimeout(undefined)
      })
      assert.deepStrictEqual(told, ["first", "second"])
    })

    it("repeat until they are cleared, by themselves too", async () => {
      let count = 0
      await new Promise<void>((resolve) => {
        const timer: Timer = timers.setInterval(() => {
          if (++count < 3) return
          timers.clearInterval(timer)
          timers.setTimeout(() => resolve(), 20)
        }, 1)
      })
      assert.strictEqual(count, 3)
    })

    it("take a time that is too long or none for 1 ms", async () => {
      await new Promise<void>((resolve) => void timers.setTimeout(() => resolve(), 2 ** 31))
      await new Promise<void>((resolve) => void timers.setTimeout(() => resolve(), Number.NaN))
    })
  })
}

suite("ours", ours)
suite("the platform's own", globalThis)

describe("setImmediate: ours", () => {
  it("comes after microtasks, in order, and not when it is cleared", async () => {
    const told: Array<string> = []
    await new Promise<void>((resolve) => {
      ours.setImmediate((what: string) => void told.push(what), "first")
      ours.clearImmediate(ours.setImmediate(() => void told.push("cleared")))
      ours.setImmediate(resolve)
      void Promise.resolve().then(() => told.push("microtask"))
    })
    assert.deepStrictEqual(told, ["microtask", "first"])
  })
})
