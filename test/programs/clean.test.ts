import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { existsSync, mkdirSync, readdirSync } from "node:fs"
import { defaults } from "../../src/domain/Settings.ts"
import { VmId } from "../../src/domain/VmId.ts"
import * as LiveLog from "../../src/layers/live/AgentLog.ts"
import * as LiveState from "../../src/layers/live/ProvisioningState.ts"
import * as TestLog from "../../src/layers/test/AgentLog.ts"
import * as TestState from "../../src/layers/test/ProvisioningState.ts"
import { clean } from "../../src/programs/clean.ts"
import { SettingsLoaded } from "../../src/services/SettingsLoaded.ts"
import type { LoadedSettings } from "../../src/services/SettingsSource.ts"
import { pathsBelow, settingsWith, temporaryRoot, writeFiles } from "../support/host.ts"

const vmId = VmId.make("550e8400-e29b-41d4-a716-446655440000")
const problem = {
  file: "/etc/azure-init.toml",
  line: 3,
  key: "imds.retry_interval_secs",
  found: "-1",
  expected: "seconds"
}

const loadedWith = (changes: Partial<LoadedSettings> = {}) =>
  Layer.succeed(SettingsLoaded, {
    settings: defaults,
    files: [],
    set: new Set<string>(),
    errors: [],
    warnings: [],
    ...changes
  })

/** Collects what is logged. */
const logging = () => {
  const logged: Array<unknown> = []
  return {
    layer: Logger.layer([Logger.make(({ message }) => logged.push(message))]),
    text: () => JSON.stringify(logged)
  }
}

const onHost = (logs: boolean) => (root: string) =>
  clean({ logs }).pipe(
    Effect.provide(
      Layer.mergeAll(LiveState.layer, LiveLog.layer, loadedWith()).pipe(
        Layer.provide([pathsBelow(root), settingsWith()])
      )
    )
  )

const files = {
  "var/lib/azure-init/a.provisioned": "",
  "var/lib/azure-init/b.provisioned": "",
  "var/lib/azure-init/notes.txt": "",
  "var/log/azure-init.log": "lines\n",
  "etc/sudoers.d/azure-init-user": "alice ALL=(ALL) NOPASSWD: ALL\n"
}

describe("clean: a host", () => {
  it.effect("loses the markers of every VM, and keeps everything else, the log too", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      yield* writeFiles(root, files)
      yield* onHost(false)(root)
      assert.deepStrictEqual(readdirSync(`${root}/var/lib/azure-init`), ["notes.txt"])
      assert.isTrue(existsSync(`${root}/var/log/azure-init.log`))
      assert.isTrue(existsSync(`${root}/etc/sudoers.d/azure-init-user`))
    }))

  it.effect("loses the log as well when asked", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      yield* writeFiles(root, files)
      yield* onHost(true)(root)
      assert.deepStrictEqual(readdirSync(`${root}/var/lib/azure-init`), ["notes.txt"])
      assert.isFalse(existsSync(`${root}/var/log/azure-init.log`))
    }))

  it.effect("may have no directory and no log: the log goes without the directory, and again", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      yield* writeFiles(root, { "var/log/azure-init.log": "lines\n" })
      yield* onHost(true)(root)
      assert.isFalse(existsSync(`${root}/var/log/azure-init.log`))
      yield* onHost(true)(root)
    }))

  it.effect("keeps a marker that cannot be removed: exit status 1, which one is logged, and the log goes all the same", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      yield* writeFiles(root, { "var/log/azure-init.log": "lines\n" })
      mkdirSync(`${root}/var/lib/azure-init/a.provisioned`, { recursive: true })
      const { layer, text } = logging()
      const error = yield* Effect.flip(onHost(true)(root)).pipe(Effect.provide(layer))
      assert.strictEqual(error.status, 1)
      assert.include(text(), "a.provisioned")
      assert.isFalse(existsSync(`${root}/var/log/azure-init.log`))
    }))
})

describe("clean: what it says and how it ends", () => {
  const scripted = (options: {
    readonly logs: boolean
    readonly busy?: boolean
    readonly loaded?: Partial<LoadedSettings>
    readonly provisioned?: boolean
  }) =>
    Effect.gen(function*() {
      const state = TestState.make(options.provisioned === false ? {} : { progress: { [vmId]: "reported" } })
      const log = TestLog.make({ busy: options.busy ?? false })
      const { layer, text } = logging()
      const result = yield* Effect.result(clean(options)).pipe(
        Effect.provide([state.layer, log.layer, loadedWith(options.loaded), layer])
      )
      return { result, state: state.calls, log: log.calls, text: text() }
    })

  it.effect("tells each marker that it removed", () =>
    Effect.gen(function*() {
      const { log, result, text } = yield* scripted({ logs: false })
      assert.strictEqual(result._tag, "Success")
      assert.include(text, vmId)
      assert.include(text, "Removed a marker")
      assert.deepStrictEqual(log, [])
    }))

  it.effect("tells that there was nothing to remove, and succeeds", () =>
    Effect.gen(function*() {
      const { result, text } = yield* scripted({ logs: false, provisioned: false })
      assert.strictEqual(result._tag, "Success")
      assert.include(text, "no marker")
    }))

  it.effect("ends with 1, and tells why, when the log cannot be removed; the markers are gone", () =>
    Effect.gen(function*() {
      const { result, state, text } = yield* scripted({ logs: true, busy: true })
      assert.deepStrictEqual(state, ["clean"])
      assert.include(text, "EBUSY")
      assert.include(text, "Could not remove everything")
      assert.strictEqual(result._tag === "Failure" ? result.failure.status : 0, 1)
    }))

  it.effect("removes nothing when the settings are wrong, since the places may be others", () =>
    Effect.gen(function*() {
      const { log, result, state, text } = yield* scripted({ logs: true, loaded: { errors: [problem] } })
      assert.deepStrictEqual([state, log], [[], []])
      assert.include(text, "The settings are wrong: nothing was removed")
      assert.strictEqual(result._tag === "Failure" ? result.failure.status : 0, 1)
      assert.include(text, "/etc/azure-init.toml:3: imds.retry_interval_secs")
    }))
})
