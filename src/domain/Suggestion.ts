import { shorten } from "./TomlTable.ts"

/**
 * Words for the known name that an unknown one was most likely meant to be: most words in common, then fewest edits;
 * all known names when there is neither a common word nor a spelling within two edits.
 */
export const suggest = (name: string, known: ReadonlyArray<string>): string => {
  const given = shorten(name.toLowerCase(), 60)
  const words = new Set(given.split(/[_-]/))
  const [best] = known
    .map((candidate) => ({
      candidate,
      shared: candidate.split("_").filter((word) => words.has(word)).length,
      edits: editsBetween(given, candidate)
    }))
    .sort((left, right) => right.shared - left.shared || left.edits - right.edits)
  return best !== undefined && (best.shared > 0 || best.edits <= 2)
    ? `${best.candidate}, perhaps`
    : `one of ${known.join(", ")}`
}

/** How many letters must be added, dropped or replaced to make one name of the other (Levenshtein's distance). */
const editsBetween = (left: string, right: string): number => {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (const letter of left) {
    const next = [(row[0] ?? 0) + 1]
    row.slice(1).forEach((above, index) => {
      const diagonal = (row[index] ?? 0) + (letter === right[index] ? 0 : 1)
      next.push(Math.min(above + 1, (next[index] ?? 0) + 1, diagonal))
    })
    row = next
  }
  return row[right.length] ?? 0
}
