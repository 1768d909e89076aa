import type { Natives, Ticket } from "../../../../runtime/natives.d.ts"

/** The longest that a timer of the HTML Standard waits, in milliseconds; for longer ones Node has it fire at once. */
const longest = 2 ** 31 - 1

const durationOf = (milliseconds: number | undefined): number => {
  const duration = Math.trunc(Number(milliseconds))
  return duration >= 1 && duration <= longest ? duration : 1
}

/** Timers by the runtime's loop; a timer is named by a number, as in browsers. */
export const make = (system: Pick<Natives, "setTimer" | "setImmediate" | "cancel">) => {
  const clear = (timer?: Ticket | null) => {
    if (typeof timer === "number") system.cancel(timer)
  }
  return {
    setTimeout: <A extends ReadonlyArray<unknown>>(
      work: (...args: A) => void,
      milliseconds?: number,
      ...args: A
    ): Ticket => system.setTimer(durationOf(milliseconds), false, () => work(...args)),
    setInterval: <A extends ReadonlyArray<unknown>>(
      work: (...args: A) => void,
      milliseconds?: number,
      ...args: A
    ): Ticket => system.setTimer(durationOf(milliseconds), true, () => work(...args)),
    setImmediate: <A extends ReadonlyArray<unknown>>(work: (...args: A) => void, ...args: A): Ticket =>
      system.setImmediate(() => work(...args)),
    clearTimeout: clear,
    clearInterval: clear,
    clearImmediate: clear
  }
}
