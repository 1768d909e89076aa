import { afterAll, assert, describe, it } from "@effect/vitest"
import { agents } from "./hosts/overlay.ts"
import { discFaults } from "./matrix/disc.ts"
import { type Fault, tryBy } from "./matrix/Fault.ts"
import { killFaults } from "./matrix/kills.ts"
import { machineFaults } from "./matrix/machine.ts"
import { platformFaults } from "./matrix/platform.ts"

const faults: ReadonlyArray<Fault> = [...platformFaults, ...discFaults, ...machineFaults, ...killFaults]

const table: Array<string> = []

const row = (verdict: string, fault: Fault, ended: string): void => {
  table.push(`${verdict.padEnd(6)} ${`${fault.group}: ${fault.name}`.padEnd(90)} ${ended}`)
}

afterAll(() => {
  const rows = table.toSorted((a, b) => a.slice(7).localeCompare(b.slice(7)))
  const broken = rows.filter((each) => each.startsWith("BROKEN")).length
  process.stdout.write(`\n${rows.join("\n")}\n${rows.length} faults, ${broken} of them broke something\n`)
})

describe.concurrent("fault matrix", () => {
  it.each(faults.map((fault) => [`${fault.group}: ${fault.name}`, fault] as const))("%s", async (_, fault) => {
    let verdict = { ended: "the trial itself failed", problems: ["see below"] as ReadonlyArray<string> }
    try {
      verdict = await tryBy(fault, agents.executable)
    } finally {
      row(verdict.problems.length === 0 ? "holds" : "BROKEN", fault, verdict.ended)
    }
    assert.deepStrictEqual(verdict.problems, [])
  })
})
