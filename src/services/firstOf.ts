import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"

/**
 * The services of several layers of one concern, in the order given, each built once.
 *
 * What `X.firstOf([a, b])` of the concerns with several backends is made of.
 */
export const buildAll = <I, S, E, R>(
  tag: Context.Key<I, S>,
  layers: ReadonlyArray<Layer.Layer<I, E, R>>
): Effect.Effect<ReadonlyArray<S>, E, R | Scope.Scope> =>
  Effect.forEach(layers, (layer) => Effect.map(Layer.build(layer), (context) => Context.get(context, tag)))

/**
 * Tries one call on each backend in turn until one succeeds, as azure-init does with its `backends` lists.
 *
 * Every failure is kept: `onFailure` gets all of them, in order, and none when the list is empty.
 */
export const firstSuccess = <S, A, E extends { readonly message: string }, E2>(
  backends: ReadonlyArray<S>,
  call: (backend: S) => Effect.Effect<A, E>,
  onFailure: (failures: ReadonlyArray<E>) => E2
): Effect.Effect<A, E2> =>
  Effect.gen(function*() {
    const failures: Array<E> = []
    for (const backend of backends) {
      const outcome = yield* Effect.result(call(backend))
      if (outcome._tag === "Success") return outcome.success
      failures.push(outcome.failure)
      if (failures.length < backends.length) {
        yield* Effect.logWarning("A backend failed, trying the next one", { error: outcome.failure.message })
      }
    }
    return yield* Effect.fail(onFailure(failures))
  })
