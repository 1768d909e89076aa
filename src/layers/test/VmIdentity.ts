import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { VmId } from "../../domain/VmId.ts"
import type { VmIdentityError } from "../../errors/VmIdentityError.ts"
import { VmIdentity } from "../../services/VmIdentity.ts"

/** A {@link VmIdentity} that is the given VM, or fails as the firmware would. On Azure unless said otherwise. */
export const make = (
  vmId: VmId | VmIdentityError,
  platform: "azure" | "other" | "unknown" = "azure"
): { readonly layer: Layer.Layer<VmIdentity> } => ({
  layer: Layer.succeed(
    VmIdentity,
    VmIdentity.of({
      vmId: typeof vmId === "string" ? Effect.succeed(vmId) : Effect.fail(vmId),
      platform: Effect.succeed(platform),
      software: Effect.succeed({ kernel: "6.1.0-test", os: "12" })
    })
  )
})
