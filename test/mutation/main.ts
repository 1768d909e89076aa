import type { MutantResult } from "@stryker-mutator/api/core"
import { Stryker } from "@stryker-mutator/core"
import { readFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { relative } from "node:path"
import { parseArgs } from "node:util"
import { wayOut } from "../../fabric/network.ts"
import { modeMutator, mutateModes } from "./modes.ts"
import { judge, print } from "./report.ts"

/**
 * Mutates the agent and counts what the unit tests notice: `npm run mutation -- [--concurrency N] [FILE…]`, every file
 * of `domain/`, `programs/`, `layers/live/` and `layers/linux/` without one. Ends with 1 when the score is too low, or
 * a line that guards something has a survivor.
 */

if (process.getuid?.() === 0 || wayOut() !== undefined) {
  process.stderr.write(
    "refusing to start: a mutant is the agent with a fault, and nothing here keeps it from this machine; use npm run mutation\n"
  )
  process.exit(2)
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { concurrency: { type: "string", default: String(availableParallelism()) } }
})

mutateModes()
const everything = ["src/domain/**/*.ts", "src/programs/**/*.ts", "src/layers/live/**/*.ts", "src/layers/linux/**/*.ts"]
const stryker = new Stryker({
  configFile: "test/mutation/stryker.json",
  mutate: positionals.length === 0 ? everything : positionals,
  concurrency: Number(values.concurrency)
})
const sources = new Map<string, ReadonlyArray<string>>()
const lineOf = ({ fileName, location }: MutantResult): string => {
  const lines = sources.get(fileName) ?? readFileSync(fileName, "utf8").split("\n")
  sources.set(fileName, lines)
  return lines[location.start.line - 1] ?? ""
}
const results = await stryker.runMutationTest()
if (positionals.length === 0 && !results.some(({ mutatorName }) => mutatorName === modeMutator)) {
  throw new Error("no permission bits were mutated: Stryker's list of mutators is another one than that of modes.ts")
}
const verdict = judge(
  results.map((mutant) => ({
    file: relative(process.cwd(), mutant.fileName),
    line: mutant.location.start.line,
    source: lineOf(mutant).trim(),
    replacement: mutant.replacement,
    mutator: mutant.mutatorName,
    status: mutant.status
  })),
  positionals.length === 0
)
print(verdict)
process.stdout.write(`${results.length} mutants in ${Math.ceil(performance.now() / 60_000)} min\n`)
process.exitCode = verdict.passed ? 0 : 1
