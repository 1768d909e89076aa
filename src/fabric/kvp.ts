import * as Result from "effect/Result"
import { decode, decodePool, maximumKey, maximumRecords, maximumValue, recordSize } from "../domain/KvpRecord.ts"
import { reportKey } from "../domain/ProvisioningReport.ts"

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
  /** A sentence about each record that can't be read, or that the host can't be given as it is. */
  readonly problems: ReadonlyArray<string>
}

/** What the kernel's exchange with the host does not carry: records beyond its bounds, and more of them than a pool may hold. */
const beyondBounds = (bytes: Uint8Array): ReadonlyArray<string> => {
  const count = Math.ceil(bytes.length / recordSize)
  const records = Array.from(
    { length: count },
    (_, index) => Result.getOrUndefined(decode(bytes.subarray(index * recordSize, (index + 1) * recordSize)))
  )
  return [
    ...records.flatMap((record, index) => {
      if (record === undefined) return []
      const [key, value] = [Buffer.byteLength(record.key), Buffer.byteLength(record.value)]
      return [
        ...(key === 0 ? [`record ${index} has no key`] : []),
        ...(key > maximumKey ? [`record ${index} has a key of ${key} bytes, more than ${maximumKey}`] : []),
        ...(value > maximumValue ? [`record ${index} has a value of ${value} bytes, more than ${maximumValue}`] : [])
      ]
    }),
    ...(count > maximumRecords ? [`the pool has ${count} records, more than ${maximumRecords}`] : [])
  ]
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
    report: entries.find(({ key }) => key === reportKey)?.value,
    problems: [...problems, ...beyondBounds(bytes)]
  }
}
