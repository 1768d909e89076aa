import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { VmId } from "../domain/VmId.ts"
import type { FileError } from "../errors/FileError.ts"

/** How far this VM has come: nothing is known of it, all its work is done, or Azure has accepted Ready as well. */
export type Progress = "unprovisioned" | "configured" | "reported"

/**
 * What has been configured and what has been reported, for this VM, durable against a power cut.
 *
 * Markers of the same id in the other byte order count; ids are lower case. `clean` removes the markers of every VM and
 * returns their paths. `lock` keeps a second agent out until the scope closes, and waits at most the given time for the
 * first.
 */
export class ProvisioningState extends Context.Service<ProvisioningState, {
  readonly progress: (vmId: VmId) => Effect.Effect<Progress>
  readonly markConfigured: (vmId: VmId) => Effect.Effect<void, FileError>
  readonly markReported: (vmId: VmId) => Effect.Effect<void, FileError>
  readonly clean: Effect.Effect<ReadonlyArray<string>, FileError>
  readonly lock: (wait: Duration.Input) => Effect.Effect<void, FileError, Scope.Scope>
}>()("azure-init/services/ProvisioningState") {}
