import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import { TestClock } from "effect/testing"
import { spawnSync } from "node:child_process"
import { lstatSync, readFileSync } from "node:fs"
import { LinuxError } from "../../src/errors/LinuxError.ts"
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

describe("a lock that somebody else holds", () => {
  /** Locks a file that gives these answers, the last one for ever; what became of it and what was asked when. */
  const trying = (wait: Duration.Input, answers: ReadonlyArray<boolean | LinuxError>) =>
    Effect.gen(function*() {
      const asked: Array<number> = []
      const opened: Array<unknown> = []
      const linux = yield* Linux
      const start = yield* Clock.currentTimeMillis
      const scripted: Linux["Service"] = {
        ...linux,
        open: (path, options) => {
          opened.push([path, options])
          return Effect.map(linux.open("/dev/null"), (file) => ({
            ...file,
            tryLock: Effect.flatMap(Clock.currentTimeMillis, (now) => {
              const answer = answers[Math.min(asked.length, answers.length - 1)] ?? false
              asked.push(now - start)
              return typeof answer === "boolean" ? Effect.succeed(answer) : Effect.fail(answer)
            })
          }))
        }
      }
      const options = { access: "readWrite", create: 0o600, noFollow: true } as const
      const running = yield* Effect.forkChild(
        Effect.result(Effect.scoped(Lock.openLocked(scripted, "/lock", options, wait)))
      )
      yield* TestClock.adjust("10 seconds")
      const result = yield* Fiber.join(running)
      assert.deepStrictEqual(opened, [["/lock", options]])
      return { asked, result: Result.match(result, { onSuccess: () => "locked", onFailure: ({ message }) => message }) }
    }).pipe(Effect.provide(Platform.linux))

  const held = "cannot lock /lock: somebody else holds it"

  it.effect("is asked for every 100 ms until it is free", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* trying("1 second", [false, false, true]), {
        asked: [0, 100, 200],
        result: "locked"
      })
    }))

  it.effect("is given up when the wait is over, and asked for once without any", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* trying("250 millis", [false]), { asked: [0, 100, 200, 300], result: held })
      assert.deepStrictEqual(yield* trying(0, [false]), { asked: [0], result: held })
    }))

  it.effect("is not asked for again when it cannot be taken at all", () =>
    Effect.gen(function*() {
      const none = new LinuxError({ operation: "flock", path: "/lock", code: "ENOLCK", detail: "no locks" })
      assert.deepStrictEqual(yield* trying("1 second", [none]), {
        asked: [0],
        result: "cannot lock /lock: ENOLCK: no locks"
      })
    }))
})
