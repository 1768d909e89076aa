import * as Result from "effect/Result"
import { reportKey } from "./ProvisioningReport.ts"

/**
 * One entry of a Hyper-V KVP pool: a key of at most 254 bytes and a value of any length; the pool file splits long
 * values into several records. The limits are those of the kernel's `hv_kvp` exchange (azure-init's `doc/kvp.md`).
 */
export interface KvpEntry {
  readonly key: string
  readonly value: string
}

const keySize = 512
const valueSize = 2048

/**
 * Bytes of one record: a key field of 512 bytes and a value field of 2048, UTF-8, filled up with NUL (Linux's
 * `hyperv.h`).
 */
export const recordSize = keySize + valueSize

/** The longest key that the kernel carries, in bytes of UTF-8 (azure-init's `doc/kvp.md`). */
export const maximumKey = 254

/** The longest value of one record that the kernel carries, in bytes of UTF-8 (azure-init's `doc/kvp.md`). */
export const maximumValue = 1022

/** The most records that a pool may hold (azure-init's `store.rs`). */
export const maximumRecords = 1024

/** The beginning of the keys of our own diagnostics. */
export const diagnosticPrefix = "azure-init-"

const encoder = new TextEncoder()
const reportKeyField = encoder.encode(`${reportKey}\0`)
const diagnosticPrefixBytes = encoder.encode(diagnosticPrefix)
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Text that UTF-8 and a field that ends with NUL can hold: every other character becomes U+FFFD. */
const storable = (text: string): string =>
  text.isWellFormed() && !text.includes("\0") ? text : text.replaceAll(/[\0\p{Surrogate}]/gu, "\uFFFD")

/** Parts of at most `maximum` bytes of UTF-8, none of which splits a character. */
const split = (text: string, maximum: number): ReadonlyArray<string> => {
  const bytes = encoder.encode(text)
  if (text !== "" && bytes.length <= maximum) return [text]
  const parts: Array<string> = []
  let start = 0
  while (start < bytes.length) {
    let end = Math.min(start + maximum, bytes.length)
    // A byte 10xxxxxx continues a character.
    while (end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
    parts.push(decoder.decode(bytes.subarray(start, end)))
    start = end
  }
  return parts
}

/** The key with the suffix, cut to 254 bytes before its last `|`, since what follows is what makes a key unique. */
const fitKey = (key: string, suffix: string): string => {
  const room = maximumKey - suffix.length
  if (encoder.encode(key).length <= room) return key + suffix
  const bar = key.lastIndexOf("|")
  const tail = bar < 0 ? "" : key.slice(bar)
  const tailSize = encoder.encode(tail).length
  return tailSize < room
    ? `${split(key.slice(0, key.length - tail.length), room - tailSize)[0]}${tail}${suffix}`
    : `${split(key, room)[0]}${suffix}`
}

/**
 * An entry as the records that hold it, each with a key and a value within the kernel's limits.
 *
 * A value of more than 1022 bytes is split at characters, and `|0`, `|1`, … stands after the key: the host keeps one
 * value for each key, so that azure-init's equal keys lose all but one part. `PROVISIONING_REPORT` is cut instead,
 * since the host looks for this very key. An entry without a key or without a value has no record, as in azure-init.
 * NUL and lone surrogates become U+FFFD.
 */
export const records = (entry: KvpEntry): ReadonlyArray<KvpEntry> => {
  const key = storable(entry.key)
  const parts = split(storable(entry.value), maximumValue)
  if (key === "") return []
  return parts.length <= 1 || key === reportKey
    ? parts.slice(0, 1).map((value) => ({ key: fitKey(key, ""), value }))
    : parts.map((value, index) => ({ key: fitKey(key, `|${index}`), value }))
}

/** Records as the bytes of a pool file; what does not fit into a field is cut. */
export const encode = (records: ReadonlyArray<KvpEntry>): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(records.length * recordSize)
  records.forEach(({ key, value }, index) => {
    const start = index * recordSize
    encoder.encodeInto(key, bytes.subarray(start, start + keySize))
    encoder.encodeInto(value, bytes.subarray(start + keySize, start + recordSize))
  })
  return bytes
}

const decodeField = (field: Uint8Array): string => {
  const end = field.indexOf(0)
  return decoder.decode(end < 0 ? field : field.subarray(0, end))
}

