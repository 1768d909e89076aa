/** Numbers that look random and follow from the seed alone. */
export interface Random {
  /** A whole number from 0 to `below - 1`; 0 when `below` is less than 1. */
  readonly below: (below: number) => number
  /** One of a list that is not empty. */
  readonly pick: <A>(all: ReadonlyArray<A>) => A
}

/** FNV-1a, 32 bits: spreads names and counters over the whole range of seeds. */
const hash = (text: string): number => {
  let value = 0x811c9dc5
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193)
  }
  return value >>> 0
}

/** Marsaglia's xorshift32, seeded with the hash of a text. */
export const make = (seed: string): Random => {
  let state = hash(seed) || 1
  const below = (limit: number): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return limit < 1 ? 0 : (state >>> 0) % limit
  }
  return {
    below,
    pick: (all) => {
      const found = all[below(all.length)]
      if (found === undefined) throw new RangeError("nothing to pick from")
      return found
    }
  }
}
