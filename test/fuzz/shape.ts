import type { Outcome } from "./target.ts"

/** The kind of a finding or an answer: its words without numbers, names and what the input holds. */
export const shapeOf = (text: string): string =>
  (text.split("\n")[0] ?? "").replaceAll(/['"“`][^'"”`]*['"”`]/g, "Q").replaceAll(/\d+/g, "0").slice(0, 120)

/** Inputs of the same kind of outcome have the same shape; one that has a new shape is worth mutating. */
export const shapeOfOutcome = (outcome: Outcome): string =>
  outcome._tag === "Value" ? `value ${shapeOf(outcome.detail)}` : `${outcome.error} ${shapeOf(outcome.detail)}`

/** More kinds of answers than this are not told apart. */
export const maximumPool = 512

/** Large documents breed large ones, and a run would do little else. */
export const maximumParent = 65_536