/** One record of a pool file; the failure says what is wrong with its bytes. */
export const decode = (bytes: Uint8Array): Result.Result<KvpEntry, string> =>
  bytes.length === recordSize
    ? Result.try({
      try: () => ({
        key: decodeField(bytes.subarray(0, keySize)),
        value: decodeField(bytes.subarray(keySize))
      }),
      catch: () => "is not UTF-8"
    })
    : Result.fail(`has ${bytes.length} bytes instead of ${recordSize}`)

/** What a pool file holds: its readable entries in order, and a sentence about each record that can't be read. */
export interface DecodedPool {
  readonly entries: ReadonlyArray<KvpEntry>
  readonly problems: ReadonlyArray<string>
}

/**
 * Decodes a pool file; a record that can't be read costs no other, and the parts of one value that {@link records} made
 * are joined.
 */
export const decodePool = (bytes: Uint8Array): DecodedPool => {
  const entries: Array<KvpEntry> = []
  const problems: Array<string> = []
  for (let start = 0; start < bytes.length; start += recordSize) {
    const record = decode(bytes.subarray(start, start + recordSize))
    if (Result.isSuccess(record)) entries.push(record.success)
    else problems.push(`record ${start / recordSize} ${record.failure}`)
  }
  return { entries: join(entries), problems }
}

/** Whether a value was split after this part: what is left is less than a character's four bytes. */
const isSplit = (part: KvpEntry | undefined): boolean =>
  part !== undefined && encoder.encode(part.value).length > maximumValue - 4

/** Joins runs of neighbours `key|0`, `key|1`, … that were split. */
const join = (records: ReadonlyArray<KvpEntry>): ReadonlyArray<KvpEntry> => {
  const joined: Array<KvpEntry> = []
  let index = 0
  while (index < records.length) {
    const record = records[index]
    if (record === undefined) break
    const base = record.key.endsWith("|0") ? record.key.slice(0, -2) : undefined
    let parts = 1
    if (base !== undefined) {
      while (isSplit(records[index + parts - 1]) && records[index + parts]?.key === `${base}|${parts}`) parts++
    }
    joined.push(
      base !== undefined && parts > 1
        ? { key: base, value: records.slice(index, index + parts).map((part) => part.value).join("") }
        : record
    )
    index += parts
  }
  return joined
}

/** What to do to a pool file to store a batch. */
export interface Placement {
  /** Bytes to write, by offset; at most one of them lies at the end of the file. */
  readonly writes: ReadonlyArray<{ readonly offset: number; readonly bytes: Uint8Array<ArrayBuffer> }>
  /** Bytes of the present file to keep: an unfinished record at its end goes. */
  readonly keep: number
  /** Entries for which the pool has no room. */
  readonly omitted: number
}

/**
 * Where the entries of a batch go in a pool file with these bytes.
 *
 * New records go to the end. The report replaces every report that is there, and one of the pool's 1024 places is kept
 * for it: diagnostics are left out when the others are taken, and if others have filled the pool, the report takes the
 * place of our last diagnostic.
 */
export const place = (pool: Uint8Array, batch: ReadonlyArray<KvpEntry>): Placement => {
  const count = Math.floor(pool.length / recordSize)
  const indices = Array.from({ length: count }, (_, index) => index)
  const reports = indices.filter((index) => keyBegins(pool, index, reportKeyField))
  const report = batch.findLastIndex(({ key }) => key === reportKey)

  const replaced = reports.length > 0 || count < maximumRecords
    ? reports
    : indices.filter((index) => keyBegins(pool, index, diagnosticPrefixBytes)).slice(-1)
  const appended: Array<KvpEntry> = []
  const writes: Array<Placement["writes"][number]> = []
  let room = maximumRecords - count - (reports.length > 0 ? 0 : 1)
  let omitted = 0
  batch.forEach((entry, index) => {
    if (entry.key === reportKey) {
      if (index !== report) return
      const bytes = encode(records(entry))
      if (replaced.length === 0) appended.push(...records(entry))
      else replaced.forEach((slot) => writes.push({ offset: slot * recordSize, bytes }))
      return
    }
    const parts = records(entry)
    if (parts.length > room) {
      omitted++
      return
    }
    room -= parts.length
    appended.push(...parts)
  })
  if (appended.length > 0) writes.push({ offset: count * recordSize, bytes: encode(appended) })
  return { writes, keep: count * recordSize, omitted }
}

/** Whether the key of a record begins with these bytes. */
const keyBegins = (pool: Uint8Array, index: number, bytes: Uint8Array): boolean =>
  bytes.every((byte, offset) => pool[index * recordSize + offset] === byte)
