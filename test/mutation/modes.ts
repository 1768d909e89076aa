import { allMutators } from "../../node_modules/@stryker-mutator/instrumenter/dist/src/mutators/mutate.js"

/** Other permission bits than these: the group's and the others' right to read and to write, each changed. */
export const otherModes = (mode: number): ReadonlyArray<number> => [0o040, 0o020, 0o004, 0o002].map((bit) => mode ^ bit)

/** The name of the mutator of {@link mutateModes}. */
export const modeMutator = "FileMode"

/**
 * Has Stryker mutate permission bits, which are the numbers that are written in octal: by itself it mutates no number.
 * It has no way to add a mutator, so this one goes into its own list.
 */
export const mutateModes = (): void => {
  allMutators.push({
    name: modeMutator,
    *mutate({ node }) {
      if (node.type !== "NumericLiteral" || !String(node.extra?.["raw"]).startsWith("0o")) return
      for (const value of otherModes(node.value)) {
        yield { ...node, value, extra: { rawValue: value, raw: `0o${value.toString(8).padStart(3, "0")}` } }
      }
    }
  })
}
