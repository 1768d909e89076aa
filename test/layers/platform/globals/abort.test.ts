import { assert, describe, it } from "@effect/vitest"
import * as Ours from "../../../../src/layers/platform/globals/abort.ts"

for (
  const [name, { AbortController, AbortSignal, DOMException }] of [
    ["ours", Ours],
    ["the platform's own", globalThis]
  ] as const
) {
  describe(`AbortController: ${name}`, () => {
    it("tells its listeners once, in order, and those that are gone not at all", () => {
      const controller = new AbortController()
      const told: Array<string> = []
      const gone = () => told.push("gone")
      // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the property itself is what is compared.
      controller.signal.onabort = (event: { readonly type: string }) => told.push(`on${event.type}`)
      controller.signal.addEventListener("abort", () => {
        told.push("first")
        controller.signal.removeEventListener("abort", gone)
      })
      controller.signal.addEventListener("abort", gone)
      controller.signal.addEventListener("abort", { handleEvent: () => told.push("object") }, { once: true })
      controller.signal.addEventListener("other", () => told.push("other"))
      controller.abort()
      controller.abort()
      assert.deepStrictEqual(told, ["onabort", "first", "object"])
    })

    it("has a reason, an AbortError when none is given", () => {
      const controller = new AbortController()
      assert.isFalse(controller.signal.aborted)
      controller.signal.throwIfAborted()
      controller.abort()
      assert.isTrue(controller.signal.aborted)
      const { reason }: { readonly reason: unknown } = controller.signal
      assert.instanceOf(reason, DOMException)
      assert.include(reason, { name: "AbortError", message: "This operation was aborted", code: 20 })
      assert.throws(() => controller.signal.throwIfAborted(), "This operation was aborted")
      assert.strictEqual(AbortSignal.abort("why").reason, "why")
    })

    it("registers a listener once", () => {
      const controller = new AbortController()
      let count = 0
      const listener = () => void count++
      controller.signal.addEventListener("abort", listener)
      controller.signal.addEventListener("abort", listener)
      controller.abort()
      assert.strictEqual(count, 1)
    })
  })
}
