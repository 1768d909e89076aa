import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { VmId } from "../../src/domain/VmId.ts"
import { VmIdentityError } from "../../src/errors/VmIdentityError.ts"
import * as Live from "../../src/layers/live/VmIdentity.ts"
import * as Test from "../../src/layers/test/VmIdentity.ts"
import { VmIdentity } from "../../src/services/VmIdentity.ts"
import { contract } from "../contracts/VmIdentity.ts"
import { pathsBelow, temporaryRoot, writeFiles } from "../support/host.ts"

const tag = "7783-7084-3265-9085-8269-3286-77\n"

const liveWith = (files: Readonly<Record<string, string>>) =>
  Effect.gen(function*() {
    const root = yield* temporaryRoot
    yield* writeFiles(root, files)
    return Live.layer.pipe(Layer.provide(pathsBelow(root)))
  })

contract("live", {
  known: (vmId) =>
    liveWith({
      "sys/class/dmi/id/product_uuid": `${vmId}\n`,
      "sys/class/dmi/id/chassis_asset_tag": tag,
      "sys/firmware/efi/systab": ""
    }),
  unknown: liveWith({})
})
contract("test", {
  known: (vmId) => Effect.sync(() => Test.make(VmId.make(vmId)).layer),
  unknown: Effect.sync(() =>
    Test.make(new VmIdentityError({ path: "/sys/class/dmi/id/product_uuid", detail: "no such file" })).layer
  )
})

const idWith = (files: Readonly<Record<string, string>>) =>
  Effect.flatMap(liveWith(files), (layer) => VmIdentity.use((identity) => identity.vmId).pipe(Effect.provide(layer)))

describe("VmIdentity: live", () => {
  const uuid = "sys/class/dmi/id/product_uuid"

  it.effect("swaps the bytes of a generation 1 VM, which has neither EFI path", () =>
    Effect.gen(function*() {
      assert.strictEqual(
        yield* idWith({ [uuid]: "550E8400-E29B-41D4-A716-446655440000\n" }),
        "00840e55-9be2-d441-a716-446655440000"
      )
    }))

  it.effect("takes the id of a generation 2 VM as it is, in lower case, by either EFI path", () =>
    Effect.gen(function*() {
      for (const efi of ["sys/firmware/efi/runtime", "dev/efi"]) {
        assert.strictEqual(
          yield* idWith({ [uuid]: "550E8400-E29B-41D4-A716-446655440000\n", [efi]: "" }),
          "550e8400-e29b-41d4-a716-446655440000"
        )
      }
    }))

  it.effect("takes a text that is no UUID as it is on generation 1", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* idWith({ [uuid]: "Not-A-UUID" }), "not-a-uuid")
    }))

  it.effect("refuses an empty text and one that would leave the marker directory", () =>
    Effect.gen(function*() {
      for (const text of ["\n", "../../etc/shadow"]) {
        const error = yield* Effect.flip(idWith({ [uuid]: text, "dev/efi": "" }))
        assert.strictEqual(error.detail, "holds no UUID")
      }
    }))

  it.effect("tells another platform from none", () =>
    Effect.gen(function*() {
      const platform = (files: Readonly<Record<string, string>>) =>
        Effect.flatMap(liveWith(files), (layer) =>
          VmIdentity.use((identity) => identity.platform).pipe(Effect.provide(layer)))
      assert.strictEqual(yield* platform({ "sys/class/dmi/id/chassis_asset_tag": "No Asset Tag\n" }), "other")
      assert.strictEqual(yield* platform({}), "unknown")
    }))

  it.effect("names the kernel and the version of the distribution, as far as they are told", () =>
    Effect.gen(function*() {
      const software = (files: Readonly<Record<string, string>>) =>
        Effect.flatMap(
          liveWith(files),
          (layer) => VmIdentity.use((identity) => identity.software).pipe(Effect.provide(layer))
        )
      assert.deepStrictEqual(
        yield* software({
          "proc/sys/kernel/osrelease": "6.1.0-50-cloud-amd64\n",
          "etc/os-release": "ID=debian\nVERSION_ID=\"13\"\n"
        }),
        { kernel: "6.1.0-50-cloud-amd64", os: "13" }
      )
      assert.deepStrictEqual(yield* software({}), { kernel: "unknown", os: "unknown" })
    }))
})
