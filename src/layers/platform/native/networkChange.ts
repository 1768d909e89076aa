import * as Effect from "effect/Effect"
import type { Natives } from "../../../../runtime/natives.d.ts"

/** `NetworkChange` by rtnetlink(7); it never ends where the kernel has none. */
export const networkChange = (system: Natives): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const socket = system.routeChanges()
    if (socket < 0) return
    const close = () => {
      system.unwatch(socket)
      system.close(socket)
    }
    system.watch(socket, system.constants["POLLIN"] ?? 0, () => {
      close()
      resume(Effect.void)
    })
    return Effect.sync(close)
  })
