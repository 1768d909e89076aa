import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type { LogLevel, Severity } from "effect/LogLevel"
import type * as Option from "effect/Option"
import type * as Path from "effect/Path"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as Tracer from "effect/Tracer"
import type { Level } from "../domain/LogFilter.ts"
import * as Filter from "../domain/LogFilter.ts"
import type { KvpOrigin, LogRecord } from "../domain/LogRecord.ts"
import * as Format from "../domain/LogRecord.ts"
import { CurrentSettings } from "../services/CurrentSettings.ts"
import { Kvp } from "../services/Kvp.ts"
import type { Linux } from "../services/Linux.ts"
import { Paths } from "../services/Paths.ts"
import * as Filters from "./telemetry/filters.ts"
import * as Sinks from "./telemetry/sinks.ts"
import * as Spans from "./telemetry/spans.ts"
import type { StandardError } from "./telemetry/standardError.ts"

/** Where the agent's telemetry goes, beside the settings. */
export interface Options {
  /** `AZURE_INIT_LOG`: directives for the log file and standard error. */
  readonly logFilter: Option.Option<string>
  /**
   * `AZURE_INIT_KVP_FILTER`; without it `telemetry.kvp_filter` of the settings counts, and then azure-init's default.
   */
  readonly kvpFilter: Option.Option<string>
  /** The VM id as it stands in the keys of KVP records. */
  readonly vmId: string
  readonly standardError: StandardError
}

/** A hung boot must be visible to the host, and telemetry must not keep a small VM busy. */
const flushInterval = "1 second"

/**
 * Logs and spans of everything that it is provided to, in azure-init's formats: the log file and a journal (lines), and
 * KVP (events inside spans, and ends of spans); for a person on standard error the events alone. It replaces Effect's
 * own loggers, which write to stdout.
 *
 * Spans bear azure-init's KVP names, `module:function` (`http:request`, `azure_init:provision`), from which the log
 * target and the name in a line follow. Spans of other names, such as those of Effect's HTTP client, leave no trace.
 * Lines are in the log file before the logging call returns, so that their order is that of the events and none is
 * lost; nothing waits for a reader of standard error.
 *
 * What is queued for KVP is flushed every second and when the scope closes. A failure of a filter, the log file or KVP
 * is itself logged, and never ends the work.
 */
export const layer = (options: Options): Layer.Layer<never, never, CurrentSettings | Kvp | Linux | Path.Path> =>
  Layer.effectContext(Effect.gen(function*() {
    const paths = yield* Paths
    const settings = yield* CurrentSettings
    const kvp = yield* Kvp
    const clock = yield* Clock.Clock

    const log = Filters.parse("AZURE_INIT_LOG", options.logFilter)
    const environment = Filters.parse("AZURE_INIT_KVP_FILTER", options.kvpFilter)
    const configured = Filters.parse("telemetry.kvp_filter", settings.telemetry.kvpFilter)
    const kvpFilter = environment.filter ?? configured.filter ?? Filter.kvpDefault

    const sinks = yield* Sinks.make({
      standardError: options.standardError,
      logFile: `${paths.root}${settings.azureInitLogPath.path}`,
      filter: log.filter,
      clock
    })
    const origin = (name: string): KvpOrigin => ({ vmId: options.vmId, name, id: SecureRandom.uuidV4Unsafe() })

    const { flush: tellOfBegun, tracer } = Spans.make(clock, {
      began: sinks.span,
      ended: (span, record, start, end) => {
        sinks.span(record)
        if (Filter.passes(kvpFilter, record)) kvp.offer(Format.kvpSpan(origin(span.name), record.level, start, end))
      }
    })
    const logger = Logger.make<unknown, void>((event) => {
      tellOfBegun()
      const span = Spans.nearest(event.fiber.cache.span)
      const record = recordOf(event, span)
      sinks.event(record)
      if (span !== undefined && Filter.passes(kvpFilter, record)) kvp.offer(Format.kvpEvent(origin(span.name), record))
    })

    const context = Context.make(References.CurrentLoggers, new Set([logger])).pipe(
      Context.add(References.MinimumLogLevel, severities[Filter.leastGrave([...sinks.filters, kvpFilter])]),
      Context.add(Tracer.Tracer, tracer)
    )
    const flush = Effect.andThen(Effect.sync(sinks.pump), flushing(kvp)).pipe(Effect.provideContext(context))
    yield* Effect.addFinalizer(() => flush)
    yield* Effect.forkScoped(Effect.repeat(flush, Schedule.spaced(flushInterval)))

    yield* Effect.forEach([log, environment, configured], ({ problem }) =>
      problem === undefined
        ? Effect.void
        : Effect.logWarning("A filter, or a part of it, is wrong and has no effect", problem)).pipe(
        Effect.provideContext(context)
      )
    return context
  }))

/** Writes what is queued for the host; a failure is logged once until it is over. */
const flushing = (kvp: Kvp["Service"]): Effect.Effect<void> => {
  let complained = false
  return kvp.flush.pipe(
    Effect.andThen(Effect.sync(() => {
      complained = false
    })),
    Effect.catch((error) => {
      if (complained) return Effect.void
      complained = true
      return Effect.logWarning("The host does not get telemetry at the moment", { error: error.message })
    })
  )
}

/** An event of Effect's as a record, with its annotations and cause as fields. */
const recordOf = (
  { cause, fiber, logLevel, message }: Logger.Options<unknown>,
  span: Spans.AgentSpan | undefined
): LogRecord => {
  const said = Format.fromMessage(message)
  return {
    ...span?.record(0n, "") ?? Sinks.outside(0n, "INFO"),
    at: fiber.getRef(Clock.Clock).currentTimeNanosUnsafe(),
    level: levelOf(logLevel),
    message: said.message,
    fields: [
      ...said.fields,
      ...Object.entries(fiber.getRef(References.CurrentLogAnnotations)),
      ...(cause.reasons.length === 0 ? [] : [["cause", cause] as const])
    ]
  }
}

const severities: Readonly<Record<Level, Severity>> = {
  ERROR: "Error",
  WARN: "Warn",
  INFO: "Info",
  DEBUG: "Debug",
  TRACE: "Trace"
}

const levelOf = (level: LogLevel): Level => {
  switch (level) {
    case "Fatal":
    case "Error":
      return "ERROR"
    case "Warn":
      return "WARN"
    case "Debug":
      return "DEBUG"
    case "Trace":
    case "All":
      return "TRACE"
    default:
      return "INFO"
  }
}
