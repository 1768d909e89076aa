import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import * as Outlet from "../../../src/layers/telemetry/Outlet.ts"
import type { Output } from "../../../src/services/Linux.ts"

/** An output that takes as many bytes as `take` says. */
const scripted = (take: () => number) => {
  const taken: Array<Uint8Array> = []
  const output: Output = {
    write: (bytes) => {
      const count = Math.min(take(), bytes.length)
      taken.push(bytes.slice(0, count))
      return count
    }
  }
  return { outlet: Outlet.make(output, (count) => `(${count} lost)\n`), text: () => Buffer.concat(taken).toString() }
}

describe("Outlet", () => {
  it("passes lines on at once and in order, also where the output takes them byte by byte", () => {
    for (const bytes of [1, 3, 1000]) {
      const { outlet, text } = scripted(() => bytes)
      outlet.tell("één\n")
      assert.strictEqual(text(), "één\n")
      outlet.tell("two\n")
      assert.strictEqual(text(), "één\ntwo\n")
    }
  })

  it("keeps what is not taken, with the rest of a line that was taken in part", () => {
    let room = 2
    const { outlet, text } = scripted(() => {
      const now = room
      room = 0
      return now
    })
    outlet.tell("one\n")
    outlet.tell("two\n")
    assert.strictEqual(text(), "on")
    room = 100
    outlet.pump()
    assert.strictEqual(text(), "one\n")
    room = 100
    outlet.pump()
    assert.strictEqual(text(), "one\ntwo\n")
  })

  it("keeps 64 KiB, drops the rest, and tells the number in its place", () => {
    let reads = false
    const { outlet, text } = scripted(() => reads ? 1000 : 0)
    const line = `${"x".repeat(1023)}\n`
    for (let index = 0; index < 100; index++) outlet.tell(line)
    reads = true
    outlet.tell("after\n")
    assert.strictEqual(text(), `${line.repeat(64)}(36 lost)\nafter\n`)
  })

  it.effect("survives an output that is gone, and counts what is lost with it", () =>
    Effect.gen(function*() {
      const outlet = Outlet.make({
        write: () => {
          throw new Error("EPIPE")
        }
      }, (count) => `${count}\n`)
      for (let index = 0; index < 3; index++) outlet.tell("line\n")
      assert.isAtLeast(yield* outlet.finish, 3)
    }))

  it.effect("ends at once when all is taken", () =>
    Effect.gen(function*() {
      const { outlet } = scripted(() => 100)
      outlet.tell("line\n")
      assert.strictEqual(yield* outlet.finish, 0)
    }))

  it.effect("waits a second at the end for a reader, and takes what is read within", () =>
    Effect.gen(function*() {
      let reads = false
      const { outlet, text } = scripted(() => reads ? 100 : 0)
      outlet.tell("line\n")
      const end = yield* Effect.forkChild(outlet.finish)
      yield* TestClock.adjust("900 millis")
      assert.strictEqual(text(), "")
      reads = true
      yield* TestClock.adjust("20 millis")
      assert.strictEqual(yield* Fiber.join(end), 0)
      assert.strictEqual(text(), "line\n")

      const never = scripted(() => 0)
      never.outlet.tell("line\n")
      const gaveUp = yield* Effect.forkChild(never.outlet.finish)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(gaveUp), 1)
    }))
})
