import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import { type Curve, isOnCurve } from "./EcPoint.ts"

/** A key's type and blob as `authorized_keys` has them. */
export interface KeyBlob {
  /** The type of the plain key; that of the certified key when a certificate was given. */
  readonly type: string
  /** In canonical base64. */
  readonly base64: string
  /** Whether a certificate was given. */
  readonly certificate: boolean
  /** The blob as OpenSSH writes this key, which is what fingerprints are made of. */
  readonly canonical: Uint8Array
}

/** Why it is no key, and its bytes where its base64 is valid. */
export interface BadKeyBlob {
  readonly why: string
  readonly bytes: Uint8Array | undefined
  /** Whether more base64 could make a key of it. */
  readonly cutOff: boolean
}

/** A field of a blob (RFC 4253 section 6.6, RFC 5656, OpenSSH's PROTOCOL.u2f): bytes with their length in front. */
type Field = "text" | "ed25519" | "integer" | "rsa modulus" | { readonly curve: Curve }

interface KeyType {
  /** The type of the key itself. */
  readonly plain: string
  readonly certificate: boolean
  readonly fields: ReadonlyArray<Field>
}

/**
 * OpenSSH's PROTOCOL.certkeys: the certificate's type is the key's with `-cert-v01` in it, and always of OpenSSH's
 * domain.
 */
const withCertificate = (
  name: string,
  fields: ReadonlyArray<Field>,
  plain = name
): ReadonlyArray<readonly [string, KeyType]> => [
  [name, { plain, certificate: false, fields }],
  [`${name.replace("@openssh.com", "")}-cert-v01@openssh.com`, { plain, certificate: true, fields }]
]

const rsa = ["integer", "rsa modulus"] as const
const securityKeyEcdsa = [{ curve: "nistp256" }, "text"] as const

/**
 * Every name that OpenSSH takes for a key type, outside and inside a blob, certificates included: the table `keyimpls`
 * of its `sshkey.c`.
 */
const keyTypes: ReadonlyMap<string, KeyType> = new Map([
  ...withCertificate("ssh-ed25519", ["ed25519"]),
  ...withCertificate("ssh-rsa", rsa),
  ...withCertificate("ecdsa-sha2-nistp256", [{ curve: "nistp256" }]),
  ...withCertificate("ecdsa-sha2-nistp384", [{ curve: "nistp384" }]),
  ...withCertificate("ecdsa-sha2-nistp521", [{ curve: "nistp521" }]),
  ...withCertificate("sk-ssh-ed25519@openssh.com", ["ed25519", "text"]),
  ...withCertificate("sk-ecdsa-sha2-nistp256@openssh.com", securityKeyEcdsa),
  // Names for signatures, which OpenSSH reads as the key type.
  ...withCertificate("rsa-sha2-256", rsa, "ssh-rsa"),
  ...withCertificate("rsa-sha2-512", rsa, "ssh-rsa"),
  ...withCertificate(
    "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
    securityKeyEcdsa,
    "sk-ecdsa-sha2-nistp256@openssh.com"
  )
])

/** Whether a word names a type of key: one that sshd takes, or `ssh-dss`, which it took once. */
export const isKeyType = (word: string): boolean => keyTypes.has(word) || word === "ssh-dss"

/**
 * Decodes a key as sshd does (`sshkey_read` of OpenSSH's `sshkey.c`): the structure is whole, the inner type is the
 * outer one, points are on their curve, RSA has 1024 to 16384 bits. White space other than blanks and tabs inside the
 * base64 is dropped. `type` is one of {@link isKeyType}.
 *
 * Of a certificate it takes the key that it certifies. `ssh-dss` is refused because sshd takes it no longer.
 */
