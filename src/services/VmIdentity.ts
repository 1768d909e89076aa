import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { VmId } from "../domain/VmId.ts"
import type { VmIdentityError } from "../errors/VmIdentityError.ts"

/**
 * Who this VM is, from its own files alone.
 *
 * `vmId` is the id as Azure prints it. `platform` compares the chassis asset tag with Azure's; `unknown` where the host
 * shows no tag (a container). `software` names the kernel's release and the `VERSION_ID` of `/etc/os-release`, for the
 * log.
 */
export class VmIdentity extends Context.Service<VmIdentity, {
  readonly vmId: Effect.Effect<VmId, VmIdentityError>
  readonly platform: Effect.Effect<"azure" | "other" | "unknown">
  readonly software: Effect.Effect<{ readonly kernel: string; readonly os: string }>
}>()("azure-init/services/VmIdentity") {}
