import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Tracer from "effect/Tracer"

/** What a piece of work has logged (a message and its fields) and the spans that it opened, in order. */
export interface Told {
  readonly logged: Array<unknown>
  readonly spans: Array<Tracer.Span>
}

/** Runs the work and notes what it tells. */
export const telling = <A, E, R>(told: Told, work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  work.pipe(
    Effect.withTracer(Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        told.spans.push(span)
        return span
      }
    })),
    Effect.provide(Logger.layer([Logger.make(({ message }) => void told.logged.push(message))]))
  )
