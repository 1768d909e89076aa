import { decodePool } from "../domain/KvpRecord.ts"

/** A span of the agent as the KVP pool tells of it. */
export interface Step {
  readonly name: string
  /** Milliseconds since 1970. */
  readonly start: number
  readonly end: number
}

/** What a KVP pool file says, as the host reads it. */
export interface Pool {
  readonly entries: ReadonlyArray<{ readonly key: string; readonly value: string }>
  /** In the order of their beginning. */
  readonly steps: ReadonlyArray<Step>
  /** Value of `PROVISIONING_REPORT`, if there is one. */
  readonly report: string | undefined
  readonly problems: ReadonlyArray<string>
}

/** Decodes a KVP pool file. */
export const readPool = (bytes: Uint8Array): Pool => {
  const { entries, problems } = decodePool(bytes)
  const steps = entries.flatMap(({ key, value }): ReadonlyArray<Step> => {
    const times = /^Start: (\S+) \| End: (\S+)$/.exec(value)
    const name = key.split("|")[3]
    return times === null || name === undefined
      ? []
      : [{ name, start: Date.parse(times[1] ?? ""), end: Date.parse(times[2] ?? "") }]
  })
  return {
    entries,
    steps: steps.sort((a, b) => a.start - b.start || b.end - a.end),
    report: entries.find(({ key }) => key === "PROVISIONING_REPORT")?.value,
    problems
  }
}
