import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, realpathSync, rmSync, symlinkSync } from "node:fs"
import { dirname, join } from "node:path"
import { defaults } from "../../src/domain/Settings.ts"
import { VmId } from "../../src/domain/VmId.ts"
import type { FileError } from "../../src/errors/FileError.ts"
import * as Live from "../../src/layers/live/ProvisioningState.ts"
import * as Test from "../../src/layers/test/ProvisioningState.ts"
import { rooted } from "../../src/services/Paths.ts"
import { ProvisioningState } from "../../src/services/ProvisioningState.ts"
import { contract } from "../contracts/ProvisioningState.ts"
import { pathsBelow, settingsWith, temporaryRoot, writeFiles } from "../support/host.ts"
import { telling, type Told } from "../support/told.ts"
import { diskError, watchFiles } from "../support/watchedFiles.ts"

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
            settingsWith({ azureInitDataDir: { ...defaults.azureInitDataDir, path: "/srv/state" } })
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

describe("ProvisioningState: live, whom it believes", () => {
  const directoryOf = (root: string) => `${realpathSync(root)}/var/lib/azure-init`

  it.effect("refuses a directory of somebody else's, and believes no marker in it", () =>
    withLive((state, root) =>
      Effect.scoped(Effect.gen(function*() {
        yield* writeFiles(root, { [`var/lib/azure-init/${vmId}.provisioned`]: "" })
        chmodSync(directoryOf(root), 0o700)
        assert.strictEqual(yield* state.progress(vmId), "reported")
        yield* watchFiles({ ownerOf: (path) => path === directoryOf(root) ? { uid: 54321 } : undefined })
        assert.strictEqual(yield* state.progress(vmId), "unprovisioned")
        for (const mark of [state.markConfigured, state.markReported]) {
          const error = yield* Effect.flip(mark(vmId))
          assert.deepStrictEqual([error.operation, error.path], ["trust", `${root}/var/lib/azure-init/`])
          assert.include(error.detail, "belongs to somebody else")
        }
        assert.deepStrictEqual(readdirSync(directoryOf(root)), [`${vmId}.provisioned`])
      }))
    ))

  for (const bits of [0o720, 0o702]) {
    it.effect(`believes no marker where others may write (mode ${bits.toString(8)})`, () =>
      withLive((state, root) =>
        Effect.gen(function*() {
          yield* writeFiles(root, { [`var/lib/azure-init/${vmId}.provisioned`]: "" })
          chmodSync(directoryOf(root), bits)
          assert.strictEqual(yield* state.progress(vmId), "unprovisioned")
          assert.strictEqual((yield* Effect.flip(state.markReported(vmId))).operation, "trust")
        })
      ))
  }

  it.effect("makes each step durable: the new directory, the marker, its new name, its removal", () =>
    withLive((state, root) =>
      Effect.scoped(Effect.gen(function*() {
        const calls = yield* watchFiles()
        let seen = 0
        const synced = () => {
          const fresh = calls.slice(seen).filter((call) => /^(sync|rename|rm) /.test(call))
          seen = calls.length
          return fresh
        }
        yield* state.markConfigured(vmId)
        const marker = `${directoryOf(root)}/${vmId}`
        const temporary = `${directoryOf(root)}/.${vmId}.configured.azure-init`
        assert.deepStrictEqual(synced(), [
          `sync ${realpathSync(root)}`,
          `rm ${temporary}`,
          `sync ${temporary}`,
          `rename ${temporary} ${marker}.configured`,
          `sync ${directoryOf(root)}`
        ])
        yield* state.markReported(vmId)
        const steps = synced()
        assert.strictEqual(steps[0], `rename ${marker}.configured ${marker}.provisioned`)
        assert.strictEqual(steps.at(-1), `sync ${directoryOf(root)}`)
        yield* state.clean
        assert.deepStrictEqual(synced(), [`rm ${marker}.provisioned`, `sync ${directoryOf(root)}`])
        yield* state.clean
        assert.deepStrictEqual(synced(), [])
      }))
    ))

  it.effect("asks for private directories, a private marker and a private lock, whatever the umask", () =>
    withLive((state, root) =>
      Effect.scoped(Effect.gen(function*() {
        const calls = yield* watchFiles()
        const lock = rooted(realpathSync(root)).lockFile
        yield* state.lock("0 seconds")
        yield* state.markReported(vmId)
        const modes = (path: string) =>
          new Set(calls.flatMap((call) => {
            const [kind = "", of, mode] = call.split(" ")
            return ["mkdir", "create", "chmod"].includes(kind) && of?.replace(/\/$/, "") === path ? [mode] : []
          }))
        assert.deepStrictEqual(modes(dirname(lock)), new Set(["700"]))
        assert.deepStrictEqual(modes(lock), new Set(["600"]))
        assert.deepStrictEqual(modes(directoryOf(root)), new Set(["700"]))
        assert.deepStrictEqual(modes(`${directoryOf(root)}/.${vmId}.provisioned.azure-init`), new Set(["600"]))
      }))
    ))

  it.effect("writes no marker into a directory whose owner it cannot see", () =>
    withLive((state, root) =>
      Effect.scoped(Effect.gen(function*() {
        yield* state.markConfigured(vmId)
        let looks = 0
        yield* watchFiles({
          before: (call) => {
            if (call === `stat ${directoryOf(root)}` && ++looks === 2) throw diskError()
          }
        })
        const error = yield* Effect.flip(state.markReported(vmId))
        assert.strictEqual(error.message, `cannot look at ${root}/var/lib/azure-init/: EIO: i/o error`)
        assert.deepStrictEqual(readdirSync(directoryOf(root)), [`${vmId}.configured`])
      }))
    ))

  it.effect("locks no file that a link in the lock's place names, and makes its directory private", () =>
    withLive((state, root) =>
      Effect.gen(function*() {
        yield* Effect.scoped(state.lock("0 seconds"))
        const lock = rooted(root).lockFile
        assert.strictEqual(lstatSync(lock).mode & 0o7777, 0o600)
        assert.strictEqual(lstatSync(dirname(lock)).mode & 0o7777, 0o700)
        rmSync(lock)
        symlinkSync(`${root}/made`, lock)
        const error = yield* Effect.flip(Effect.scoped(state.lock("0 seconds")))
        assert.deepStrictEqual([error.operation, error.path, error.code], ["open", lock, "ELOOP"])
        assert.isFalse(existsSync(`${root}/made`))
      })
    ))
})

