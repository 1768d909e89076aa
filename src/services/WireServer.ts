import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { WireServerError } from "../errors/WireServerError.ts"

/**
 * Azure's health endpoint. `ready` and `failed` end when Azure has accepted the report (any 2xx), or fail when the
 * deadline has passed: no refusal counts before, since nobody else will tell Azure. `inProgress` asks once, and its
 * connection is closed when it is interrupted.
 */
export class WireServer extends Context.Service<WireServer, {
  readonly ready: Effect.Effect<void, WireServerError>
  readonly inProgress: (description: string) => Effect.Effect<void, WireServerError>
  readonly failed: (description: string) => Effect.Effect<void, WireServerError>
}>()("azure-init/services/WireServer") {}
