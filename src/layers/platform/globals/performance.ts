import type { Natives } from "../../../../runtime/natives.d.ts"

/** `performance`: milliseconds since the program's start, by the monotonic clock. */
export const make = (system: Pick<Natives, "monotonicMs" | "realtime">) => {
  const started = system.monotonicMs()
  return {
    now: () => system.monotonicMs() - started,
    timeOrigin: Number(system.realtime() / 1000n) / 1000
  }
}
