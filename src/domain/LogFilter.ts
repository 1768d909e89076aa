import * as Option from "effect/Option"
import * as Result from "effect/Result"

/** The levels of log lines and KVP keys, gravest first. */
export type Level = "ERROR" | "WARN" | "INFO" | "DEBUG" | "TRACE"

const verbosity: Readonly<Record<Level, number>> = { ERROR: 1, WARN: 2, INFO: 3, DEBUG: 4, TRACE: 5 }
const levels: ReadonlyArray<Level> = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"]

/** A span as filters see it: the module that it belongs to, its function, and its fields. */
export interface FilteredSpan {
  readonly target: string
  readonly name: string
  readonly fields: ReadonlyMap<string, unknown>
}

/**
 * What a filter decides on: a log event, or the start or end of a span; `spans` are the enclosing ones (for a span,
 * itself too).
 */
export interface Filtered {
  readonly level: Level
  readonly target: string
  readonly spans: ReadonlyArray<FilteredSpan>
}

interface Directive {
  readonly target: string
  /** Present in `target[span{field=value}]`; the name is empty when any span will do. */
  readonly span: Option.Option<{
    readonly name: string
    readonly fields: ReadonlyArray<readonly [name: string, value: string | undefined]>
  }>
  readonly maximum: number
}

/** A parsed filter, as {@link parse} makes it. */
export interface LogFilter {
  readonly directives: ReadonlyArray<Directive>
}

/** The names of levels, `off` included: those of Rust's tracing and of syslog(3), which systemd and journalctl use. */
const levelNames: Readonly<Record<string, number>> = {
  off: 0,
  ...Object.fromEntries(
    ["error", "err", "fatal", "critical", "crit", "alert", "emerg"].map((name) => [name, verbosity.ERROR])
  ),
  warn: verbosity.WARN,
  warning: verbosity.WARN,
  info: verbosity.INFO,
  information: verbosity.INFO,
  informational: verbosity.INFO,
  notice: verbosity.INFO,
  debug: verbosity.DEBUG,
  trace: verbosity.TRACE
}

const levelPattern = `${Object.keys(levelNames).join("|")}|[0-5]`
const levelOnly = new RegExp(`^(?:${levelPattern})$`, "i")
const directivePattern = new RegExp(
  `^(?<target>[\\w:.-]+)?(?<span>\\[(?<name>[^\\]{}]*)(?:\\{(?<fields>[^{}]*)\\})?\\])?(?:=(?<level>${levelPattern}))?$`,
  "i"
)
/**
 * What stands between commas; those between brackets separate nothing. No part can be matched in two ways, or long
 * lists would take minutes.
 */
