/**
 * What sshd makes of an entry of a list of addresses: a network, one whose mask does not fit its address, or no address
 * at all.
 */
export type Reading = "network" | "inconsistent" | "other"

/**
 * Reads one entry as OpenSSH's `addr_pton_cidr` does. `10.0.0.1/8` and `10.0.0.0/33` are inconsistent: bits are set
 * behind the mask, or there are not that many. What is no address is a pattern for names.
 */
export const read = (entry: string): Reading => {
  const slash = entry.indexOf("/")
  // Without a mask every address is a whole network of its own. OpenSSH copies the entry into 64 bytes.
  if (slash < 1 || entry.length > 63) return "other"
  const mask = entry.slice(slash + 1)
  if (!/^[ \t]*[+-]?[0-9]+$/.test(mask) || Number(mask) < 0 || Number(mask) > 0x7fffffff) return "other"
  const address = entry.slice(0, slash)
  const bytes = address.includes(":") ? sixteen(address) : four(address)
  if (bytes === undefined) return "other"
  const length = Number(mask)
  const fits = length <= bytes.length * 8
    && bytes.every((byte, index) => (byte & (0xff >> Math.min(8, Math.max(0, length - index * 8)))) === 0)
  return fits ? "network" : "inconsistent"
}

/**
 * `inet_aton(3)`: one to four numbers, decimal, octal or hexadecimal, of which the last fills the bytes that are left.
 */
const four = (text: string): ReadonlyArray<number> | undefined => {
  const parts = text.split(".")
  if (parts.length > 4 || !parts.every((part) => /^(0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)$/i.test(part))) return undefined
  const numbers = parts.map((part) => /^0[0-7]/.test(part) ? Number.parseInt(part, 8) : Number(part))
  const last = numbers.pop() ?? 0
  const left = 4 - numbers.length
  if (numbers.some((number) => number > 255) || last >= 256 ** left) return undefined
  return [...numbers, ...Array.from({ length: left }, (_, index) => Math.floor(last / 256 ** (left - 1 - index)) % 256)]
}

/**
 * RFC 4291 section 2.2: groups of 16 bits, `::` for zeros, the last 32 bits as IPv4 if that is wanted; what follows `%`
 * is the scope.
 */
const sixteen = (text: string): ReadonlyArray<number> | undefined => {
  const [address = ""] = text.split("%")
  const halves = address.split("::").map((half, index, all) =>
    half === "" ? [] : half.split(":").flatMap(group(index === all.length - 1))
  )
  const bytes = halves.flat()
  if (halves.length > 2 || bytes.includes(-1)) return undefined
  if (halves.length === 1) return bytes.length === 16 ? bytes : undefined
  if (bytes.length > 14) return undefined
  const zeros = Array<number>(16 - bytes.length).fill(0)
  return halves.reduce((front, back) => front.concat(zeros, back))
}

/**
 * The bytes of a group; -1 for what is none. IPv4, in inet_pton(3)'s form without leading zeros, stands only at the
 * very end.
 */
const group = (end: boolean) => (text: string, index: number, all: ReadonlyArray<string>): ReadonlyArray<number> => {
  if (end && index === all.length - 1 && /^(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){3}$/.test(text)) {
    const bytes = text.split(".").map(Number)
    return bytes.every((byte) => byte < 256) ? bytes : [-1]
  }
  if (!/^[0-9a-f]{1,4}$/i.test(text)) return [-1]
  const number = Number.parseInt(text, 16)
  return [number >> 8, number & 0xff]
}
