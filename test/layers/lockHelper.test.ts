import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import type { ChildProcess, SpawnOptions } from "node:child_process"
import ChildProcesses from "node:child_process"
import { syncBuiltinESMExports } from "node:module"
import * as Lock from "../../src/layers/linux/lock.ts"
import * as Platform from "../../src/layers/Platform.ts"
import { Linux } from "../../src/services/Linux.ts"
import { temporaryRoot } from "../support/host.ts"
import { turnsUntil } from "../support/turns.ts"

interface Call {
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly options: SpawnOptions
  readonly child: ChildProcess
}

/** Runs another command in place of the helper while the scope is open, with the helper's options; notes the calls. */
const instead = (command: string, ...args: ReadonlyArray<string>) => {
  const { spawn } = ChildProcesses
  const calls: Array<Call> = []
  const replace = (replacement: unknown) =>
    Effect.sync(() => {
      Object.assign(ChildProcesses, { spawn: replacement })
      syncBuiltinESMExports()
    })
  return Effect.as(
    Effect.acquireRelease(
      replace((asked: string, given: ReadonlyArray<string>, options: SpawnOptions) => {
        if (command === "") throw new Error("odd")
        const child = spawn(command, [...args], options)
        calls.push({ command: asked, args: given, options, child })
        return child
      }),
      () => replace(spawn)
    ),
    calls
  )
}

const lock = (wait: "0 seconds" | "200 millis" | "10 seconds") =>
  Effect.gen(function*() {
    const path = `${yield* temporaryRoot}/lock`
    const linux = yield* Linux
    yield* Lock.openLocked(linux, path, { access: "readWrite", create: 0o600 }, wait)
  }).pipe(Effect.provide(Platform.linux))

describe("flock: the helper", () => {
  it.effect("locks what it gets as descriptor 3, without waiting, with a fixed environment", () =>
    Effect.gen(function*() {
      const calls = yield* instead("flock", "-x", "-n", "3")
      yield* lock("0 seconds")
      assert.lengthOf(calls, 1)
      assert.deepStrictEqual([calls[0]?.command, ...(calls[0]?.args ?? [])], ["flock", "-x", "-n", "3"])
      assert.deepStrictEqual(calls[0]?.options.env, {
        PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        LC_ALL: "C"
      })
    }))

  it.live("is asked every 100 ms while somebody else has the lock, until the wait is over", () =>
    Effect.gen(function*() {
      const calls = yield* instead("sh", "-c", "exit 1")
      const error = yield* Effect.flip(lock("200 millis"))
      assert.lengthOf(calls, 3)
      assert.deepStrictEqual([error.operation, error.code, error.detail], [
        "lock",
        "EWOULDBLOCK",
        "somebody else holds it"
      ])
    }))

  for (
    const [script, detail] of [
      ["echo ' unknown option' >&2; echo x >&2; exit 1", "flock ended with status 1: unknown option\nx"],
      ["exit 2", "flock ended with status 2: "],
      ["echo odd >&2; exit 65", "flock ended with status 65: odd"],
      ["kill -TERM $$", "the helper flock was ended by SIGTERM"]
    ] as const
  ) {
    it.effect(`is not asked again when it fails for another reason, which is told (${script})`, () =>
      Effect.gen(function*() {
        const calls = yield* instead("sh", "-c", script)
        const error = yield* Effect.flip(lock("10 seconds"))
        assert.lengthOf(calls, 1)
        assert.deepStrictEqual([error.operation, error.code, error.detail], ["lock", "ENOLCK", `ENOLCK: ${detail}`])
      }))
  }

  it.effect("is named when it does not start, whether the runtime throws or says so later", () =>
    Effect.gen(function*() {
      yield* Effect.scoped(Effect.gen(function*() {
        yield* instead("")
        const error = yield* Effect.flip(lock("10 seconds"))
        assert.strictEqual(error.detail, "ENOLCK: the helper flock does not start: odd")
      }))
      yield* instead("/nowhere/flock")
      const error = yield* Effect.flip(lock("10 seconds"))
      assert.strictEqual(error.detail, "ENOLCK: the helper flock does not start: spawn /nowhere/flock ENOENT")
    }))

  it.effect("has two seconds to answer, and is killed then", () =>
    Effect.gen(function*() {
      const calls = yield* instead("sleep", "60")
      const locking = yield* Effect.forkChild(Effect.flip(lock("10 seconds")))
      yield* turnsUntil(() => calls.length === 1)
      yield* TestClock.adjust("1999 millis")
      assert.isUndefined(locking.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const error = yield* Fiber.join(locking)
      assert.deepStrictEqual([error.operation, error.detail], [
        "lock",
        "ENOLCK: the helper flock does not answer"
      ])
      yield* turnsUntil(() => calls[0]?.child.signalCode === "SIGKILL")
    }))
})