const directiveTexts = /(?:[^,[]+|\[[^\][]*\]|\[)+/g

const maximumOf = (level: string | undefined): number => {
  if (level === undefined) return verbosity.TRACE
  return levelNames[level.toLowerCase()] ?? Number(level)
}

const parseDirective = (text: string): Result.Result<Directive, string> => {
  if (levelOnly.test(text)) return Result.succeed({ target: "", span: Option.none(), maximum: maximumOf(text) })
  const groups = directivePattern.exec(text)?.groups
  if (groups === undefined) {
    return Result.fail(`'${text}' is not level, target, target=level or target[span{field=value}]=level`)
  }
  return Result.succeed({
    target: groups["target"] ?? "",
    span: groups["span"] === undefined ? Option.none() : Option.some({
      name: groups["name"] ?? "",
      fields: (groups["fields"] ?? "").split(",").filter((field) => field.trim() !== "").map((field) => {
        const equals = field.indexOf("=")
        return equals < 0
          ? [field.trim(), undefined]
          : [field.slice(0, equals).trim(), field.slice(equals + 1).trim().replaceAll(/^"|"$/g, "")]
      })
    }),
    maximum: maximumOf(groups["level"])
  })
}

/**
 * Parses a list of directives with commas between them, in the syntax of azure-init (`EnvFilter` of Rust's tracing): a
 * level for everything, `target=level`, a bare target for all its levels, `target[span{field=value}]=level` for what
 * happens inside such a span. Levels are `off`, `error`, `warn`, `info`, `debug`, `trace`, their usual other names
 * (`err`, `warning`, `notice`, …) in any case, or 0 to 5. The failure names the directive that is wrong.
 */
export const parse = (text: string): Result.Result<LogFilter, string> => {
  const parts = (text.match(directiveTexts) ?? []).map((part) => part.trim()).filter((part) => part !== "")
  if (parts.length === 0) return Result.fail("it has no directive")
  return Result.map(
    Result.all(parts.map(parseDirective)),
    // The most specific target decides; of equal ones the last.
    (directives) => ({ directives: directives.toReversed().sort((a, b) => b.target.length - a.target.length) })
  )
}

/** The targets of the agent's lines, which are those of its spans' modules. */
export const targets: ReadonlyArray<string> = [
  "azure_init",
  "libazureinit",
  ...["health", "http", "imds", "media", "provision", "status"].map((module) => `libazureinit::${module}`),
  ...["hostname", "password", "ssh", "user"].map((module) => `libazureinit::provision::${module}`)
]

/** The targets in a filter's directives that none of the agent's {@link targets} is, or is below. */
export const unmatched = (filter: LogFilter): ReadonlyArray<string> =>
  [...new Set(filter.directives.map(({ target }) => target))]
    .filter((target) => !targets.some((one) => one.startsWith(target)))

/** Whether none of the filter's directives can match anything of the agent. */
export const isVain = (filter: LogFilter): boolean => {
  const vain = new Set(unmatched(filter))
  return filter.directives.every(({ target }) => vain.has(target))
}

/** A filter that lets everything of this level and graver ones pass. */
export const atLevel = (level: Level): LogFilter => ({
  directives: [{ target: "", span: Option.none(), maximum: verbosity[level] }]
})

/**
 * What goes to KVP when nothing else is said: INFO of the agent. azure-init's list (`logging.rs`) also names WARN of
 * other crates and targets inside its own, which let nothing more of ours pass.
 */
export const kvpDefault: LogFilter = {
  directives: ["libazureinit", "azure_init"].map((target) => ({
    target,
    span: Option.none(),
    maximum: verbosity.INFO
  }))
}

const encloses = (directive: Directive, spans: ReadonlyArray<FilteredSpan>): boolean =>
  Option.exists(directive.span, ({ fields, name }) =>
    spans.some((span) =>
      span.target.startsWith(directive.target) &&
      (name === "" || name === span.name) &&
      fields.every(([field, value]) =>
        span.fields.has(field) && (value === undefined || String(span.fields.get(field)) === value)
      )
    ))

/**
 * Whether the filter lets it pass. Each event is judged for itself: a filter that drops a span keeps the graver events
 * inside it. ERROR passes unless the directive that decides says `off`: no failure is silenced by a directive about
 * something else.
 */
export const passes = (filter: LogFilter, { level, spans, target }: Filtered): boolean => {
  const rank = verbosity[level]
  if (filter.directives.some((one) => rank <= one.maximum && encloses(one, spans))) return true
  const decisive = filter.directives.find((one) => Option.isNone(one.span) && target.startsWith(one.target))
  return rank <= (decisive?.maximum ?? verbosity.ERROR)
}

/**
 * The spans that a line shows, as Rust's tracing does: those that the filter lets pass themselves. All of azure-init's
 * spans are INFO.
 */
export const visibleSpans = (filter: LogFilter, spans: ReadonlyArray<FilteredSpan>): ReadonlyArray<FilteredSpan> => {
  const [first, second] = filter.directives
  // A level and nothing else, as in nearly every boot.
  if (second === undefined && first?.target === "" && Option.isNone(first.span)) {
    return verbosity.INFO <= first.maximum ? spans : []
  }
  return spans.filter(({ target }, index) =>
    passes(filter, { level: "INFO", target, spans: spans.slice(0, index + 1) })
  )
}

/** The least grave level that some of these filters may let pass; ERROR when all are off. */
export const leastGrave = (filters: ReadonlyArray<LogFilter>): Level => {
  const maximum = Math.max(...filters.flatMap((filter) => filter.directives.map((directive) => directive.maximum)), 1)
  return levels[maximum - 1] ?? "ERROR"
}
