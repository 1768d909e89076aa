import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import {
  existsSync,
  mkdirSync,
  realpathSync,
  rmdirSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync
} from "node:fs"
import * as KvpRecord from "../../src/domain/KvpRecord.ts"
import { bootTime, decoded, event, poolOf, report, withHost, writePool } from "../support/kvpHost.ts"
import { diskError, watchFiles } from "../support/watchedFiles.ts"

describe("Kvp: live, limits", () => {
  /** Four full pools, as its comment says. */
  const largest = 4 * 1024 * 2560

  it.effect("reads no pool of more than four full ones, neither to show nor to write, and leaves it as it is", () =>
    withHost(({ kvp, pool }) =>
      Effect.gen(function*() {
        const calls = yield* watchFiles()
        const detail = `it has ${largest + 1} bytes, more than ${largest}`
        kvp.offer(event("a"))
        for (const work of [kvp.entries, kvp.flush]) {
          const error = yield* Effect.flip(work)
          assert.deepStrictEqual([error.operation, error.path, error.detail], ["read", pool, detail])
        }
        assert.deepStrictEqual(calls.filter((call) => /^(read|write|truncate) .*kvp_pool/.test(call)), [])
        assert.strictEqual(statSync(pool).size, largest + 1)
      }).pipe(Effect.scoped), (root) => {
      writePool(root, [event("old")], bootTime)
      truncateSync(poolOf(root), largest + 1)
      utimesSync(poolOf(root), bootTime, bootTime)
    }))

  it.effect("reads a pool of four full ones", () =>
    withHost(({ kvp }) =>
      Effect.gen(function*() {
        assert.deepStrictEqual((yield* kvp.entries)[0], event("old"))
      }), (root) => {
      writePool(root, [event("old")], bootTime)
      truncateSync(poolOf(root), largest)
    }))

  it.effect("queues 1024 entries and, beyond that, reports alone", () =>
    withHost(({ kvp, logged, pool }) =>
      Effect.gen(function*() {
        for (let id = 0; id < 1022; id++) kvp.offer(event(String(id)))
        yield* kvp.flush
        assert.deepStrictEqual(logged, [])
        for (let id = 0; id < 2000; id++) kvp.offer(event("late"))
        kvp.offer(report)
        yield* kvp.flush
        yield* kvp.flush
        assert.lengthOf(decoded(pool), 1024)
        assert.deepStrictEqual(decoded(pool).slice(-2), [event("late"), report])
        // One of the 1024 had room; the others were never queued.
        assert.deepStrictEqual(logged, [[
          "The KVP pool is full: the host misses diagnostics from here on",
          { path: pool, omitted: 1023 }
        ]])
      })
    ))

  it.effect("cuts off a record that it could not write whole, and writes it with the next flush", () =>
    withHost(({ kvp, pool }) =>
      Effect.gen(function*() {
        kvp.offer(event("a"))
        yield* kvp.flush
        const size = statSync(pool).size
        kvp.offer(event("b"))
        const calls = yield* Effect.scoped(Effect.gen(function*() {
          const calls = yield* watchFiles({
            before: (call) => {
              if (!call.startsWith("write ")) return
              truncateSync(pool, size + 100)
              throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" })
            }
          })
          const error = yield* Effect.flip(kvp.flush)
          assert.deepStrictEqual([error.operation, error.path], ["write", pool])
          assert.include(error.detail, "ENOSPC")
          return calls
        }))
        assert.include(calls, `truncate ${realpathSync(pool)} ${size}`)
        assert.strictEqual(statSync(pool).size, size)
        yield* kvp.flush
        assert.deepStrictEqual(decoded(pool), [event("a"), event("b")])
      })
    ))

  it.effect("closes the pool after each flush and each look", () =>
    withHost(({ kvp, pool }) =>
      Effect.gen(function*() {
        const calls = yield* watchFiles()
        kvp.offer(event("a"))
        yield* kvp.flush
        yield* kvp.entries
        const file = realpathSync(pool)
        assert.deepStrictEqual(calls.filter((call) => /^(create|open|close) .*pool_1/.test(call)), [
          `create ${file} 600`,
          `close ${file}`,
          `open ${file}`,
          `close ${file}`
        ])
      }).pipe(Effect.scoped)
    ))
})

