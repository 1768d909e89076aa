import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { chmodSync, lstatSync, mkdirSync, readdirSync } from "node:fs"
import { defaults } from "../../src/domain/Settings.ts"
import { VmId } from "../../src/domain/VmId.ts"
import * as Live from "../../src/layers/live/ProvisioningState.ts"
import * as Test from "../../src/layers/test/ProvisioningState.ts"
import { ProvisioningState } from "../../src/services/ProvisioningState.ts"
import { contract } from "../contracts/ProvisioningState.ts"
import { pathsBelow, settingsWith, temporaryRoot, writeFiles } from "../support/host.ts"

const vmId = VmId.make("550e8400-e29b-41d4-a716-446655440000")

const liveBelow = (root: string) => Live.layer.pipe(Layer.provide([pathsBelow(root), settingsWith()]))

contract("live", Effect.map(temporaryRoot, liveBelow))
contract("test", Effect.sync(() => Test.make().layer))

const withLive = <A, E>(test: (state: ProvisioningState["Service"], root: string) => Effect.Effect<A, E>) =>
  Effect.flatMap(
    temporaryRoot,
    (root) => ProvisioningState.use((state) => test(state, root)).pipe(Effect.provide(liveBelow(root)))
  )

describe("ProvisioningState: live", () => {
  it.effect("writes azure-init's marker, empty, 0600, in a directory of mode 0700, and nothing beside it", () =>
    withLive((state, root) =>
      Effect.gen(function*() {
        yield* state.markConfigured(vmId)
        yield* state.markReported(vmId)
        const directory = `${root}/var/lib/azure-init`
        assert.deepStrictEqual(readdirSync(directory), [`${vmId}.provisioned`])
        const marker = lstatSync(`${directory}/${vmId}.provisioned`)
        assert.strictEqual(marker.mode & 0o7777, 0o600)
        assert.strictEqual(marker.size, 0)
        assert.strictEqual(lstatSync(directory).mode & 0o7777, 0o700)
      })
    ))

  it.effect("refuses a directory that others can write", () =>
    withLive((state, root) =>
      Effect.gen(function*() {
        const directory = `${root}/var/lib/azure-init`
        mkdirSync(directory, { recursive: true })
        chmodSync(directory, 0o777)
        const error = yield* Effect.flip(state.markConfigured(vmId))
        assert.include(error.message, "others may write there")
        assert.deepStrictEqual(readdirSync(directory), [])
      })
    ))

  it.effect("honours azure-init's markers and the data directory of the settings", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      yield* writeFiles(root, { [`srv/state/${vmId}.provisioned`]: "" })
      const progress = yield* ProvisioningState.use((state) => state.progress(vmId)).pipe(
        Effect.provide(Live.layer.pipe(
          Layer.provide([
            pathsBelow(root),
            settingsWith({ azure_init_data_dir: { ...defaults.azure_init_data_dir, path: "/srv/state" } })
          ])
        ))
      )
      assert.strictEqual(progress, "reported")
    }))

  it.effect("cleans markers and nothing else", () =>
    withLive((state, root) =>
      Effect.gen(function*() {
        yield* writeFiles(root, {
          "var/lib/azure-init/a.provisioned": "",
          "var/lib/azure-init/b.configured": "",
          "var/lib/azure-init/notes.txt": "kept",
          "var/lib/azure-init/provisioned": "kept"
        })
        assert.lengthOf(yield* state.clean, 2)
        assert.deepStrictEqual(readdirSync(`${root}/var/lib/azure-init`).sort(), ["notes.txt", "provisioned"])
      })
    ))

  it.effect("keeps a second agent out while the first works", () =>
    withLive((state) =>
      Effect.scoped(Effect.gen(function*() {
        yield* state.lock("0 seconds")
        const error = yield* Effect.flip(Effect.scoped(state.lock("0 seconds")))
        assert.strictEqual(error.code, "EWOULDBLOCK")
      }))
    ))
})

describe("ProvisioningState: test", () => {
  it.effect("starts from a script, fails on a full disk, and tells the order of the markers", () =>
    Effect.gen(function*() {
      const fake = Test.make({ progress: { [vmId]: "configured" }, full: "reported" })
      yield* ProvisioningState.use((state) =>
        Effect.gen(function*() {
          assert.strictEqual(yield* state.progress(vmId), "configured")
          yield* state.markConfigured(vmId)
          assert.strictEqual((yield* Effect.flip(state.markReported(vmId))).code, "ENOSPC")
        })
      ).pipe(Effect.provide(fake.layer))
      assert.deepStrictEqual(fake.calls, [`configured ${vmId}`])
    }))
})