export const decode = (type: string, text: string): KeyBlob | BadKeyBlob => {
  const bad = (why: string, bytes?: Uint8Array, cutOff = false): BadKeyBlob => ({ why, bytes, cutOff })
  const known = keyTypes.get(type)
  if (known === undefined) return bad("sshd takes no ssh-dss keys any more; make an ed25519 key")
  const base64 = text.replace(/[\r\v\f]/g, "")
  if (base64 === "") return bad("nothing follows the type")
  const decoded = Base64.decode(base64)
  // The second condition refuses bits behind the end, as OpenSSH does.
  if (Result.isFailure(decoded) || Base64.encode(decoded.success) !== base64) {
    return bad("its base64 is not valid", undefined, true)
  }
  const bytes = decoded.success
  const reader = new Reader(bytes)
  const inner = keyTypes.get(reader.text())
  if (reader.short) return bad("its blob is cut off", bytes, true)
  if (inner?.plain !== known.plain || inner.certificate !== known.certificate) {
    return bad(`it says ${type} and holds a key of another type`, bytes)
  }
  if (known.certificate) reader.bytes()
  const fields: Array<Uint8Array> = [utf8.encode(known.plain)]
  for (const field of known.fields) {
    const why = read(field, reader, fields)
    if (why !== undefined && !reader.short) return bad(why, bytes)
  }
  if (known.certificate) reader.certificate()
  if (reader.short) return bad("its blob is cut off", bytes, true)
  if (reader.offset !== bytes.length) return bad("bytes follow the key in its blob", bytes)
  const canonical = concat(fields)
  return {
    // sshd skips a certificate in authorized_keys; the key in it lets the same owner in.
    type: known.certificate ? known.plain : type,
    base64: known.certificate ? Base64.encode(canonical) : base64,
    certificate: known.certificate,
    canonical
  }
}

/** Reads a field and appends it, as OpenSSH would write it, to what has been read; says why it is not valid. */
const read = (field: Field, reader: Reader, fields: Array<Uint8Array>): string | undefined => {
  if (typeof field === "object") {
    const name = reader.text()
    const point = reader.bytes()
    fields.push(utf8.encode(field.curve), point)
    return name === field.curve && isOnCurve(field.curve, point)
      ? undefined
      : `it is no point of the curve ${field.curve}`
  }
  const bytes = reader.bytes()
  if (field === "text") {
    const end = bytes.indexOf(0)
    fields.push(end < 0 ? bytes : bytes.subarray(0, end))
    return end < 0 || end === bytes.length - 1 ? undefined : "its application name holds a NUL"
  }
  if (field === "ed25519") {
    fields.push(bytes)
    return bytes.length === 32 ? undefined : "its ed25519 key is not 32 bytes long"
  }
  const [first = 0] = bytes
  const start = bytes.findIndex((byte) => byte !== 0)
  const magnitude = start < 0 ? bytes.subarray(bytes.length) : bytes.subarray(start)
  const [highest = 0] = magnitude
  fields.push(highest >= 0x80 ? Uint8Array.of(0, ...magnitude) : magnitude)
  if (first >= 0x80) return "its RSA key holds a negative number"
  // OpenSSH's SSHBUF_MAX_BIGNUM counts leading zeros, save one.
  if (bytes.length > 2049 || (bytes.length === 2049 && first !== 0)) {
    return "its RSA key has more than 16384 bits; sshd takes no more"
  }
  const bits = magnitude.length * 8 - Math.clz32(highest) + 24
  // OpenSSH's SSH_RSA_MINIMUM_MODULUS_SIZE.
  return field === "integer" || bits >= 1024
    ? undefined
    : `its RSA key has ${Math.max(bits, 0)} bits; sshd takes no less than 1024`
}

/** Reads fields one after the other; past the end everything is empty and `short` is true. */
class Reader {
  offset = 0
  short = false
  private readonly blob: Uint8Array

  constructor(blob: Uint8Array) {
    this.blob = blob
  }

  advance(count: number): void {
    if (this.offset + count > this.blob.length) this.short = true
    else this.offset += count
  }

  bytes(): Uint8Array {
    const { blob, offset } = this
    this.advance(4)
    if (this.short) return blob.subarray(0, 0)
    const length = new DataView(blob.buffer, blob.byteOffset).getUint32(offset)
    this.advance(length)
    return this.short ? blob.subarray(0, 0) : blob.subarray(offset + 4, offset + 4 + length)
  }

  /** OpenSSH takes one NUL at the end of a text. */
  text(): string {
    return new TextDecoder().decode(this.bytes()).replace(/\0$/, "")
  }

  /**
   * What stands behind the key in a certificate: serial, type, id, principals, two times, options, extensions,
   * reserved, CA key, signature.
   */
  certificate(): void {
    this.advance(8 + 4)
    this.bytes()
    this.bytes()
    this.advance(8 + 8)
    for (let count = 0; count < 5; count++) this.bytes()
  }
}

const utf8 = new TextEncoder()

const concat = (fields: ReadonlyArray<Uint8Array>): Uint8Array => {
  const all = new Uint8Array(fields.reduce((sum, field) => sum + 4 + field.length, 0))
  const view = new DataView(all.buffer)
  let offset = 0
  for (const field of fields) {
    view.setUint32(offset, field.length)
    all.set(field, offset + 4)
    offset += 4 + field.length
  }
  return all
}
