import * as Arr from "effect/Array"
import type { Reportable } from "./Reportable.ts"
import { version } from "./Version.ts"
import type { VmId } from "./VmId.ts"

/** The KVP key under which the host looks for the report (azure-init's `kvp.rs`). */
export const reportKey = "PROVISIONING_REPORT"

/** The longest value that the kernel's KVP exchange carries, in bytes of UTF-8 (azure-init's `doc/kvp.md`). */
export const maximumKvpReport = 1022

/**
 * The longest description that the health endpoint takes, in bytes of UTF-8 (the limit in cloud-init's
 * `helpers/azure.py`).
 */
export const maximumHealthDescription = 4096

const agent = `Azure-Init/${version}`
/** azure-init's constant: pre-provisioned VMs are handled like ordinary ones. */
const ppsType = "None"

const documentationUrl = "https://aka.ms/linuxprovisioningerror"

type Field = readonly [key: string, value: string]

const encoder = new TextEncoder()

/** Bytes of UTF-8. */
const size = (text: string): number => encoder.encode(text).length

/**
 * One field of the record: quoted when it holds the delimiter, a quote or a line break; quotes doubled (azure-init's
 * CSV).
 */
const encodeField = ([key, value]: Field): string => {
  const text = `${key}=${value}`
  return /[|"\r\n]/.test(text) ? `"${text.replaceAll("\"", "\"\"")}"` : text
}

/** The longest beginning of the value, in whole characters, with which the encoded field has at most `room` bytes. */
const shorten = ([key, value]: Field, room: number): string | undefined => {
  const characters = Array.from(value)
  let fits = -1
  let tooLong = characters.length + 1
  while (tooLong - fits > 1) {
    const middle = Math.floor((fits + tooLong) / 2)
    if (size(encodeField([key, characters.slice(0, middle).join("")])) <= room) fits = middle
    else tooLong = middle
  }
  return fits <= 0 ? undefined : encodeField([key, characters.slice(0, fits).join("")])
}

/**
 * Fields as one record with `|` between them, at most `maximum` bytes. The fields that do not fit are left out from the
 * end, the first of them is shortened at a character, so that the record stays well-formed.
 */
const encode = (fields: ReadonlyArray<Field>, maximum: number): string => {
  let record = ""
  for (const field of fields) {
    const delimiter = record === "" ? "" : "|"
    const text = encodeField(field)
    if (size(record) + size(delimiter) + size(text) <= maximum) {
      record += delimiter + text
      continue
    }
    const shortened = shorten(field, maximum - size(record) - size(delimiter))
    return shortened === undefined ? record : record + delimiter + shortened
  }
  return record
}

/**
 * An instant as the reports show it: RFC 3339 in UTC with `+00:00` (azure-init's
 * `2026-11-23T04:14:07.324692185+00:00`).
 */
const timestampOf = (iso: string): string => iso.replace(/Z$/, "+00:00")

/** What a report says about where and when it was made; `at` is an ISO 8601 instant in UTC. */
export interface ReportContext {
  readonly vmId: VmId
  readonly at: string
}

/** The success report, fields and order as azure-init's. */
export const success = (context: ReportContext): string =>
  encode([
    ["result", "success"],
    ["agent", agent],
    ["pps_type", ppsType],
    ["vm_id", context.vmId],
    ["timestamp", timestampOf(context.at)]
  ], maximumKvpReport)

/**
 * The failure report with every failure, at most `maximum` bytes.
 *
 * Fields as azure-init's; VM id, time and URL stand before the free text, so that truncation keeps them. The first
 * failure is `reason` with its supporting pairs; the second is `reason_2` and `error_2`, and so on.
 */
export const failure = (
  context: ReportContext,
  failures: Arr.NonEmptyReadonlyArray<Reportable>,
  maximum: number
): string => {
  const [first, ...others] = failures
  return encode([
    ["result", "error"],
    ["reason", first.reason],
    ["agent", agent],
    ["pps_type", ppsType],
    ["vm_id", context.vmId],
    ["timestamp", timestampOf(context.at)],
    ["documentation_url", documentationUrl],
    ...first.supporting,
    ...others.flatMap((other, index): ReadonlyArray<Field> => [
      [`reason_${index + 2}`, other.reason],
      [`error_${index + 2}`, other.message]
    ])
  ], maximum)
}

/** The description of the in-progress report: azure-init's sentence. */
export const inProgress = (vmId: VmId): string => `Provisioning is still in progress for vm_id=${vmId}.`
