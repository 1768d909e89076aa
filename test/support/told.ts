import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Tracer from "effect/Tracer"

/** What a piece of work has logged (a message and its fields) and the names of its spans, in order. */
export interface Told {
  readonly logged: Array<unknown>
  readonly spans: Array<string>
}

/** Runs the work and notes what it tells. */
export const telling = <A, E, R>(told: Told, work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  work.pipe(
    Effect.withTracer(Tracer.make({
      span: (options) => {
        told.spans.push(options.name)
        return new Tracer.NativeSpan(options)
      }
    })),
    Effect.provide(Logger.layer([Logger.make(({ message }) => void told.logged.push(message))]))
  )
