/**
 * What the host reads in a KVP pool. The decoder is the fabric's own and shares nothing with the agent's, so that a
 * mistake of the agent does not excuse itself.
 */

/**
 * A record of a pool file: a key field of 512 bytes, then a value field of 2048, filled up with NUL (Linux's
 * `hyperv.h`).
 */
const keySize = 512
const recordSize = 2560

/**
 * What the kernel's exchange with the host carries: bytes of a key and of a value, records of a pool (azure-init's
 * `doc/kvp.md`, `store.rs`).
 */
const maximumKey = 254
const maximumValue = 1022
const maximumRecords = 1024

/** The key that the host looks for (azure-init's `kvp.rs`). */
const reportKey = "PROVISIONING_REPORT"

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

/** One entry, or a sentence about the record that holds none. */
type Read = { readonly key: string; readonly value: string } | string

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const readField = (field: Uint8Array): string => {
  const end = field.indexOf(0)
  return utf8.decode(end < 0 ? field : field.subarray(0, end))
}

const readRecord = (bytes: Uint8Array, index: number): Read => {
  if (bytes.length !== recordSize) return `record ${index} has ${bytes.length} bytes instead of ${recordSize}`
  try {
    return { key: readField(bytes.subarray(0, keySize)), value: readField(bytes.subarray(keySize)) }
  } catch {
    return `record ${index} is not UTF-8`
  }
}

/** What the kernel does not carry to the host as it is. */
const beyondBounds = (read: Read, index: number): ReadonlyArray<string> => {
  if (typeof read === "string") return []
  const key = Buffer.byteLength(read.key)
  const value = Buffer.byteLength(read.value)
  return [
    ...(key === 0 ? [`record ${index} has no key`] : []),
    ...(key > maximumKey ? [`record ${index} has a key of ${key} bytes, more than ${maximumKey}`] : []),
    ...(value > maximumValue ? [`record ${index} has a value of ${value} bytes, more than ${maximumValue}`] : [])
  ]
}

/** A value that was split is full but for less than a character of UTF-8, and its next part has the next number. */
const isContinued = (value: string): boolean => Buffer.byteLength(value) > maximumValue - 4

/** Joins the parts `key|0`, `key|1`, … of one value, which stand one after the other. */
const joinParts = (entries: Pool["entries"]): Pool["entries"] => {
  const joined: Array<{ key: string; value: string }> = []
  let open: { base: string; next: number; last: string } | undefined
  for (const { key, value } of entries) {
    const whole = joined.at(-1)
    if (open !== undefined && whole !== undefined && isContinued(open.last) && key === `${open.base}|${open.next}`) {
      joined[joined.length - 1] = { key: open.base, value: whole.value + value }
      open = { base: open.base, next: open.next + 1, last: value }
      continue
    }
    joined.push({ key, value })
    open = key.endsWith("|0") ? { base: key.slice(0, -2), next: 1, last: value } : undefined
  }
  return joined
}

/** Decodes a KVP pool file. */
export const readPool = (bytes: Uint8Array): Pool => {
  const count = Math.ceil(bytes.length / recordSize)
  const reads = Array.from(
    { length: count },
    (_, index) => readRecord(bytes.subarray(index * recordSize, (index + 1) * recordSize), index)
  )
  const entries = joinParts(reads.filter((read) => typeof read !== "string"))
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
    problems: [
      ...reads.filter((read) => typeof read === "string"),
      ...reads.flatMap(beyondBounds),
      ...(count > maximumRecords ? [`the pool has ${count} records, more than ${maximumRecords}`] : [])
    ]
  }
}
