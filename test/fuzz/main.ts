import { randomInt } from "node:crypto"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { fuzz } from "./harness.ts"
import type { Finding, Tally } from "./protocol.ts"
import { targets } from "./targets.ts"

/**
 * The long run:
 * `node test/fuzz/main.ts [--seconds N | --count N] [--seed S] [--target T]... [--replay FILE] [--save DIRECTORY]`.
 *
 * Without limits each target runs for 60 seconds. Findings are printed with their inputs in base64, and saved; the
 * status is 1 with a finding. A seed that is not given is chosen and printed, so that a run can be repeated with
 * `--count`.
 */

const { values } = parseArgs({
  options: {
    seconds: { type: "string" },
    count: { type: "string" },
    seed: { type: "string" },
    target: { type: "string", multiple: true },
    replay: { type: "string" },
    save: { type: "string", default: "dist/fuzz" }
  }
})

const numberOf = (name: "seconds" | "count"): number | undefined => {
  const text = values[name]
  if (text === undefined) return undefined
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`--${name} takes a whole number from 1 on, not ${text}`)
  return Number(text)
}

const known = targets.map(({ name }) => name)
const chosen = values.target ?? known
const unknown = chosen.filter((name) => !known.includes(name))
if (unknown.length > 0) throw new Error(`there is no target ${unknown.join(", ")}; there are ${known.join(", ")}`)
if (values.replay !== undefined && chosen.length !== 1) throw new Error("--replay takes one --target")

const seconds = numberOf("seconds")
const count = numberOf("count")
const seed = values.seed ?? String(randomInt(2 ** 32))

const row = (cells: ReadonlyArray<string>): string =>
  cells.map((cell, index) => [0, 3].includes(index) ? cell.padEnd(index === 0 ? 12 : 44) : cell.padStart(9)).join(" ")

const countsOf = (errors: Tally["errors"]): string =>
  Object.entries(errors).map(([error, times]) => `${error} ${times}`).join(", ") || "-"

process.stdout.write(`seed ${seed}\n`)
const { findings, tallies } = await fuzz({
  seed,
  targets: chosen,
  ...(count === undefined ? {} : { count }),
  ...(count !== undefined && seconds === undefined ? {} : { seconds: seconds ?? 60 }),
  ...(values.replay === undefined ? {} : { replay: values.replay }),
  onFinding: ({ detail, kind, target }) => process.stderr.write(`${target}: ${kind}: ${detail.slice(0, 2000)}\n`)
})

process.stdout.write(
  `${row(["target", "inputs", "values", "errors by type", "shapes", "slowest", "biggest", "findings"])}\n`
)
for (const tally of tallies) {
  process.stdout.write(`${
    row([
      tally.target,
      String(tally.inputs),
      String(tally.values),
      countsOf(tally.errors),
      String(tally.shapes),
      `${Math.round(tally.slowest)} ms`,
      `${(tally.biggest / 1024).toFixed(1)} MiB`,
      String(findings.filter(({ target }) => target === tally.target).length)
    ])
  }\n`)
}
const total = tallies.reduce((sum, { inputs }) => sum + inputs, 0)
process.stdout.write(`${total} inputs of ${tallies.length} targets, ${findings.length} findings\n`)

const save = ({ detail, input, kind, target }: Finding, index: number): void => {
  const file = join(values.save, `${target}-${kind}-${index}.bin`)
  mkdirSync(values.save, { recursive: true })
  writeFileSync(file, Buffer.from(input, "base64"))
  const shown = input.length > 1000 ? `${input.slice(0, 1000)}… (${input.length} characters)` : input
  process.stdout.write(
    `\n${target}: ${kind}: ${detail}\n${shown}\nagain: node test/fuzz/main.ts --target ${target} --replay ${file}\n`
  )
}
findings.forEach(save)
process.exitCode = findings.length > 0 ? 1 : 0
