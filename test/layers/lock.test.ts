import { assert, describe, it } from "@effect/vitest"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import { lstatSync, readFileSync } from "node:fs"
import * as Lock from "../../src/layers/linux/lock.ts"
import * as Platform from "../../src/layers/Platform.ts"
import { Linux } from "../../src/services/Linux.ts"
import { temporaryRoot } from "../support/host.ts"

/** Opens on the platform's own files, and locks. */
const openLocked = (path: string, wait: Duration.Input) =>
  Linux.use((linux) => Lock.openLocked(linux, path, { access: "readWrite", create: 0o600 }, wait)).pipe(
    Effect.provide(Platform.linux)
  )

/** Whether another process gets the lock now: flock(1) ends with 1 when it does not. */
const othersGet = (path: string) => spawnSync("flock", ["-x", "-n", path, "true"]).status === 0

describe("flock", () => {
  it.effect("keeps other processes out until the scope closes", () =>
    Effect.gen(function*() {
      const path = `${yield* temporaryRoot}/lock`
      yield* Effect.scoped(Effect.gen(function*() {
        yield* openLocked(path, 0)
        assert.isFalse(othersGet(path))
      }))
      assert.isTrue(othersGet(path))
    }))

  it.effect("keeps a second opening of the same process out, and says that somebody has the lock", () =>
    Effect.gen(function*() {
      const path = `${yield* temporaryRoot}/lock`
      yield* openLocked(path, 0)
      const error = yield* Effect.flip(Effect.scoped(openLocked(path, 0)))
      assert.strictEqual(error.code, "EWOULDBLOCK")
      assert.strictEqual(error.operation, "lock")
      assert.include(error.message, path)
      assert.include(error.message, "somebody else")
    }))

  it.effect("keeps the first lock when a second one was refused", () =>
    Effect.gen(function*() {
      const path = `${yield* temporaryRoot}/lock`
      yield* openLocked(path, 0)
      yield* Effect.flip(Effect.scoped(openLocked(path, 0)))
      assert.isFalse(othersGet(path))
    }))

  it.effect("opens with the flags and the mode, and the file can be used", () =>
    Effect.gen(function*() {
      const path = `${yield* temporaryRoot}/lock`
      const file = yield* openLocked(path, "1 second")
      assert.strictEqual(lstatSync(path).mode & 0o7777, 0o600)
      yield* file.write("text")
      assert.strictEqual(readFileSync(path, "utf8"), "text")
    }))

  it.effect("says which file it cannot open, and takes no lock", () =>
    Effect.gen(function*() {
      const path = `${yield* temporaryRoot}/missing/lock`
      const error = yield* Effect.flip(Effect.scoped(openLocked(path, 0)))
      assert.strictEqual(error.operation, "open")
      assert.strictEqual(error.code, "ENOENT")
      assert.include(error.message, path)
    }))
})
