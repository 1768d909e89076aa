import type * as Clock from "effect/Clock"
import type * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import type { FilteredSpan } from "../../domain/LogFilter.ts"
import type { LogRecord } from "../../domain/LogRecord.ts"
import * as Format from "../../domain/LogRecord.ts"

const spanName = /^([a-z_]+(?:::[a-z_]+)*):([a-z_]+)$/

/** The module path that azure-init's log lines show; its crates' roots are modules of themselves. */
const targetOf = (module: string): string =>
  module === "azure_init" || module === "libazureinit" ? module : `libazureinit::${module}`

/** A span by azure-init's name; `name` is that of KVP, the `view` what log lines and filters see. */
export class AgentSpan extends Tracer.NativeSpan {
  readonly view: FilteredSpan
  readonly #onEnd: (end: bigint) => void
  #chain: ReadonlyArray<FilteredSpan> | undefined

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
    return this.#chain ??= [...nearest(Option.getOrUndefined(this.parent))?.chain() ?? [], this.view]
  }

  override end(endTime: bigint, exit: Exit.Exit<unknown, unknown>): void {
    if (this.status._tag === "Ended") return
    super.end(endTime, exit)
    this.#onEnd(endTime)
  }
}

/** This span, or the nearest around it, that bears one of azure-init's names. */
export const nearest = (span: Tracer.AnySpan | undefined): AgentSpan | undefined => {
  let current = span
  while (current !== undefined && !(current instanceof AgentSpan)) {
    current = current._tag === "Span" ? Option.getOrUndefined(current.parent) : undefined
  }
  return current
}

/** Who is told of spans. `ended` gets the times in nanoseconds since 1970. */
export interface SpanListener {
  readonly began: (record: LogRecord) => void
  readonly ended: (span: AgentSpan, record: LogRecord, start: bigint, end: bigint) => void
}

/**
 * A tracer that tells of azure-init's spans, and `flush`, which tells of those that have begun: to be called before
 * anything else is told.
 */
export const make = (clock: Clock.Clock, listener: SpanListener) => {
  // A span gets its attributes after it was made, so its first line waits for whatever comes next.
  const begun: Array<AgentSpan> = []
  const flush = () => {
    for (const span of begun.splice(0)) listener.began(span.record(span.startTime, "new"))
  }
  const tracer = Tracer.make({
    span: (options) => {
      const [, module, name] = spanName.exec(options.name) ?? []
      if (module === undefined || name === undefined) return new Tracer.NativeSpan(options)
      const started = clock.monotonicTimeNanosUnsafe()
      const span = new AgentSpan(options, targetOf(module), name, (end) => {
        flush()
        // By the monotonic clock: the wall clock of a first boot jumps.
        const elapsed = clock.monotonicTimeNanosUnsafe() - started
        listener.ended(
          span,
          span.record(end, `close time.elapsed=${Format.formatElapsed(elapsed)}`),
          end - elapsed,
          end
        )
      })
      begun.push(span)
      // Where nothing comes next: a boot that hangs shows in which span.
      queueMicrotask(flush)
      return span
    }
  })
  return { tracer, flush }
}
