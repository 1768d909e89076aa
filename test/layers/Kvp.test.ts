import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import { spawn } from "node:child_process"
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync
} from "node:fs"
import * as KvpRecord from "../../src/domain/KvpRecord.ts"
import * as Test from "../../src/layers/test/Kvp.ts"
import { Kvp } from "../../src/services/Kvp.ts"
import { contract } from "../contracts/Kvp.ts"
import { temporaryRoot } from "../support/host.ts"
import { bootTime, decoded, event, host, liveBelow, poolOf, report, withHost, writePool } from "../support/kvpHost.ts"

contract("live", Effect.map(host, (root) => liveBelow(root)))
contract("test", Effect.sync(() => Test.make().layer))

describe("Kvp: live", () => {
  it.effect("creates the pool with mode 0600, whole records only", () =>
    withHost(({ kvp, pool, warnings }) =>
      Effect.gen(function*() {
        kvp.offer(event("a"))
        kvp.offer(report)
        yield* kvp.flush
        assert.strictEqual(lstatSync(pool).mode & 0o7777, 0o600)
        assert.strictEqual(lstatSync(pool).size, 2 * KvpRecord.recordSize)
        assert.deepStrictEqual(warnings, [])
      })
    ))

  it.effect("appends to a pool of this boot and leaves its bytes and its mode alone", () =>
    withHost(({ kvp, pool }) =>
      Effect.gen(function*() {
        const before = readFileSync(pool)
        kvp.offer(event("a"))
        yield* kvp.flush
        assert.deepStrictEqual(readFileSync(pool).subarray(0, before.length), before)
        assert.deepStrictEqual(decoded(pool), [{ key: "CLOUD_INIT|x", value: "v" }, event("a")])
        assert.strictEqual(statSync(pool).mode & 0o7777, 0o644)
      }), (root) => {
      writePool(root, [{ key: "CLOUD_INIT|x", value: "v" }], bootTime)
      chmodSync(poolOf(root), 0o644)
    }))

  it.effect("empties a pool from before this boot, once", () =>
    withHost(({ kvp, pool }) =>
      Effect.gen(function*() {
        kvp.offer(event("a"))
        yield* kvp.flush
        utimesSync(pool, bootTime - 1, bootTime - 1)
        kvp.offer(event("b"))
        yield* kvp.flush
        assert.deepStrictEqual(decoded(pool), [event("a"), event("b")])
      }), (root) => writePool(root, [event("old"), report], bootTime - 1)))

  it.effect("keeps the pool when the boot time is unknown, and says so", () =>
    withHost(({ kvp, pool, warnings }) =>
      Effect.gen(function*() {
        kvp.offer(event("a"))
        yield* kvp.flush
        assert.deepStrictEqual(decoded(pool), [event("old"), event("a")])
        assert.match(warnings.join(), /Cannot tell whether the KVP pool is from this boot/)
      }), (root) => {
      writePool(root, [event("old")], bootTime - 1)
      writeFileSync(`${root}/proc/stat`, "cpu 1 2 3\n")
    }))

  it.effect("warns once when there is no directory, and writes what it has when there is one", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      const warnings: Array<unknown> = []
      yield* Kvp.use((kvp) =>
        Effect.gen(function*() {
          kvp.offer(event("a"))
          yield* kvp.flush
          yield* kvp.flush
          assert.isFalse(existsSync(`${root}/var`))
          assert.lengthOf(warnings, 1)
          mkdirSync(`${root}/var/lib/hyperv`, { recursive: true })
          yield* kvp.flush
          assert.deepStrictEqual(decoded(poolOf(root)), [event("a")])
        })
      ).pipe(Effect.provide([
        liveBelow(root),
        Logger.layer([Logger.make(({ message }) => {
          if (String(message).includes("no directory")) warnings.push(message)
        })])
      ]))
    }))

  it.effect("does not follow a link in the pool's place", () =>
    withHost(({ kvp, root }) =>
      Effect.gen(function*() {
        kvp.offer(event("a"))
        const error = yield* Effect.flip(kvp.flush)
        assert.include(error.message, "cannot open the KVP pool")
        assert.strictEqual(readFileSync(`${root}/victim`, "utf8"), "kept")
        assert.include((yield* Effect.flip(kvp.entries)).message, "cannot open the KVP pool")
      }), (root) => {
      writeFileSync(`${root}/victim`, "kept")
      symlinkSync(`${root}/victim`, poolOf(root))
    }))

  it.effect("refuses what is no file, without waiting for it", () =>
    withHost(({ kvp }) =>
      Effect.gen(function*() {
        kvp.offer(event("a"))
        assert.include((yield* Effect.flip(kvp.flush)).message, "KVP pool")
        assert.include((yield* Effect.flip(kvp.entries)).message, "not a regular file")
      }), (root) => mkdirSync(poolOf(root))))

  it.effect("keeps what it could not write for the next flush", () =>
    withHost(({ kvp, pool }) =>
      Effect.gen(function*() {
        symlinkSync("/nowhere/else", pool)
        kvp.offer(event("a"))
        kvp.offer(report)
        yield* Effect.flip(kvp.flush)
        rmSync(pool)
        yield* kvp.flush
        assert.deepStrictEqual(decoded(pool), [event("a"), report])
      })
    ))

  it.effect("gives the good records of a pool in which others are broken, and names these", () =>
    withHost(({ kvp, warnings }) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* kvp.entries, [event("a"), event("c")])
        assert.lengthOf(warnings, 1)
      }), (root) => {
      const bytes = KvpRecord.encode([event("a"), event("b"), event("c")])
      bytes[KvpRecord.recordSize] = 0xff
      writeFileSync(poolOf(root), bytes)
    }))

  // The helper is a real process with a real deadline: a clock that the test moves could pass it before the helper has
  // answered.
  it.live("waits until another process releases the pool's lock", () =>
    withHost(({ kvp, pool }) =>
      Effect.gen(function*() {
        writeFileSync(pool, "")
        // Holds the lock until it has put a record there, which must then come first.
        const record = KvpRecord.encode([{ key: "CLOUD_INIT|x", value: "v" }])
        const holder = spawn("flock", ["-x", pool, "sh", "-c", "echo locked; cat >> \"$0\"", pool])
        yield* Effect.callback<void>((resume) => void holder.stdout.once("data", () => resume(Effect.void)))
        kvp.offer(event("a"))
        const flushed = yield* Effect.forkChild(kvp.flush)
        setImmediate(() => holder.stdin.end(record))
        yield* Fiber.join(flushed)
        assert.deepStrictEqual(decoded(pool), [{ key: "CLOUD_INIT|x", value: "v" }, event("a")])
      })
    ))

  it.effect("touches no file when the settings turn diagnostics off", () =>
    Effect.gen(function*() {
      const root = yield* host
      yield* Kvp.use((kvp) =>
        Effect.gen(function*() {
          kvp.offer(event("a"))
          kvp.offer(report)
          yield* kvp.flush
          assert.deepStrictEqual(yield* kvp.entries, [])
        })
      ).pipe(Effect.provide(liveBelow(root, false)))
      assert.isFalse(existsSync(poolOf(root)))
    }))
})

describe("Kvp: test", () => {
  it.effect("fails as scripted, keeps what it could not write, and tells what was offered and flushed", () =>
    Effect.gen(function*() {
      const fake = Test.make({ flushes: [{ failure: "ENOSPC" }, "stored"] })
      yield* Kvp.use((kvp) =>
        Effect.gen(function*() {
          kvp.offer(event("a"))
          assert.include((yield* Effect.flip(kvp.flush)).message, "ENOSPC")
          kvp.offer(event("b"))
          yield* kvp.flush
        })
      ).pipe(Effect.provide(fake.layer))
      assert.deepStrictEqual(fake.calls, {
        offered: [event("a"), event("b")],
        flushed: [[event("a"), event("b")]]
      })
    }))
})
