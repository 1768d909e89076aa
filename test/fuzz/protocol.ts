/** What the parent and the child of a run tell each other. */

/** Longest CPU time of one input, in milliseconds. */
export const maximumTime = 1000

/** Largest growth of the resident memory by one input, in KiB: 64 MiB. */
export const maximumMemory = 64 * 1024

/** What the child is to do; handed over as JSON in its first argument. */
export interface Job {
  /** The child's own, removed by the parent. */
  readonly directory: string
  readonly seed: string
  readonly targets: ReadonlyArray<string>
  /** The number of the first target's first input. */
  readonly start: number
  /** Inputs of each target; `null` for no limit. */
  readonly count: number | null
  /** Seconds for each target; `null` for no limit. */
  readonly seconds: number | null
  /** Runs this file's bytes in place of made inputs. */
  readonly replay: string | null
  /** How often an input that is over a limit is run again to make it smaller. */
  readonly tries: number
}

/** What became of the inputs of a target. */
export interface Tally {
  readonly target: string
  inputs: number
  values: number
  readonly errors: Record<string, number>
  /** Milliseconds of wall time of the slowest input. */
  slowest: number
  /** KiB by which the resident memory rose within one input, at its highest. */
  biggest: number
  /** Kinds of answers. */
  shapes: number
}

/** An input that breaks a rule. */
export interface Finding {
  readonly target: string
  /** `time` and `memory` are over the limit; `stuck` never ends without working; `ended` is a child that is gone. */
  readonly kind: "defect" | "throw" | "time" | "memory" | "stuck" | "ended"
  readonly detail: string
  /** The input in base64, as small as it could be made. */
  readonly input: string
}

/** What the child tells. */
export type Message =
  | { readonly _tag: "Tally"; readonly tally: Tally }
  | { readonly _tag: "Found"; readonly finding: Finding }
  | { readonly _tag: "Done" }

/** Bytes in front of the input in the file that shows what is under way: target, number and length as text. */
export const headerSize = 128

/** The file below the job's directory that shows what is under way. */
export const currentName = "current"
