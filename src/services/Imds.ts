import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { InstanceMetadata } from "../domain/InstanceMetadata.ts"
import type { ImdsError } from "../errors/ImdsError.ts"

/**
 * The Azure Instance Metadata Service: the instance's metadata, asked for until it is complete or the deadline has
 * passed.
 */
export class Imds extends Context.Service<Imds, {
  readonly instance: Effect.Effect<InstanceMetadata, ImdsError>
}>()("azure-init/services/Imds") {}
