import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type { LogLevel, Severity } from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as References from "effect/References"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Tracer from "effect/Tracer"
import { randomUUID } from "node:crypto"
import * as Fs from "node:fs"
import * as NodePath from "node:path"
import type { FilteredSpan, Level, LogFilter } from "../domain/LogFilter.ts"
import * as Filter from "../domain/LogFilter.ts"
import type { LogRecord } from "../domain/LogRecord.ts"
import * as Format from "../domain/LogRecord.ts"
import { CurrentSettings } from "../services/CurrentSettings.ts"
import { Kvp } from "../services/Kvp.ts"
import { Paths } from "../services/Paths.ts"

/** Where the agent's telemetry goes, beside the settings. */
export interface Options {
  /** `AZURE_INIT_LOG`: directives for the log file and stderr, whose defaults are INFO and ERROR. */
  readonly logFilter: Option.Option<string>
  /** `AZURE_INIT_KVP_FILTER`; without it `telemetry.kvp_filter` of the settings counts, and then azure-init's default. */
  readonly kvpFilter: Option.Option<string>
  /** The VM id as it stands in the keys of KVP records. */
  readonly vmId: string
  /** Takes the lines for stderr, line feed included; file descriptor 2 when absent. */
  readonly stderr?: (line: string) => void
}

/** A hung boot must be visible to the host, and telemetry must not keep a small VM busy. */
const flushInterval = "1 second"

/**
 * Logs and spans of everything that it is provided to, in azure-init's formats: the log file and stderr (lines), and KVP (events inside
 * spans, and ends of spans). It replaces Effect's own loggers, which write to stdout.
 *
 * Spans bear azure-init's KVP names, `module:function` (`http:request`, `azure_init:provision`), from which the log target and the name in a
 * line follow. Spans of other names, such as those of Effect's HTTP client, leave no trace. Lines are written before the logging call
 * returns, so that their order is that of the events and none is lost.
 *
 * What is queued for KVP is flushed every second and when the scope closes. Trouble with a filter, the log file or KVP is itself logged,
 * and never ends the work.
 */
