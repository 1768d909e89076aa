import * as Effect from "effect/Effect"

/** Lets real events happen until the condition holds; the test's own time limit ends it otherwise. */
export const turnsUntil = (condition: () => boolean, between: Effect.Effect<void> = Effect.void): Effect.Effect<void> =>
  Effect.suspend(() =>
    condition()
      ? Effect.void
      : between.pipe(
        Effect.andThen(Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))),
        Effect.andThen(turnsUntil(condition, between))
      )
  )
