import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { FileError } from "../../src/errors/FileError.ts"
import { WireServerError } from "../../src/errors/WireServerError.ts"
import * as TestKvp from "../../src/layers/test/Kvp.ts"
import * as TestWireServer from "../../src/layers/test/WireServer.ts"
import { reportFailure, reportInProgress, reportReady } from "../../src/programs/report.ts"
import type { CurrentSettings } from "../../src/services/CurrentSettings.ts"
import type { Kvp } from "../../src/services/Kvp.ts"
import type { WireServer } from "../../src/services/WireServer.ts"
import { vmId } from "../support/agent.ts"
import { settingsWith } from "../support/host.ts"
import { platformSettings } from "../support/platformSettings.ts"
import { telling, type Told } from "../support/told.ts"

const refused = new WireServerError({
  endpoint: "http://127.0.0.1/health",
  state: "NotReady",
  detail: "HTTP 403",
  status: 403,
  attempts: 1
})
const failure = new FileError({ operation: "write", path: "/a", detail: "x".repeat(3000) })

/** Runs a report, with a pool that is full at first when asked; what it said and did. */
const reporting = <E>(
  work: Effect.Effect<void, E, Kvp | WireServer | CurrentSettings>,
  options: { readonly full?: boolean; readonly answer?: TestWireServer.Answer } = {}
) =>
  Effect.gen(function*() {
    const kvp = TestKvp.make(options.full === true ? { flushes: [{ failure: "ENOSPC" }] } : {})
    const wireServer = TestWireServer.make([options.answer ?? "accepts"])
    const told: Told = { logged: [], spans: [] }
    const { wireserver } = platformSettings()
    const result = yield* Effect.result(telling(told, work)).pipe(
      Effect.provide(Layer.mergeAll(
        kvp.layer,
        wireServer.layer,
        settingsWith({ wireserver: { ...wireserver, reportInProgress: true } })
      ))
    )
    return { result: result._tag, calls: wireServer.calls, offered: kvp.calls.offered, logged: told.logged }
  })

describe("reports", () => {
  for (const [name, work] of [["ready", reportReady(vmId)], ["failed", reportFailure(vmId, [failure])]] as const) {
    it.effect(`puts the report into KVP and the log, and tells Azure: ${name}`, () =>
      Effect.gen(function*() {
        const { calls, logged, offered, result } = yield* reporting(work)
        assert.strictEqual(result, "Success")
        assert.deepStrictEqual(calls.map(({ end, report }) => [report, end]), [[name, "accepted"]])
        assert.deepStrictEqual(offered.map(({ key }) => key), ["PROVISIONING_REPORT"])
        assert.isAtMost(Buffer.byteLength(offered[0]?.value ?? ""), 1022)
        assert.strictEqual(JSON.stringify(logged).includes("The report on this boot"), true)
        assert.include(JSON.stringify(logged), JSON.stringify(offered[0]?.value))
      }))

    it.effect(`tells Azure even when KVP takes nothing, and says so: ${name}`, () =>
      Effect.gen(function*() {
        const { calls, logged, result } = yield* reporting(work, { full: true })
        assert.strictEqual(result, "Success")
        assert.lengthOf(calls, 1)
        assert.match(JSON.stringify(logged), /\["Telemetry did not reach KVP",\{"error":"[^"]*ENOSPC/)
      }))

    it.effect(`fails when Azure does not take it: ${name}`, () =>
      Effect.map(reporting(work, { answer: refused }), ({ result }) => assert.strictEqual(result, "Failure")))
  }

  it.effect("gives Azure more of a long failure than KVP can hold", () =>
    Effect.gen(function*() {
      const { calls, offered } = yield* reporting(reportFailure(vmId, [failure]))
      const description = calls[0]?.description ?? ""
      assert.isAbove(description.length, 3000)
      assert.isTrue(description.startsWith(offered[0]?.value ?? "none"))
    }))

  it.effect("is under way before the work, however soon that ends", () =>
    Effect.gen(function*() {
      const { calls } = yield* reporting(Effect.scoped(reportInProgress(vmId)))
      assert.deepStrictEqual(calls.map(({ report }) => report), ["inProgress"])
    }))

  it.effect("goes on when Azure does not take the in-progress report, and says so", () =>
    Effect.gen(function*() {
      const { calls, logged, result } = yield* reporting(
        Effect.scoped(Effect.andThen(reportInProgress(vmId), Effect.yieldNow.pipe(Effect.repeat({ times: 20 })))),
        { answer: refused }
      )
      assert.strictEqual(result, "Success")
      assert.deepStrictEqual(calls.map(({ description, report }) => [report, description]), [
        ["inProgress", `Provisioning is still in progress for vm_id=${vmId}.`]
      ])
      assert.deepStrictEqual(logged, [["Azure did not take the in-progress report", { error: refused.message }]])
    }))
})
