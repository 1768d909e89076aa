/** What a boot did when, from a log in azure-init's format. */

/** A span of the log: the names of its parents and its own, joined by ":"; milliseconds since midnight. */
export interface Span {
  readonly path: string
  readonly start: number
  readonly end: number
}

const units: Readonly<Record<string, number>> = { ns: 1e-6, "µs": 1e-3, ms: 1, s: 1000 }

/** The spans of a log that have ended. Unlike KVP records its lines tell a span's parents, in microseconds. */
export const spansOf = (log: string): ReadonlyArray<Span> =>
  log.split("\n").flatMap((line) => {
    const found = /^\S+T(\d+):(\d+):([\d.]+)Z +\w+ (.+): \w+(?:::\w+)*: close time\.elapsed=([\d.]+)(ns|µs|ms|s)$/.exec(
      line
    )
    if (found === null) return []
    const [, hours, minutes, seconds, path = "", elapsed, unit = ""] = found
    const end = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000
    return [{ path, start: end - Number(elapsed) * (units[unit] ?? NaN), end }]
  })

/** The spans that have no other one inside. */
export const leavesOf = (spans: ReadonlyArray<Span>): ReadonlyArray<Span> =>
  spans.filter((span) =>
    !spans.some((other) =>
      other !== span && other.path.startsWith(`${span.path}:`) && other.start >= span.start - 0.1
      && other.end <= span.end + 0.1
    )
  )

/**
 * Back from the end: the leaf that ended last, then the one that ended last before it began, and so on. Oldest first.
 */
export const criticalPath = (spans: ReadonlyArray<Span>): ReadonlyArray<Span> => {
  const leaves = leavesOf(spans)
  const walk: Array<Span> = []
  for (let until = Infinity;;) {
    const before = leaves.filter(({ end, start }) => end <= until + 0.1 && start < until)
    const last = before.toSorted((a, b) => b.end - a.end || a.start - b.start)[0]
    if (last === undefined) return walk.toReversed()
    walk.push(last)
    until = last.start
  }
}
