import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/**
 * Ends when the kernel tells of an address or a route that has come or gone, from when it is run. It never ends where
 * the platform cannot hear of that, as on Node: a wait for the network needs a second reason to end.
 */
export const NetworkChange = Context.Reference<Effect.Effect<void>>("azure-init/services/NetworkChange", {
  defaultValue: () => Effect.never
})