describe("ProvisioningState: live, what it tells", () => {
  const directoryOf = (root: string) => `${root}/var/lib/azure-init/`

  it.effect("says each step under azure-init's names of the spans", () =>
    withLive((state, root) =>
      Effect.gen(function*() {
        const told: Told = { logged: [], spans: [] }
        const steps = [state.progress(vmId), state.markConfigured(vmId), state.markReported(vmId), state.progress(vmId)]
        yield* Effect.forEach(steps, (step) => telling(told, step))
        chmodSync(directoryOf(root), 0o777)
        yield* telling(told, state.progress(vmId))
        assert.deepStrictEqual({ ...told, spans: told.spans.map(({ name }) => name) }, {
          logged: [
            ["This VM has to be provisioned"],
            ["Made the directory for the markers", { path: directoryOf(root) }],
            ["Wrote the marker of a provisioned VM", { path: join(directoryOf(root), `${vmId}.provisioned`) }],
            ["This VM is provisioned already"],
            ["Others may write where the markers are: not believing them", { path: directoryOf(root) }]
          ],
          spans: [
            "status:is_provisioning_complete",
            "status:check_provision_dir",
            "status:mark_provisioning_complete",
            "status:check_provision_dir",
            "status:is_provisioning_complete",
            "status:is_provisioning_complete"
          ]
        })
      })
    ))

  it.effect("names the call that failed", () =>
    Effect.gen(function*() {
      for (
        const [call, operation, of] of [
          ["mkdir", "create", (state) => state.markConfigured(vmId)],
          ["stat", "look at", (state) => state.markConfigured(vmId)],
          ["mkdir", "create", (state) => Effect.scoped(state.lock("0 seconds"))],
          ["readdir", "list", (state) => state.clean],
          ["rm", "remove", (state) => state.clean]
        ] satisfies ReadonlyArray<
          readonly [string, string, (state: ProvisioningState["Service"]) => Effect.Effect<unknown, FileError>]
        >
      ) {
        yield* withLive((state, root) =>
          Effect.scoped(Effect.gen(function*() {
            if (operation !== "create") yield* state.markReported(vmId)
            yield* watchFiles({
              before: (one) => {
                if (one.startsWith(`${call} `)) throw diskError()
              }
            })
            const error = yield* Effect.flip(of(state))
            assert.deepStrictEqual([error.operation, error.code], [operation, "EIO"])
            assert.isTrue(error.path.startsWith(`${root}/`))
          }))
        )
      }
    }))

  it.effect("cleans a marker that somebody else removes at the same time", () =>
    withLive((state, root) =>
      Effect.scoped(Effect.gen(function*() {
        yield* state.markReported(vmId)
        yield* watchFiles({
          before: (call) => {
            if (call.startsWith("rm ")) rmSync(join(directoryOf(root), `${vmId}.provisioned`))
          }
        })
        assert.lengthOf(yield* state.clean, 1)
      }))
    ))

  it.effect("writes a marker that is empty when there is none to rename", () =>
    withLive((state, root) =>
      Effect.gen(function*() {
        yield* state.markReported(vmId)
        const { mode, size } = lstatSync(join(directoryOf(root), `${vmId}.provisioned`))
        assert.deepStrictEqual([size, mode & 0o7777], [0, 0o600])
      })
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
