import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import { ImdsError } from "../../src/errors/ImdsError.ts"
import { makeAgent } from "../support/agent.ts"
import { turnsUntil } from "../support/turns.ts"

const noImds = new ImdsError({ url: "http://imds", kind: "http", detail: "HTTP 403", status: 403, attempts: 1 })

const problem = {
  file: "/etc/azure-init.toml",
  line: 3,
  key: "imds.retry_interval_secs",
  found: "-1",
  expected: "seconds"
}

/** Collects what is logged, each with its level and how many calls there were by then. */
const logging = (calls: () => number) => {
  const entries: Array<{ readonly level: string; readonly text: string; readonly calls: number }> = []
  const logged = Logger.layer([
    Logger.make(({ logLevel, message }) => {
      entries.push({ level: logLevel, text: JSON.stringify(message), calls: calls() })
    })
  ])
  return { logged, entries }
}

describe("provision: what is printed while Azure does not answer", () => {
  it.effect("prints what failed before it waits for Azure", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ imds: [noImds], wireServer: ["hangs"] })
      const { entries, logged } = logging(() => agent.wireServer.calls.length)
      const running = yield* Effect.forkChild(agent.boot.pipe(Effect.provide(logged)))
      yield* turnsUntil(() => agent.wireServer.calls.length > 0)
      const found = entries.find(({ text }) => text.includes("no administrator name"))
      assert.deepStrictEqual([found?.level, found?.calls], ["Error", 0])
      yield* Fiber.interrupt(running)
    }))

  it.effect("prints each problem before anything waits for another agent or for Azure", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ settingsErrors: [problem, { ...problem, line: 7 }], wireServer: ["hangs"] })
      const { entries, logged } = logging(() => agent.state.calls.length + agent.wireServer.calls.length)
      const running = yield* Effect.forkChild(agent.boot.pipe(Effect.provide(logged)))
      yield* turnsUntil(() => agent.wireServer.calls.length > 0)
      for (const line of [3, 7]) {
        const found = entries.find(({ text }) =>
          text.includes(`/etc/azure-init.toml:${line}: imds.retry_interval_secs`)
        )
        assert.deepStrictEqual([found?.level, found?.calls], ["Error", 0])
      }
      yield* Fiber.interrupt(running)
    }))
})
