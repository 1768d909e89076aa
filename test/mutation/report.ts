import { dirname } from "node:path"
import { type Accepted, accepted } from "./accepted.ts"

/** What became of one mutant. */
export interface Mutant {
  /** As `src/domain/VmId.ts`. */
  readonly file: string
  readonly line: number
  /** The whole line in which it begins, trimmed. */
  readonly source: string
  readonly replacement: string
  readonly mutator: string
  /** Stryker's word: `Killed`, `Timeout`, `Survived`, `NoCoverage`, `RuntimeError`, … */
  readonly status: string
}

/** The figures of one folder. */
export interface Score {
  readonly folder: string
  readonly killed: number
  readonly survived: number
  /** Mutants of the list in `accepted.ts`; not part of the score. */
  readonly accepted: number
  /** Mutants with which no test could be loaded; not part of the score, as with Stryker. */
  readonly invalid: number
}

/** What the run came to. */
export interface Verdict {
  readonly scores: ReadonlyArray<Score>
  readonly survivors: ReadonlyArray<Mutant>
  /** Entries of `accepted.ts` that no survivor needs any more. */
  readonly unused: ReadonlyArray<Accepted>
  readonly passed: boolean
}

/** The least score of these folders, in per cent of the mutants that count. */
const least: Readonly<Record<string, number>> = { "src/domain": 90, "src/programs": 90 }

/** What hides secrets, every line of it. */
const redaction = "src/domain/Redaction.ts"

/**
 * A line of a live layer, in the words of the service `Linux`, that guards ownership, modes, links, durability, secrets
 * or limits.
 */
const guards =
  /\be?[ug]id\b|trusted|owner|chown|chmod|mode\b|0o[0-7]+|O_[A-Z]+|noFollow|exclusive|lstat|readlink|[sS]ymbolic|link|(?<!Effect\.)sync\b|rename|[rR]edact|[pP]assword|secret|[mM]ax(imum)?[A-Z]?|limit|deadline/

/** The code of a line: what is said in it, and comments, guard nothing. */
const codeOf = (source: string): string => source.replace(/\/\/.*$/, "").replaceAll(/"[^"]*"/g, "")

/** Whether a mutant's line guards something; there nothing may survive. */
export const isGuard = ({ file, source }: Mutant): boolean =>
  file === redaction || (/^src\/layers\/(live|linux)\//.test(file) && guards.test(codeOf(source)))

const matches = (entry: Accepted, mutant: Mutant): boolean =>
  (entry.file === undefined || entry.file === mutant.file) && mutant.source.includes(entry.line) &&
  (entry.replacement === undefined || entry.replacement === mutant.replacement)

const isSurvivor = ({ status }: Mutant): boolean => status === "Survived" || status === "NoCoverage"

const percent = ({ killed, survived }: Score): number =>
  killed + survived === 0 ? 100 : 100 * killed / (killed + survived)

/**
 * Counts the mutants; `whole` when every file was mutated, so that an entry of the list without a survivor is a fault.
 */
export const judge = (
  mutants: ReadonlyArray<Mutant>,
  whole: boolean,
  list: ReadonlyArray<Accepted> = accepted
): Verdict => {
  const survivors = mutants.filter((mutant) => isSurvivor(mutant) && !list.some((entry) => matches(entry, mutant)))
  const scores = [...Map.groupBy(mutants, ({ file }) => dirname(file))].map(([folder, all]): Score => {
    const killed = all.filter(({ status }) => status === "Killed" || status === "Timeout").length
    const survived = survivors.filter(({ file }) => dirname(file) === folder).length
    const open = all.filter(isSurvivor).length
    return { folder, killed, survived, accepted: open - survived, invalid: all.length - killed - open }
  })
  const unused = whole
    ? list.filter((entry) => !mutants.some((mutant) => isSurvivor(mutant) && matches(entry, mutant)))
    : []
  const passed = unused.length === 0 && !survivors.some(isGuard) &&
    scores.every((score) => percent(score) >= (least[score.folder] ?? 0))
  return { scores, survivors, unused, passed }
}

/** One line for each survivor, then one for each folder. */
export const shown = ({ scores, survivors, unused }: Verdict): string => {
  const lines = survivors.flatMap((mutant) => [
    `${isGuard(mutant) ? "guard survived" : "survived"}: ${mutant.file}:${mutant.line} ${mutant.mutator}`,
    `    ${mutant.source}`,
    `  → ${mutant.replacement.replaceAll(/\s+/g, " ").slice(0, 160)}`
  ])
  for (const entry of unused) lines.push(`not needed in accepted.ts: ${entry.file ?? "any file"}: ${entry.line}`)
  for (const score of scores) {
    const wanted = least[score.folder]
    lines.push(
      `${score.folder}: ${percent(score).toFixed(1)} % (${score.killed} killed, ${score.survived} survived, ` +
        `${score.accepted} accepted, ${score.invalid} invalid)${wanted === undefined ? "" : `, at least ${wanted} %`}`
    )
  }
  return lines.join("\n")
}

/** Prints {@link shown}. */
export const print = (verdict: Verdict): void => {
  process.stdout.write(`${shown(verdict)}\n`)
}
