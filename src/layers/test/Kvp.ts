import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { KvpEntry } from "../../domain/KvpRecord.ts"
import * as KvpRecord from "../../domain/KvpRecord.ts"
import { KvpError } from "../../errors/KvpError.ts"
import { Kvp } from "../../services/Kvp.ts"

/**
 * What one flush that has something to write does: stores it, or fails with this detail (such as `ENOSPC`) and leaves
 * it queued.
 */
export type Flush = "stored" | { readonly failure: string }

/** What a test can look at afterwards. */
export interface Calls {
  /** Every entry that was offered, in order. */
  readonly offered: ReadonlyArray<KvpEntry>
  /** The entries of every flush that stored some. */
  readonly flushed: ReadonlyArray<ReadonlyArray<KvpEntry>>
}

/**
 * A {@link Kvp} with a pool in memory, which places and decodes records as the live one does.
 *
 * `flushes` are the answers of the flushes with something to write, in order; the last one repeats, and without any all
 * store.
 */
export const make = (script: { readonly flushes?: ReadonlyArray<Flush> } = {}): {
  readonly layer: Layer.Layer<Kvp>
  readonly calls: Calls
} => {
  const offered: Array<KvpEntry> = []
  const flushed: Array<ReadonlyArray<KvpEntry>> = []
  const queue: Array<KvpEntry> = []
  let pool = new Uint8Array()
  let attempts = 0

  const flush = Effect.suspend(() => {
    if (queue.length === 0) return Effect.void
    const answer = script.flushes?.[Math.min(attempts++, script.flushes.length - 1)] ?? "stored"
    if (answer !== "stored") {
      return Effect.fail(new KvpError({ operation: "write", path: "in memory", detail: answer.failure }))
    }
    const batch = queue.splice(0)
    const { keep, writes } = KvpRecord.place(pool, batch)
    for (const { bytes, offset } of writes) {
      const next = new Uint8Array(Math.max(keep, pool.length, offset + bytes.length))
      next.set(pool)
      next.set(bytes, offset)
      pool = next
    }
    flushed.push(batch)
    return Effect.void
  })

  return {
    layer: Layer.succeed(
      Kvp,
      Kvp.of({
        offer: (entry) => {
          offered.push(entry)
          queue.push(entry)
        },
        flush,
        entries: Effect.sync(() => KvpRecord.decodePool(pool).entries)
      })
    ),
    calls: { offered, flushed }
  }
}