export const layer = (options: Options): Layer.Layer<never, never, CurrentSettings | Kvp> =>
  Layer.effectContext(Effect.gen(function*() {
    const paths = yield* Paths
    const settings = yield* CurrentSettings
    const kvp = yield* Kvp
    const clock = yield* Clock.Clock

    const log = parseFilter("AZURE_INIT_LOG", options.logFilter)
    const environment = parseFilter("AZURE_INIT_KVP_FILTER", options.kvpFilter)
    const configured = parseFilter("telemetry.kvp_filter", settings.telemetry.kvp_filter)
    const kvpFilter = environment.filter ?? configured.filter ?? Filter.kvpDefault

    const logFile = `${paths.root}${settings.azure_init_log_path.path}`
    const opened = yield* openLogFile(logFile)
    const stderr: Sink = {
      filter: log.filter ?? Filter.atLevel("ERROR"),
      write: options.stderr ?? ((line) => void attempt(() => writeAll(2, line)))
    }
    /** For trouble with the log file, which can't stand there: ERROR, since stderr shows nothing else by default. */
    const complain = (message: string, error: string) =>
      stderr.write(lineOf({
        ...outside(clock.currentTimeNanosUnsafe(), "ERROR"),
        message,
        fields: [["path", logFile], ["error", error]]
      }))

    const sinks = [stderr]
    if (Result.isSuccess(opened)) {
      let complained = false
      sinks.push({
        filter: log.filter ?? Filter.atLevel("INFO"),
        write: (line) => {
          const written = attempt(() => writeAll(opened.success.fd, line))
          if (Result.isFailure(written) && !complained) complain("Cannot write the log file", written.failure)
          complained = Result.isFailure(written)
        }
      })
    } else complain("Cannot open the log file, going on without", opened.failure)

    const write = (record: LogRecord) => {
      for (const sink of sinks) if (Filter.passes(sink.filter, record)) sink.write(lineOf(record))
    }
    const origin = (name: string) => ({ vmId: options.vmId, name, id: randomUUID() })

    // A span gets its attributes after it was made, so its first line waits for whatever comes next.
    const begun: Array<AgentSpan> = []
    const writeBegun = () => {
      for (const span of begun.splice(0)) write(span.record(span.startTime, "new"))
    }

    const logger = Logger.make(({ cause, fiber, logLevel, message }) => {
      writeBegun()
      const span = nearest(fiber.cache.span)
      const said = Format.fromMessage(message)
      const record: LogRecord = {
        ...span?.record(0n, "") ?? outside(0n, "INFO"),
        at: fiber.getRef(Clock.Clock).currentTimeNanosUnsafe(),
        level: levelOf(logLevel),
        message: said.message,
        fields: [
          ...said.fields,
          ...Object.entries(fiber.getRef(References.CurrentLogAnnotations)),
          ...(cause.reasons.length === 0 ? [] : [["cause", cause] as const])
        ]
      }
      write(record)
      if (span !== undefined && Filter.passes(kvpFilter, record)) kvp.offer(Format.kvpEvent(origin(span.name), record))
    })

    const tracer = Tracer.make({
      span: (options) => {
        const [, module, name] = spanName.exec(options.name) ?? []
        if (module === undefined || name === undefined) return new Tracer.NativeSpan(options)
        const started = clock.monotonicTimeNanosUnsafe()
        const span = new AgentSpan(options, targetOf(module), name, (end) => {
          writeBegun()
          // By the monotonic clock: the wall clock of a first boot jumps.
          const elapsed = clock.monotonicTimeNanosUnsafe() - started
          const record = span.record(end, `close time.elapsed=${Format.formatElapsed(elapsed)}`)
          write(record)
          if (Filter.passes(kvpFilter, record)) {
            kvp.offer(Format.kvpSpan(origin(span.name), record.level, end - elapsed, end))
          }
        })
        begun.push(span)
        // Where nothing comes next: a boot that hangs shows in which span.
        queueMicrotask(writeBegun)
        return span
      }
    })

    const context = Context.make(References.CurrentLoggers, new Set([logger])).pipe(
      Context.add(
        References.MinimumLogLevel,
        severities[Filter.leastGrave([...sinks.map((sink) => sink.filter), kvpFilter])]
      ),
      Context.add(Tracer.Tracer, tracer)
    )

    let complained = false
    const flush = kvp.flush.pipe(
      Effect.andThen(Effect.sync(() => {
        complained = false
      })),
      Effect.catch((error) => {
        if (complained) return Effect.void
        complained = true
        return Effect.logWarning("The host does not get telemetry at the moment", { error: error.message })
      }),
      Effect.provideContext(context)
    )
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

interface Sink {
  readonly filter: LogFilter
  readonly write: (line: string) => void
}

const lineOf = (record: LogRecord): string => `${Format.formatLine(record)}\n`

/** A record of the agent's that belongs to no span. */
const outside = (at: bigint, level: Level): LogRecord => ({
  at,
  level,
  target: "azure_init",
  spans: [],
  message: "",
  fields: []
})

const spanName = /^([a-z_]+(?:::[a-z_]+)*):([a-z_]+)$/

/** The module path that azure-init's log lines show; its crates' roots are modules of themselves. */
const targetOf = (module: string): string =>
  module === "azure_init" || module === "libazureinit" ? module : `libazureinit::${module}`

/** A span by azure-init's name; `name` is that of KVP, the `view` what log lines and filters see. */
class AgentSpan extends Tracer.NativeSpan {
  readonly view: FilteredSpan
  readonly #onEnd: (end: bigint) => void

  constructor(
    options: ConstructorParameters<typeof Tracer.NativeSpan>[0],
    target: string,
    name: string,
    onEnd: (end: bigint) => void
  ) {
    super(options)
    this.view = { target, name, fields: this.attributes }
    this.#onEnd = onEnd
  }

  /** Something that happened in this span; all of azure-init's spans are INFO. */
  record(at: bigint, message: string): LogRecord {
    return { at, level: "INFO", target: this.view.target, spans: this.chain(), message, fields: [] }
  }

  /** The spans around this one, outermost first, and itself. */
  chain(): ReadonlyArray<FilteredSpan> {
    return [...nearest(Option.getOrUndefined(this.parent))?.chain() ?? [], this.view]
  }

  override end(endTime: bigint, exit: Exit.Exit<unknown, unknown>): void {
    if (this.status._tag === "Ended") return
    super.end(endTime, exit)
    this.#onEnd(endTime)
  }
}

/** This span, or the nearest around it, that bears one of azure-init's names. */
const nearest = (span: Tracer.AnySpan | undefined): AgentSpan | undefined => {
  let current = span
  while (current !== undefined && !(current instanceof AgentSpan)) {
    current = current._tag === "Span" ? Option.getOrUndefined(current.parent) : undefined
  }
  return current
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

/** A filter from one of its sources, and what is wrong with it; blank text counts as none, and so does a filter that matches nothing. */
const parseFilter = (
  source: string,
  text: Option.Option<string>
): { readonly filter?: LogFilter; readonly problem?: Readonly<Record<string, string>> } => {
  if (Option.isNone(text) || text.value.trim() === "") return {}
  const parsed = Filter.parse(text.value)
  if (Result.isFailure(parsed)) return { problem: { source, filter: text.value, error: parsed.failure } }
  const unmatched = Filter.unmatched(parsed.success)
  return {
    ...(Filter.isVain(parsed.success) ? {} : { filter: parsed.success }),
    ...(unmatched.length === 0 ? {} : {
      problem: {
        source,
        filter: text.value,
        error: `'${unmatched.join("', '")}' is no level and no target of this agent: use a level, such as info, or ${
          Filter.targets.join(", ")
        }`
      }
    })
  }
}

/** Runs synchronous file work; the failure is the system's sentence. */
const attempt = <A>(work: () => A): Result.Result<A, string> =>
  Result.try({ try: work, catch: (cause) => Predicate.isError(cause) ? cause.message : String(cause) })

const writeAll = (fd: number, line: string): void => {
  const bytes = Buffer.from(line)
  let written = 0
  while (written < bytes.length) written += Fs.writeSync(fd, bytes, written)
}

/**
 * Opens the log file to append to it, and closes it with the scope. It has mode 0600 from its first instant, one that is there gets it; a
 * link in its place is not followed.
 */
const openLogFile = (path: string) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      attempt(() => {
        Fs.mkdirSync(NodePath.dirname(path), { recursive: true })
        const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = Fs.constants
        // Without O_NONBLOCK the opening of a pipe would wait for its reader.
        const fd = Fs.openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600)
        if (!Fs.fstatSync(fd).isFile()) {
          Fs.closeSync(fd)
          throw new Error("it is not a regular file")
        }
        Fs.fchmodSync(fd, 0o600)
        return { fd }
      })
    ),
    (opened) => Effect.sync(() => Result.isSuccess(opened) ? Fs.closeSync(opened.success.fd) : undefined)
  )
