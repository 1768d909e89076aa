import * as Schema from "effect/Schema"

/**
 * The VM id as Azure prints it: lower case. It becomes a file name, so it holds hexadecimal digits, letters and hyphens
 * only.
 */
export const VmId = Schema.String.check(
  Schema.isPattern(/^[a-z0-9-]{1,64}$/, { expected: "at most 64 lower-case letters, digits and '-'" })
).pipe(Schema.brand("VmId"))

/** See {@link VmId}. */
export type VmId = typeof VmId.Type

/** The id that azure-init uses where the firmware shows none (its `main.rs`). */
export const unknownVmId: VmId = VmId.make("00000000-0000-0000-0000-000000000000")

const uuid = /^(?:urn:uuid:)?\{?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})\}?$/i

const reverseBytes = (hex: string): string => (hex.match(/../g) ?? []).toReversed().join("")

/**
 * The id in the other byte order: SMBIOS 2.3 (generation 1) and 3.1 (generation 2) differ in the first three groups of
 * a UUID. A text that is no UUID is returned in lower case.
 */
export const swapByteOrder = (text: string): string => {
  const groups = uuid.exec(text)
  if (groups === null) return text.toLowerCase()
  const [, a = "", b = "", c = "", d = "", e = ""] = groups
  return `${reverseBytes(a)}-${reverseBytes(b)}-${reverseBytes(c)}-${d}-${e}`.toLowerCase()
}

/** All the names under which a marker of this VM may stand: the id itself, then its other byte order. */
export const spellings = (vmId: VmId): ReadonlyArray<string> => {
  const other = swapByteOrder(vmId)
  return other === vmId ? [vmId] : [vmId, other]
}
