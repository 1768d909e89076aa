import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Hostname } from "../domain/Hostname.ts"
import { HostnameError } from "../errors/HostnameError.ts"
import { buildAll, firstSuccess } from "./firstOf.ts"

/** Sets the kernel's and the static hostname. */
export class HostnameProvisioner extends Context.Service<HostnameProvisioner, {
  readonly set: (hostname: Hostname) => Effect.Effect<void, HostnameError>
}>()("azure-init/services/HostnameProvisioner") {
  /** The first of the given layers that succeeds, in their order, at each call; all causes when none does. */
  static readonly firstOf = <E, R>(
    layers: ReadonlyArray<Layer.Layer<HostnameProvisioner, E, R>>
  ): Layer.Layer<HostnameProvisioner, E, R> =>
    Layer.effect(
      HostnameProvisioner,
      Effect.gen(function*() {
        const backends = yield* buildAll(HostnameProvisioner, layers)
        return HostnameProvisioner.of({
          set: (hostname) =>
            firstSuccess(backends, (b) => b.set(hostname), (failures) =>
              new HostnameError({
                hostname,
                detail: failures.map((failure) => failure.detail).join("; ") || "no backend is configured"
              }))
        })
      })
    )
}
