import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Level, LogFilter } from "../../domain/LogFilter.ts"
import * as Filter from "../../domain/LogFilter.ts"
import type { LogRecord } from "../../domain/LogRecord.ts"
import * as Format from "../../domain/LogRecord.ts"
import * as TerminalLine from "../../domain/TerminalLine.ts"
import * as LogFile from "./logFile.ts"
import * as Outlet from "./Outlet.ts"
import type { StandardError } from "./standardError.ts"

/** Where lines go: the log file and standard error. */
export interface Sinks {
  /** An event, for both. */
  readonly event: (record: LogRecord) => void
  /** The begin or end of a span, for those who read with a program: a person sees events. */
  readonly span: (record: LogRecord) => void
  /** What the sinks let pass. */
  readonly filters: ReadonlyArray<LogFilter>
  /** Offers what standard error did not take to it again. */
  readonly pump: () => void
}

interface Sink {
  readonly filter: LogFilter
  /** Whether it shows spans. */
  readonly spans: boolean
  readonly write: (record: LogRecord) => void
}

/** A record of the agent's that belongs to no span. */
export const outside = (at: bigint, level: Level): LogRecord => ({
  at,
  level,
  target: "azure_init",
  spans: [],
  message: "",
  fields: []
})

/** A line in azure-init's format, with the spans that the filter lets pass. */
const lineOf = (filter: LogFilter, record: LogRecord): string =>
  `${Format.formatLine({ ...record, spans: Filter.visibleSpans(filter, record.spans) })}\n`

/**
 * Standard error: in azure-init's format and ERROR for a journal, otherwise INFO for a person, unless a filter is
 * given.
 */
const toStandardError = (standard: StandardError, given: LogFilter | undefined, clock: Clock.Clock) => {
  const filter = given ?? Filter.atLevel(standard.journal ? "ERROR" : "INFO")
  const started = clock.monotonicTimeNanosUnsafe()
  const format = (record: LogRecord): string =>
    standard.journal
      ? lineOf(filter, record)
      : `${TerminalLine.format(record, clock.monotonicTimeNanosUnsafe() - started, standard.colours)}\n`
  const outlet = Outlet.make(standard.output, (count) =>
    format({
      ...outside(clock.currentTimeNanosUnsafe(), "WARN"),
      message: `${count} lines are missing here: nobody was reading. The log file has them`
    }))
  const sink: Sink = { filter, spans: standard.journal, write: (record) => outlet.tell(format(record)) }
  return { sink, outlet }
}

/** The log file; its own failure goes to `complain`, once until it is over. */
const toLogFile = (
  file: LogFile.LogFile,
  given: LogFilter | undefined,
  complain: (message: string, error: string) => void
): Sink => {
  const filter = given ?? Filter.atLevel("INFO")
  let complained = false
  return {
    filter,
    spans: true,
    write: (record) => {
      const written = file.write(lineOf(filter, record))
      if (Result.isFailure(written) && !complained) complain("Cannot write the log file", written.failure)
      complained = Result.isFailure(written)
    }
  }
}

/**
 * Opens the sinks for as long as the scope; what standard error has not taken by then is waited for, for a second at
 * most.
 */
export const make = Effect.fnUntraced(function*(options: {
  readonly standardError: StandardError
  readonly logFile: string
  /** That of `AZURE_INIT_LOG`. */
  readonly filter: LogFilter | undefined
  readonly clock: Clock.Clock
}) {
  const { clock, filter, logFile } = options
  const opened = yield* LogFile.open(logFile)
  const { outlet, sink } = toStandardError(options.standardError, filter, clock)
  const now = (level: Level) => outside(clock.currentTimeNanosUnsafe(), level)
  /** For a failure of the log file, which cannot stand there: ERROR, since a journal shows nothing else by default. */
  const complain = (message: string, error: string) =>
    sink.write({ ...now("ERROR"), message, fields: [["path", logFile], ["error", error]] })

  const sinks = [sink]
  if (Result.isSuccess(opened)) sinks.push(toLogFile(opened.success, filter, complain))
  else complain("Cannot open the log file, going on without", opened.failure)
  const write = (to: ReadonlyArray<Sink>) => (record: LogRecord) => {
    for (const sink of to) if (Filter.passes(sink.filter, record)) sink.write(record)
  }
  const toFile = write(sinks.slice(1))

  yield* Effect.addFinalizer(() =>
    Effect.map(outlet.finish, (lost) => {
      if (lost === 0) return
      toFile({
        ...now("WARN"),
        message: "Lines did not reach standard error: nobody was reading",
        fields: [["lines", lost]]
      })
    })
  )
  const made: Sinks = {
    event: write(sinks),
    span: write(sinks.filter(({ spans }) => spans)),
    filters: sinks.map((sink) => sink.filter),
    pump: outlet.pump
  }
  return made
})
