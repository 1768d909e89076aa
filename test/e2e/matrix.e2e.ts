/**
 * The fault matrix. `MATRIX_REPEAT=50 MATRIX_LOAD=2 npm run test:e2e -- test/e2e/matrix.e2e.ts -t "delay"` tries the
 * selected rows 50 times each, beside two processes that keep a core busy each.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { type ChildProcess, spawn } from "node:child_process"
import { agents } from "./hosts/overlay.ts"
import { accessFaults } from "./matrix/access.ts"
import { discFaults } from "./matrix/disc.ts"
import { type Fault, tryBy, usualLimit } from "./matrix/Fault.ts"
import { killFaults } from "./matrix/kills.ts"
import { machineFaults } from "./matrix/machine.ts"
import { platformFaults } from "./matrix/platform.ts"

const faults: ReadonlyArray<Fault> = [
  ...platformFaults,
  ...discFaults,
  ...machineFaults,
  ...accessFaults,
  ...killFaults
]

const numberFrom = (variable: string, usual: number): number => {
  const value = Number(process.env[variable] ?? usual)
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`${variable}: expected a whole number`)
  return value
}

/** How often each row is tried. */
const repeat = numberFrom("MATRIX_REPEAT", 1)

/** How many processes keep a core busy meanwhile. */
const load = numberFrom("MATRIX_LOAD", 0)

const busy: Array<ChildProcess> = []
beforeAll(() => {
  for (let count = 0; count < load; count++) {
    // Ends with its standard input, so also when the tests are killed.
    busy.push(spawn("sh", ["-c", "while :; do :; done & cat; kill $!"], { stdio: ["pipe", "ignore", "inherit"] }))
  }
})
afterAll(() => {
  for (const each of busy) each.stdin?.end()
})

/**
 * The first row of each group and every 25th of all: those that the bundle on Node is tried by, too, with twice the
 * time. Node itself obeys the run-time options of the environment, which only the executable is safe from.
 */
const sample = faults
  .filter(({ group }, index) => index % 25 === 0 || faults.findIndex((other) => other.group === group) === index)
  .filter(({ name }) => !name.includes("run-time options"))
  .map((fault): Fault => ({ ...fault, within: 2 * (fault.within ?? usualLimit) }))

interface Trial {
  readonly title: string
  readonly fault: Fault
  readonly agent: ReadonlyArray<string>
}

const trials: ReadonlyArray<Trial> = [
  ...faults.map((fault) => ({ title: `${fault.group}: ${fault.name}`, fault, agent: agents.executable })),
  ...sample.map((fault) => ({ title: `bundle, ${fault.group}: ${fault.name}`, fault, agent: agents.bundle }))
].flatMap((trial) =>
  Array.from(
    { length: repeat },
    (_, index) => repeat === 1 ? trial : { ...trial, title: `${trial.title}, trial ${index + 1}` }
  )
)

const table: Array<string> = []

const row = (verdict: string, title: string, ended: string): void => {
  table.push(`${verdict.padEnd(6)} ${title.padEnd(90)} ${ended}`)
}

afterAll(() => {
  const rows = table.toSorted((a, b) => a.slice(7).localeCompare(b.slice(7)))
  const broken = rows.filter((each) => each.startsWith("BROKEN")).length
  process.stdout.write(`\n${rows.join("\n")}\n${rows.length} faults, ${broken} of them broke something\n`)
})

describe.concurrent("fault matrix", () => {
  it.each(trials)("$title", async ({ agent, fault, title }) => {
    let verdict = { ended: "the trial itself failed", problems: ["see below"] as ReadonlyArray<string> }
    try {
      verdict = await tryBy(fault, agent)
    } finally {
      row(verdict.problems.length === 0 ? "holds" : "BROKEN", title, verdict.ended)
    }
    assert.deepStrictEqual(verdict.problems, [])
  })
})