describe("Kvp: live, what it makes of a pool", () => {
  it.effect("makes no pool when there is nothing to write", () =>
    withHost(({ kvp, pool }) =>
      Effect.gen(function*() {
        yield* kvp.flush
        assert.isFalse(existsSync(pool))
      })
    ))

  it.effect("cuts off what is no whole record, and no whole one", () =>
    withHost(({ kvp, pool }) =>
      Effect.gen(function*() {
        const calls = yield* watchFiles()
        kvp.offer(event("a"))
        yield* kvp.flush
        assert.deepStrictEqual(decoded(pool), [event("old"), event("a")])
        assert.strictEqual(statSync(pool).size, 2 * KvpRecord.recordSize)
        kvp.offer(event("b"))
        yield* kvp.flush
        assert.deepStrictEqual(calls.filter((call) => call.startsWith("truncate ")), [
          `truncate ${realpathSync(pool)} ${KvpRecord.recordSize}`
        ])
      }).pipe(Effect.scoped), (root) => {
      writePool(root, [event("old"), event("torn")], bootTime)
      truncateSync(poolOf(root), KvpRecord.recordSize + 100)
    }))

  it.effect("says which pool it has emptied, and that it cannot tell", () =>
    Effect.gen(function*() {
      yield* withHost(({ kvp, logged, pool }) =>
        Effect.gen(function*() {
          kvp.offer(event("a"))
          yield* kvp.flush
          assert.deepStrictEqual(logged, [["Emptied the KVP pool of an earlier boot", { path: pool }]])
        }), (root) => writePool(root, [event("old")], bootTime - 1))
      for (const stat of ["xbtime 1700000000\n", "btime 1700000000x\n", "btime x\n"]) {
        yield* withHost(({ kvp, logged, root }) =>
          Effect.gen(function*() {
            kvp.offer(event("a"))
            yield* kvp.flush
            assert.deepStrictEqual(logged, [[
              "Cannot tell whether the KVP pool is from this boot, keeping it",
              { path: `${root}/proc/stat` }
            ]])
          }), (root) => {
          writePool(root, [event("old")], bootTime - 1)
          writeFileSync(`${root}/proc/stat`, stat)
        })
      }
    }))

  it.effect("reads a pool that has become shorter since it was looked at", () =>
    withHost(({ kvp, pool }) =>
      Effect.gen(function*() {
        yield* watchFiles({
          before: (call) => {
            if (call.startsWith("read ")) truncateSync(pool, KvpRecord.recordSize)
          }
        })
        assert.deepStrictEqual(yield* kvp.entries, [event("a")])
      }).pipe(Effect.scoped), (root) => writePool(root, [event("a"), event("b")], bootTime)))

  it.effect("keeps what is offered while it writes for the next flush", () =>
    withHost(({ kvp, pool }) =>
      Effect.gen(function*() {
        let offered = false
        yield* watchFiles({
          before: (call) => {
            if (!call.startsWith("write ") || offered) return
            offered = true
            kvp.offer(event("b"))
          }
        })
        kvp.offer(event("a"))
        yield* kvp.flush
        assert.deepStrictEqual(decoded(pool), [event("a")])
        yield* kvp.flush
        assert.deepStrictEqual(decoded(pool), [event("a"), event("b")])
      }).pipe(Effect.scoped)
    ))
})

describe("Kvp: live, what it says of a failure", () => {
  it.effect("names what was tried on the pool", () =>
    Effect.gen(function*() {
      for (
        const [call, operation] of [["fstat", "look at"], ["read", "read"], ["truncate", "truncate"], [
          "create",
          "open"
        ]]
      ) {
        yield* withHost(
          ({ kvp, pool }) =>
            Effect.gen(function*() {
              yield* watchFiles({
                before: (one) => {
                  if (one.replace(/ \d+$/, "") === `${call} ${realpathSync(pool)}`) throw diskError()
                }
              })
              kvp.offer(event("a"))
              const error = yield* Effect.flip(kvp.flush)
              assert.deepStrictEqual([error.operation, error.path, error.detail], [operation, pool, "EIO: i/o error"])
            }).pipe(Effect.scoped),
          (root) => writePool(root, [event("old")], call === "truncate" ? bootTime - 1 : bootTime)
        )
      }
    }))

  it.effect("names the pool's size as what was looked at", () =>
    withHost(({ kvp, pool }) =>
      Effect.gen(function*() {
        let looks = 0
        yield* watchFiles({
          before: (call) => {
            if (call === `fstat ${realpathSync(pool)}` && ++looks === 2) throw diskError()
          }
        })
        assert.strictEqual((yield* Effect.flip(kvp.entries)).operation, "look at")
      }).pipe(Effect.scoped), (root) => writePool(root, [event("old")], bootTime)))

  it.effect("says that what stands in the pool's place is no file", () =>
    withHost(({ kvp, pool }) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(kvp.entries)
        assert.deepStrictEqual([error.operation, error.path], ["open", pool])
      }), (root) => mkdirSync(poolOf(root))))

  it.effect("says once that there is no directory, and which record it left out", () =>
    Effect.gen(function*() {
      yield* withHost(({ kvp, logged, pool }) =>
        Effect.gen(function*() {
          kvp.offer(event("a"))
          yield* kvp.flush
          yield* kvp.flush
          assert.deepStrictEqual(logged, [[
            "There is no directory for the KVP pool: the host gets no telemetry (is hv_kvp_daemon installed?)",
            { path: pool }
          ]])
        }), (root) => rmdirSync(`${root}/var/lib/hyperv`))
      yield* withHost(({ kvp, logged, pool }) =>
        Effect.gen(function*() {
          yield* kvp.entries
          assert.deepStrictEqual(logged, [[
            "Left out a record of the KVP pool",
            { path: pool, problem: "record 0 has 4 bytes instead of 2560" }
          ]])
        }), (root) => writeFileSync(poolOf(root), "torn"))
    }))
})
