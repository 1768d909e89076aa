/** The two pictures of the benchmark, as SVG documents that read on a light and on a dark page. */
import type { Spread } from "./statistics.ts"
import { criticalPath, leavesOf, type Span } from "./timeline.ts"

const escape = (text: string): string => text.replace(/[&<>"]/g, (found) => `&#${found.charCodeAt(0)};`)

const width = 900
const left = 300
const rowHeight = 26

const style = `<style>
text { font: 13px system-ui, sans-serif; fill: #57606a }
.title { font-weight: 600; fill: #24292f }
.bar { fill: #8c959f } .ours { fill: #0969da } .spread { stroke: #57606a; stroke-width: 1.5 }
.critical { fill: #cf222e } .grid { stroke: #d0d7de }
@media (prefers-color-scheme: dark) {
  text { fill: #8b949e } .title { fill: #e6edf3 } .bar { fill: #6e7681 } .ours { fill: #388bfd }
  .spread { stroke: #c9d1d9 } .critical { fill: #f85149 } .grid { stroke: #30363d }
}
</style>`

const document = (title: string, height: number, content: ReadonlyArray<string>): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(title)}">
${style}
<text class="title" x="8" y="20">${escape(title)}</text>
${content.join("\n")}
</svg>
`

/** A step of 1, 2 or 5 times a power of ten that divides a length into at most ten parts. */
const stepFor = (length: number): number => {
  const power = 10 ** Math.floor(Math.log10(length / 10))
  return ([1, 2, 5, 10].find((factor) => length / (factor * power) <= 10) ?? 10) * power
}

const grid = (most: number, scale: number, top: number, bottom: number): ReadonlyArray<string> => {
  const step = stepFor(most)
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, index) => {
    const x = left + index * step * scale
    return `<line class="grid" x1="${x}" y1="${top}" x2="${x}" y2="${bottom}"/><text x="${x}" y="${
      bottom + 16
    }" text-anchor="middle">${index * step}</text>`
  })
}

/** A bar of a chart. */
export interface Bar {
  readonly name: string
  readonly ours: boolean
  readonly value: Spread
}

/** Bars with the spread of their values, on one scale from 0. */
export const bars = (title: string, rows: ReadonlyArray<Bar>): string => {
  const most = Math.max(1, ...rows.map(({ value }) => value.most))
  const scale = (width - left - 90) / most
  const top = 34
  const bottom = top + rows.length * rowHeight
  return document(title, bottom + 26, [
    ...grid(most, scale, top, bottom),
    ...rows.map(({ name, ours, value }, index) => {
      const y = top + index * rowHeight
      const middle = y + rowHeight / 2
      const end = left + value.most * scale
      return `<text x="${left - 8}" y="${middle + 4}" text-anchor="end">${escape(name)}</text>
<rect class="${ours ? "ours" : "bar"}" x="${left}" y="${y + 4}" width="${(value.median * scale).toFixed(1)}" height="${
        rowHeight - 8
      }"/>
<line class="spread" x1="${(left + value.least * scale).toFixed(1)}" y1="${middle}" x2="${
        end.toFixed(1)
      }" y2="${middle}"/>
<text x="${(end + 6).toFixed(1)}" y="${middle + 4}">${value.median.toFixed(0)}</text>`
    })
  ])
}

/** The stages of one boot, one below the other; those that the end waited for are marked. */
export const timeline = (title: string, spans: ReadonlyArray<Span>): string => {
  const first = Math.min(...spans.map(({ start }) => start))
  const length = Math.max(1, ...spans.map(({ end }) => end - first))
  const critical = new Set(criticalPath(spans))
  const rows = leavesOf(spans).toSorted((a, b) => a.start - b.start)
  const scale = (width - left - 90) / length
  const top = 34
  const bottom = top + rows.length * rowHeight
  return document(title, bottom + 26, [
    ...grid(length, scale, top, bottom),
    ...rows.map((span, index) => {
      const y = top + index * rowHeight
      const x = left + (span.start - first) * scale
      const size = Math.max(1, (span.end - span.start) * scale)
      return `<text x="${left - 8}" y="${y + 17}" text-anchor="end">${
        escape(span.path.split(":").slice(-3).join(":").slice(-44))
      }</text>
<rect class="${critical.has(span) ? "critical" : "bar"}" x="${x.toFixed(1)}" y="${y + 4}" width="${
        size.toFixed(1)
      }" height="${rowHeight - 8}"/>
<text x="${(x + size + 4).toFixed(1)}" y="${y + 17}">${(span.end - span.start).toFixed(1)} ms</text>`
    })
  ])
}
