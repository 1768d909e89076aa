import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type { OvfEnvironment } from "../domain/OvfEnvironment.ts"
import type { MediaError } from "../errors/MediaError.ts"

/**
 * The provisioning disc.
 *
 * `environment` is its OVF environment: `Option.none` when there is no disc, when no disc holds `ovf-env.xml`, or when
 * the settings turn media off; a failure when there is one that cannot be read or understood. It leaves nothing mounted
 * where the host lets it; `released` fails when the host has not let it, after one more attempt.
 */
export class ProvisioningMedia extends Context.Service<ProvisioningMedia, {
  readonly environment: Effect.Effect<Option.Option<OvfEnvironment>, MediaError>
  readonly released: Effect.Effect<void, MediaError>
}>()("azure-init/services/ProvisioningMedia") {}
