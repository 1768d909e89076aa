import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { LinuxFile } from "../../../src/layers/platform/native/LinuxFile.ts"

/**
 * What the boot runtime's layer makes of calls that do less than they are asked for, as signals and slow devices have
 * them.
 */

const lacking = () => -38

/** A file in memory of which one call takes three bytes at most. */
const slowFile = (content: string) => {
  const state = { bytes: new TextEncoder().encode(content) }
  const system = {
    constants: { EAGAIN: 11 },
    errorName: () => "ENOSYS",
    errorText: () => "Function not implemented",
    encodeUtf8: (text: string) => new TextEncoder().encode(text),
    pread: (_: number, maximum: number, offset: number) => state.bytes.slice(offset, offset + Math.min(3, maximum)),
    pwrite: (_: number, bytes: Uint8Array | string, offset: number) => {
      if (typeof bytes === "string") return -22
      const part = bytes.subarray(0, 3)
      const grown = new Uint8Array(Math.max(state.bytes.length, offset + part.length))
      grown.set(state.bytes)
      grown.set(part, offset)
      state.bytes = grown
      return part.length
    },
    write: (_: number, bytes: Uint8Array | string) =>
      typeof bytes === "string" ? -22 : system.pwrite(0, bytes, state.bytes.length),
    fstat: lacking,
    read: lacking,
    ftruncate: lacking,
    fchmod: lacking,
    fchown: lacking,
    flock: lacking,
    lockRange: lacking,
    cancel: () => {},
    offload: {
      fsync: (_: number, done: (status: number) => void) => {
        done(0)
        return 1
      }
    }
  }
  return { file: new LinuxFile(system, 3, "/file"), text: () => new TextDecoder().decode(state.bytes) }
}

describe("LinuxFile of the boot runtime", () => {
  it.effect("reads and writes whole, a few bytes at a time", () =>
    Effect.gen(function*() {
      const { file, text } = slowFile("0123456789")
      assert.strictEqual(new TextDecoder().decode(yield* file.readAt(1, 8)), "12345678")
      assert.strictEqual(new TextDecoder().decode(yield* file.readAt(4, 80)), "456789")
      yield* file.writeAt(2, new TextEncoder().encode("abcdefgh"))
      yield* file.write("1234567")
      assert.isUndefined(file.writeUnsafe("xyzw"))
      assert.strictEqual(text(), "01abcdefgh1234567xyzw")
    }))

  it.effect("tells of a call that fails", () =>
    Effect.gen(function*() {
      const { file } = slowFile("")
      const error = yield* Effect.flip(file.truncate(0))
      assert.deepInclude(error, {
        operation: "ftruncate",
        path: "/file",
        code: "ENOSYS",
        detail: "function not implemented"
      })
      assert.strictEqual((yield* Effect.flip(file.tryLock)).operation, "flock")
    }))
})
