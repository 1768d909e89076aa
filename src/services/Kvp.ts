import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { KvpEntry } from "../domain/KvpRecord.ts"
import type { KvpError } from "../errors/KvpError.ts"

/**
 * The Hyper-V KVP pool that the host reads (`/var/lib/hyperv/.kvp_pool_1`, the guest's pool).
 *
 * `offer` queues an entry; it is synchronous because loggers and tracers call it. `flush` writes everything queued in
 * one go under the pool's lock, and succeeds at once when the pool is not there. `entries` decodes the file; chunks of
 * one value are joined.
 */
export class Kvp extends Context.Service<Kvp, {
  readonly offer: (entry: KvpEntry) => void
  readonly flush: Effect.Effect<void, KvpError>
  readonly entries: Effect.Effect<ReadonlyArray<KvpEntry>, KvpError>
}>()("azure-init/services/Kvp") {}
