import * as Effect from "effect/Effect"
import type { Output } from "../../services/Linux.ts"

/** Lines on their way to an {@link Output}. */
export interface Outlet {
  /**
   * Takes a line, line feed included. Never waits: what the output does not take is kept, what there is no room for is
   * dropped and counted.
   */
  readonly tell: (line: string) => void
  /** Offers what is kept again. */
  readonly pump: () => void
  /**
   * Waits until all is taken, at most as long as `atTheEnd`, and gives the number of lines that were lost from the
   * beginning on.
   */
  readonly finish: Effect.Effect<number>
}

/** Bytes that are kept for a slow reader: as much as a pipe holds of itself (pipe(7)). */
export const room = 64 * 1024

/** How often an output is tried, and how long at most, before the process ends. */
const atTheEnd = { pause: "20 millis", times: 50 } as const

const encoder = new TextEncoder()

/**
 * Makes an {@link Outlet}. After lines were dropped, all are until the output has taken what was kept; then `dropped`
 * makes the line that tells their number.
 */
export const make = (output: Output, dropped: (count: number) => string): Outlet => {
  const kept: Array<Uint8Array> = []
  let size = 0
  let untold = 0
  let lost = 0

  const lose = (count: number) => {
    untold += count
    lost += count
  }
  const keep = (line: string) => {
    const bytes = encoder.encode(line)
    kept.push(bytes)
    size += bytes.length
  }
  /** Offers what is kept until the output has no room. */
  const offer = () => {
    for (let next = kept[0]; next !== undefined; next = kept[0]) {
      const taken = output.write(next)
      size -= taken
      if (taken < next.length) {
        kept[0] = next.subarray(taken)
        if (taken === 0) return
      } else kept.shift()
    }
  }
  const pump = () => {
    try {
      offer()
      if (kept.length === 0 && untold > 0) {
        keep(dropped(untold))
        untold = 0
        offer()
      }
    } catch {
      lose(kept.length)
      kept.length = 0
      size = 0
    }
  }

  return {
    tell: (line) => {
      // Once more, so that a reader who has come back is told in order.
      if (untold > 0) pump()
      if (untold > 0 || size + line.length > room) return lose(1)
      keep(line)
      pump()
    },
    pump,
    finish: Effect.gen(function*() {
      pump()
      for (let time = 0; time < atTheEnd.times && kept.length > 0; time++) {
        yield* Effect.sleep(atTheEnd.pause)
        pump()
      }
      return lost + kept.length
    })
  }
}
