/** A mutant that no unit test has to kill, and why. */
export interface Accepted {
  /** The source file, as `src/domain/VmId.ts`; every file without it. */
  readonly file?: string
  /** A part of the mutant's first line, as it stands in the source. */
  readonly line: string
  /** What stands in the place of the source; every replacement of the line without it. */
  readonly replacement?: string
  /** Why it behaves the same, or the end-to-end test that kills it, since only root can. */
  readonly because: { readonly equivalent: string } | { readonly endToEnd: string }
}

/**
 * Each entry has to match a mutant that survives, or the run fails: the list never outlives its reasons.
 */
export const accepted: ReadonlyArray<Accepted> = [
  { line: "Schema.brand(", because: { equivalent: "a brand is a type; nothing is named by it at run time" } }
]
