import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type { OvfEnvironment } from "../domain/OvfEnvironment.ts"
import type { MediaError } from "../errors/MediaError.ts"

/**
 * The OVF environment of the provisioning disc. `Option.none` when there is no disc, when no disc holds `ovf-env.xml`, or when
 * the settings turn media off; a failure when there is one that cannot be read or understood.
 */
export class ProvisioningMedia extends Context.Service<ProvisioningMedia, {
  readonly environment: Effect.Effect<Option.Option<OvfEnvironment>, MediaError>
}>()("azure-init/services/ProvisioningMedia") {}
