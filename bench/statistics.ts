/** What several measurements of one thing come to. */
export interface Spread {
  readonly median: number
  readonly least: number
  readonly most: number
}

/** The spread of these values; every figure is NaN when there are none. */
export const spreadOf = (values: ReadonlyArray<number>): Spread => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return {
    median: ((sorted[middle] ?? NaN) + (sorted[sorted.length - 1 - middle] ?? NaN)) / 2,
    least: sorted[0] ?? NaN,
    most: sorted.at(-1) ?? NaN
  }
}
