import * as Effect from "effect/Effect"
import { NotRootError } from "../errors/NotRootError.ts"
import { Linux } from "../services/Linux.ts"

/**
 * Fails with {@link NotRootError}, whose message is for stderr, unless root runs the agent.
 *
 * Another user cannot read root's markers: the agent would provision and report a VM that is ready. It comes before the
 * settings and the telemetry, so that nothing is read, written or sent.
 */
export const requireRoot: Effect.Effect<void, NotRootError, Linux> = Linux.use(({ euid }) =>
  euid === 0 ? Effect.void : Effect.fail(new NotRootError({ uid: euid }))
)
