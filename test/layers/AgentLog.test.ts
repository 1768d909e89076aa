import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { existsSync, mkdirSync } from "node:fs"
import * as Live from "../../src/layers/live/AgentLog.ts"
import * as Test from "../../src/layers/test/AgentLog.ts"
import { AgentLog } from "../../src/services/AgentLog.ts"
import { pathsBelow, settingsWith, temporaryRoot, writeFiles } from "../support/host.ts"

const remove = AgentLog.use((log) => log.remove)
const live = (root: string) => Live.layer.pipe(Layer.provide([pathsBelow(root), settingsWith()]))

describe("AgentLog", () => {
  it.effect("removes the log file of the settings, and is content when there is none", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      yield* writeFiles(root, { "var/log/azure-init.log": "lines\n" })
      yield* remove.pipe(Effect.provide(live(root)))
      assert.isFalse(existsSync(`${root}/var/log/azure-init.log`))
      yield* remove.pipe(Effect.provide(live(root)))
    }))

  it.effect("fails, naming the file, when it cannot be removed; so does the fake", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      mkdirSync(`${root}/var/log/azure-init.log`, { recursive: true })
      assert.include((yield* Effect.flip(remove.pipe(Effect.provide(live(root))))).message, "azure-init.log")
      const fake = Test.make({ busy: true })
      assert.include((yield* Effect.flip(remove.pipe(Effect.provide(fake.layer)))).message, "azure-init.log")
      assert.deepStrictEqual(fake.calls, ["remove"])
    }))
})
