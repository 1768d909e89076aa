import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import type { Natives } from "../../../../runtime/natives.d.ts"

/** As of Node.ts. */
const umask = 0o022

/** As of Node.ts; a second signal ends the process at once. */
export const runMain = <A, E>(system: Natives, agent: Effect.Effect<A, E>): void =>
  Effect.sync(() => system.umask(umask)).pipe(
    Effect.andThen(agent),
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env: { ...system.env } })),
    Runtime.makeRunMain(({ fiber, teardown }) => {
      system.onSignal(() => fiber.interruptUnsafe(fiber.id))
      fiber.addObserver((exit) => teardown(exit, (code) => system.exit(code)))
    })
  )
