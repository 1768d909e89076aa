import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import * as KvpRecord from "../../../src/domain/KvpRecord.ts"
import { reportKey } from "../../../src/domain/ProvisioningReport.ts"
import * as KvpLive from "../../../src/layers/live/Kvp.ts"
import { Kvp } from "../../../src/services/Kvp.ts"
import { pathsBelow } from "../../support/host.ts"
import type { Target } from "../target.ts"
import { fixtures, outcome, promise, settings } from "./common.ts"

/** Applies a batch to a pool as the live layer does. */
const placed = (pool: Uint8Array, batch: ReadonlyArray<KvpRecord.KvpEntry>): Uint8Array => {
  const { keep, writes } = KvpRecord.place(pool, batch)
  const result = Buffer.alloc(Math.max(keep, ...writes.map(({ bytes, offset }) => offset + bytes.length)))
  result.set(pool.subarray(0, keep))
  for (const { bytes, offset } of writes) result.set(bytes, offset)
  return result
}

/** A pool file: reading it, and adding to it. */
export const kvp: Target = {
  name: "kvp",
  documents: () => [
    new Uint8Array(),
    readFileSync(new URL("golden/first-boot/kvp_pool_1.bin", fixtures)),
    KvpRecord.encode([
      ...KvpRecord.records({ key: "CLOUD_INIT|1|2024-01-01|00000000", value: "{\"name\":\"init-local\"}" }),
      ...KvpRecord.records({ key: "azure-init-0.1.1|vm|INFO|http:get|id", value: "é😀x".repeat(700) }),
      ...KvpRecord.records({ key: reportKey, value: "result=success|agent=Azure-Init/0.1.1|vm_id=0" }),
      ...KvpRecord.records({ key: "k".repeat(400), value: "v" })
    ]),
    KvpRecord.encode(
      Array.from({ length: 400 }, (_, index) => ({ key: `azure-init-${index}|0`, value: "v".repeat(1022) }))
    )
  ],
  words: [
    "|0",
    "|1",
    "|2",
    "azure-init-",
    reportKey,
    "\0",
    "\0".repeat(512),
    "\0".repeat(2048),
    "x".repeat(2560),
    "result=success|",
    "v".repeat(1022)
  ],
  open: (directory) =>
    Effect.gen(function*() {
      const pool = `${directory}/var/lib/hyperv/.kvp_pool_1`
      mkdirSync(dirname(pool), { recursive: true })
      const service = yield* Kvp.pipe(
        Effect.provide(KvpLive.layer.pipe(Layer.provide([pathsBelow(directory), settings])))
      )
      return (bytes) =>
        Effect.suspend(() => {
          writeFileSync(pool, bytes)
          return outcome(service.entries, (entries) => {
            const report = { key: reportKey, value: `result=error|reason=${entries.length}` }
            const after = KvpRecord.decodePool(placed(bytes, [report])).entries
            promise(
              after.some(({ key, value }) => key === report.key && value === report.value),
              "the report is in the pool"
            )
            return `${entries.length > 0} ${after.length - entries.length}`
          })
        })
    })
}
