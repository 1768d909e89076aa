import * as Effect from "effect/Effect"
import type { Natives, Ticket } from "../../../../runtime/natives.d.ts"
import { LinuxError } from "../../../errors/LinuxError.ts"
import { type Place, show } from "../../../services/Linux.ts"

/** The natives that explain an errno. */
type Words = Pick<Natives, "errorName" | "errorText">

/** The error of a negative errno, for what the call was about. */
export const errorOf = (system: Words, operation: string, place: Place, status: number): LinuxError => {
  const text = system.errorText(status)
  return new LinuxError({
    operation,
    path: show(place),
    code: system.errorName(status),
    detail: text.charAt(0).toLowerCase() + text.slice(1)
  })
}

/** A native's result as an effect: a negative number is a failure. */
const settle = <A>(system: Words, operation: string, place: Place, result: A): Effect.Effect<A, LinuxError> =>
  typeof result === "number" && result < 0
    ? Effect.fail(errorOf(system, operation, place, result))
    : Effect.succeed(result)

/** Makes a call whose result is a number, or that has none. */
export const attempt = (
  system: Words,
  operation: string,
  place: Place,
  call: () => number
): Effect.Effect<number, LinuxError> => Effect.suspend(() => settle(system, operation, place, call()))

/** Makes a call whose result is no number. */
export const attemptValue = <A extends object | string>(
  system: Words,
  operation: string,
  place: Place,
  call: () => A | number
): Effect.Effect<A, LinuxError> =>
  Effect.suspend(() => {
    const result = call()
    return typeof result === "number" ? Effect.fail(errorOf(system, operation, place, result)) : Effect.succeed(result)
  })

/** Makes a call on a thread of its own; interruption forgets it. */
export const offload = <A>(
  system: Words & Pick<Natives, "cancel">,
  operation: string,
  place: Place,
  call: (done: (result: A) => void) => Ticket
): Effect.Effect<A, LinuxError> =>
  Effect.callback((resume) => {
    const ticket = call((result) => resume(settle(system, operation, place, result)))
    return Effect.sync(() => system.cancel(ticket))
  })

/** As {@link offload}, of a call whose result is no number. */
export const offloadValue = <A extends object>(
  system: Words & Pick<Natives, "cancel">,
  operation: string,
  place: Place,
  call: (done: (result: A | number) => void) => Ticket
): Effect.Effect<A, LinuxError> =>
  Effect.callback((resume) => {
    const ticket = call((result) => resume(attemptValue(system, operation, place, () => result)))
    return Effect.sync(() => system.cancel(ticket))
  })
