/**
 * `npm run test:differential [-- --inputs N | --seconds N] [--seed S] [--target T]... [--save DIRECTORY] [--evaluate FILE]`:
 * every decoder of the agent on Node and on the boot runtime; what they answer has to be the same, byte for byte. All
 * fixtures go through every decoder, then N inputs made from them (2,000 without it), spread over the decoders, or as
 * many as fit into the time. `evaluate` is another build of the runtime's. The status is 1 when there is a difference.
 */
import { createHash } from "node:crypto"
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { agentTargets } from "../fuzz/targets.ts"
import { evaluator, root } from "../native/bundle.ts"
import { planted } from "./planted.ts"
import { compare, type Difference, type Tally } from "./run.ts"

const { values } = parseArgs({
  options: {
    inputs: { type: "string" },
    seconds: { type: "string" },
    evaluate: { type: "string" },
    seed: { type: "string", default: "1" },
    target: { type: "string", multiple: true },
    save: { type: "string", default: "dist/differential" }
  }
})

const numberOf = (name: "inputs" | "seconds"): number | undefined => {
  const text = values[name]
  if (text === undefined) return undefined
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name} takes a whole number, not ${text}`)
  return Number(text)
}
const seconds = numberOf("seconds")
const inputs = numberOf("inputs") ?? (seconds === undefined ? 2000 : Infinity)
const evaluate = values.evaluate ?? evaluator()
const known = agentTargets.map(({ name }) => name)
const chosen = values.target ?? known
const unknown = chosen.filter((name) => !known.includes(name))
if (unknown.length > 0) throw new Error(`there is no target ${unknown.join(", ")}; there are ${known.join(", ")}`)

/** More differences than this are saved and counted only. */
const maximumShown = 50

/** All files of the fixtures, each content once. */
const fixtures = (): ReadonlyArray<Uint8Array> => {
  const directory = join(root, "test/fixtures")
  const files = readdirSync(directory, { recursive: true, encoding: "utf8" }).map((name) => join(directory, name))
  const contents = files.filter((file) => statSync(file).isFile()).sort().map((file) => readFileSync(file))
  return [...new Map(contents.map((bytes) => [bytes.toString("base64"), bytes])).values()]
}

/** Ends when the comparison does not see what is different on purpose: it would see nothing else either. */
const checkTheCheck = async (): Promise<void> => {
  const found: Array<Difference> = []
  await compare({
    targets: [planted],
    fixtures: [],
    inputs: 0,
    seconds: 0,
    seed: "1",
    evaluate,
    onDifference: (difference) => void found.push(difference)
  })
  if (found.map(({ input }) => Buffer.from(input).toString()).join() === "not harmless!") return
  process.stdout.write("the planted difference was not found\n")
  process.exit(2)
}

/** Where the answers part, with what is around it. */
const shown = ({ node, quickjs, target }: Difference, file: string): string => {
  let from = 0
  while (from < node.length && node[from] === quickjs[from]) from++
  const part = (text: string) => text.slice(Math.max(0, from - 80), from + 120)
  return `${target}: the engines differ on ${file}\n  node:    ${part(node)}\n  quickjs: ${part(quickjs)}\n`
}

const started = performance.now()
await checkTheCheck()
let differences = 0
const tallies = await compare({
  targets: agentTargets.filter(({ name }) => chosen.includes(name)),
  fixtures: fixtures(),
  inputs,
  seconds: seconds ?? Infinity,
  seed: values.seed,
  evaluate,
  onDifference: (difference) => {
    differences++
    const file = join(
      values.save,
      `${difference.target}-${createHash("sha256").update(difference.input).digest("hex").slice(0, 12)}`
    )
    mkdirSync(values.save, { recursive: true })
    writeFileSync(file, difference.input)
    if (differences <= maximumShown) process.stdout.write(shown(difference, file))
  }
})

const row = ([name = "", ...cells]: ReadonlyArray<string>): string =>
  `${name.padEnd(12)}${cells.map((cell) => cell.padStart(10)).join("")}\n`
const inSeconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`
const cellsOf = ({ inputs, known, milliseconds, slowest, target, values }: Tally): ReadonlyArray<string> => [
  target,
  `${inputs}`,
  `${values}`,
  `${known}`,
  inSeconds(milliseconds.node),
  inSeconds(milliseconds.quickjs),
  `${slowest.node} ms`,
  `${slowest.quickjs} ms`
]
process.stdout.write(row(["target", "inputs", "taken", "known", "node", "quickjs", "slowest", "slowest"]))
tallies.forEach((tally) => process.stdout.write(row(cellsOf(tally))))
const all = tallies.reduce((sum, { inputs }) => sum + inputs, 0)
process.stdout.write(
  `${all} inputs (seed ${values.seed}), ${differences} differences, in ${inSeconds(performance.now() - started)}\n`
)
process.exitCode = differences > 0 || all === 0 ? 1 : 0
