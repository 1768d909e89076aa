import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"

/** One event of the log: its level, its message and its fields where it has some. */
export type Entry = readonly [level: string, message: unknown, fields?: unknown]

/** Runs the work and collects what it logs at DEBUG and above, in order. */
export const logging = <A, E, R>(entries: Array<Entry>, work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provide(
    work,
    Layer.merge(
      Logger.layer([Logger.make(({ logLevel, message }) => {
        const [text, fields] = Array.isArray(message) ? message : [message]
        entries.push(fields === undefined ? [logLevel, text] : [logLevel, text, fields])
      })]),
      Layer.succeed(References.MinimumLogLevel, "Debug")
    )
  )
