import { WebCrypto } from "effect/crypto/WebCrypto"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"

/** An SSH public key that sshd can use: the inner type of the blob is the named type. */
export interface SshPublicKey {
  /** `ssh-ed25519`, `ecdsa-sha2-nistp256`, `sk-ssh-ed25519@openssh.com`, …; never a certificate's. */
  readonly type: string
  /** The key blob in canonical base64. */
  readonly blob: string
  /** What follows the blob, possibly empty; one line. */
  readonly comment: string
  /** `SHA256:…` as `ssh-keygen -l` prints it. */
  readonly fingerprint: string
}

/** Why a text is no usable key, and what to find it by. */
export interface BadSshPublicKey {
  readonly why: string
  /** `SHA256:…` of the blob when its base64 is valid, else of the text without surrounding white space. */
  readonly fingerprint: string
}

/** The keys of a list that sshd can use, and those it can't. */
export interface DecodedKeys {
  /** In the order given, each type and blob once. */
  readonly keys: ReadonlyArray<SshPublicKey>
  /** `index` counts from 0 in the list given. */
  readonly rejected: ReadonlyArray<BadSshPublicKey & { readonly index: number }>
}

/**
 * Decodes one line of an `authorized_keys` file without options.
 *
 * White space and line ends around it are dropped, and so are line ends inside: the Azure portal wraps keys with CR LF. Two keys in
 * one text are refused, and so is everything that sshd would skip in silence: an unknown type, base64 or a structure that is not whole, a
 * blob of another type, RSA below 1024 bits. A certificate becomes the key that it certifies. `ssh-dss` is refused because sshd takes it no longer.
 */
export const decode = (text: string): Effect.Effect<SshPublicKey, BadSshPublicKey> => {
  const read = parse(text)
  return Effect.flatMap(sha256(read.digested), (fingerprint) =>
    "why" in read
      ? Effect.fail({ why: read.why, fingerprint })
      : Effect.succeed({ type: read.type, blob: read.blob, comment: read.comment, fingerprint }))
}

/** Decodes a list of keys as IMDS or the OVF environment has it; a bad key costs no other. */
export const decodeAll = (texts: ReadonlyArray<string>): Effect.Effect<DecodedKeys> =>
  Effect.map(Effect.forEach(texts, (text) => Effect.result(decode(text)), { concurrency: "unbounded" }), (decoded) => {
    const keys = new Map<string, SshPublicKey>()
    const rejected: Array<BadSshPublicKey & { readonly index: number }> = []
    decoded.forEach((result, index) => {
      if (Result.isFailure(result)) {
        rejected.push({ index, ...result.failure })
        return
      }
      const name = `${result.success.type} ${result.success.blob}`
      if (!keys.has(name)) keys.set(name, result.success)
    })
    return { keys: [...keys.values()], rejected }
  })

/** The key's line in an `authorized_keys` file, without the line end. */
export const toLine = (key: SshPublicKey): string =>
  key.comment === "" ? `${key.type} ${key.blob}` : `${key.type} ${key.blob} ${key.comment}`

/** A field of a blob (RFC 4253 section 6.6, RFC 5656, OpenSSH's PROTOCOL.u2f): bytes with their length in front. */
type Field = "any" | "ed25519" | "rsa modulus" | { readonly curve: string; readonly point: number }

interface KeyType {
  /** The type of the key itself, which the blob may name too. */
  readonly plain: string
  readonly certificate: boolean
  readonly fields: ReadonlyArray<Field>
}

const curve = (name: string, point: number): Field => ({ curve: name, point })

/** OpenSSH's PROTOCOL.certkeys: the certificate's type is the key's with `-cert-v01` in it, and always of OpenSSH's domain. */
const withCertificate = (plain: string, fields: ReadonlyArray<Field>): ReadonlyArray<readonly [string, KeyType]> => [
  [plain, { plain, certificate: false, fields }],
  [`${plain.replace("@openssh.com", "")}-cert-v01@openssh.com`, { plain, certificate: true, fields }]
]

const securityKeyEcdsa = [curve("nistp256", 65), "any"] as const

/** Every type that OpenSSH makes, certificates included. The points of the curves are uncompressed: 1 byte and two coordinates. */
const keyTypes: ReadonlyMap<string, KeyType> = new Map([
  ...withCertificate("ssh-ed25519", ["ed25519"]),
  ...withCertificate("ssh-rsa", ["any", "rsa modulus"]),
  ...withCertificate("ecdsa-sha2-nistp256", [curve("nistp256", 65)]),
  ...withCertificate("ecdsa-sha2-nistp384", [curve("nistp384", 97)]),
  ...withCertificate("ecdsa-sha2-nistp521", [curve("nistp521", 133)]),
  ...withCertificate("sk-ssh-ed25519@openssh.com", ["ed25519", "any"]),
  ...withCertificate("sk-ecdsa-sha2-nistp256@openssh.com", securityKeyEcdsa),
  // A name for signatures; OpenSSH reads it as the key type sk-ecdsa, outside and inside the blob.
  ["webauthn-sk-ecdsa-sha2-nistp256@openssh.com", {
    plain: "sk-ecdsa-sha2-nistp256@openssh.com",
    certificate: false,
    fields: securityKeyEcdsa
  }]
])

/** OpenSSH's `SSH_MAX_PUBKEY_BYTES` of old: longer lines are skipped by some sshd. */
const maximumLength = 8192

type Parsed =
  | { readonly type: string; readonly blob: string; readonly comment: string; readonly digested: Uint8Array }
  | { readonly why: string; readonly digested: Uint8Array }

const parse = (text: string): Parsed => {
  const trimmed = text.trim()
  const lines = trimmed.split(/[\r\n]+/)
  const line = lines.join("")
  const bad = (why: string, digested: Uint8Array = utf8.encode(trimmed)): Parsed => ({ why, digested })

  if (line === "") return bad("it is empty")
  if (line.length > maximumLength) return bad(`it is longer than ${maximumLength} characters`)
  if (lines.slice(1).some(containsKey)) return bad("it holds more than one key; give each an entry of its own")
  const [type = "", base64 = "", ...rest] = line.split(/[ \t]+/)
  const known = keyTypes.get(type)
  if (known === undefined) {
    if (type === "ssh-dss") return bad("sshd takes no ssh-dss keys any more; make an ed25519 key")
    if (/^-+ ?BEGIN/.test(line)) return bad("it is a PEM or RFC 4716 file; give the one line of the .pub file")
    return bad(
      containsKey(line)
        ? "it has options in front of the type; give the key without them"
        : "its type is not one that sshd knows"
    )
  }
  if (base64 === "") return bad("nothing follows the type")
  const decoded = Base64.decode(base64)
  // The second condition refuses bits behind the end, as OpenSSH does.
  if (Result.isFailure(decoded) || Base64.encode(decoded.success) !== base64) return bad("its base64 is not valid")
  const blob = decoded.success
  const fields = new Reader(blob)
  const inner = fields.text()
  if (inner !== type && keyTypes.get(inner)?.plain !== known.plain) {
    return bad(`it says ${type} and holds a key of another type`, blob)
  }
  if ((keyTypes.get(inner)?.certificate ?? false) !== known.certificate) {
    return bad(`it says ${type} and holds a key of another type`, blob)
  }
  if (known.certificate) fields.bytes()
  const start = fields.offset
  for (const field of known.fields) {
    const why = wrong(field, fields)
    if (why !== undefined) return bad(why, blob)
  }
  const end = fields.offset
  if (known.certificate) fields.certificate()
  if (fields.short) return bad("its blob is cut off", blob)
  if (fields.offset !== blob.length) return bad("bytes follow the key in its blob", blob)
  const plain = concat(lengthPrefixed(utf8.encode(known.plain)), blob.subarray(start, end))
  return {
    // sshd passes over a certificate in authorized_keys; the key in it lets the same owner in.
    type: known.certificate ? known.plain : type,
    blob: known.certificate ? Base64.encode(plain) : base64,
    comment: rest.join(" ").replace(unprintable, "").trim().split(/\s+/).join(" "),
    digested: plain
  }
}

/** Control characters, C1 and Unicode's line and paragraph separators and directional overrides among them. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** Whether a key type stands in a text as a word of its own with base64 behind it. */
const containsKey = (text: string): boolean =>
  [...text.matchAll(/(?:^|[ \t])([a-z0-9@.-]+)[ \t]+AAAA/g)].some(([, word = ""]) =>
    keyTypes.has(word) || word === "ssh-dss"
  )

const wrong = (field: Field, fields: Reader): string | undefined => {
  if (field === "any") {
    fields.bytes()
    return undefined
  }
  if (field === "ed25519") {
    return fields.bytes().length === 32 || fields.short ? undefined : "its ed25519 key is not 32 bytes long"
  }
  if (field === "rsa modulus") {
    const modulus = fields.bytes()
    const first = modulus.findIndex((byte) => byte !== 0)
    const bits = first < 0 ? 0 : (modulus.length - first) * 8 - Math.clz32(modulus[first] ?? 0) + 24
    // OpenSSH's SSH_RSA_MINIMUM_MODULUS_SIZE.
    return bits >= 1024 || fields.short ? undefined : `its RSA key has ${bits} bits; sshd takes no less than 1024`
  }
  const name = fields.text()
  const point = fields.bytes()
  return fields.short || (name === field.curve && point.length === field.point && point[0] === 4)
    ? undefined
    : `it is no point of the curve ${field.curve}`
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

  text(): string {
    return new TextDecoder().decode(this.bytes())
  }

  /** What stands behind the key in a certificate: serial, type, id, principals, two times, options, extensions, reserved, CA key, signature. */
  certificate(): void {
    this.advance(8 + 4)
    this.bytes()
    this.bytes()
    this.advance(8 + 8)
    for (let count = 0; count < 5; count++) this.bytes()
  }
}

const utf8 = new TextEncoder()

const concat = (first: Uint8Array, second: Uint8Array): Uint8Array => {
  const both = new Uint8Array(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}

const lengthPrefixed = (bytes: Uint8Array): Uint8Array => {
  const length = new Uint8Array(4)
  new DataView(length.buffer).setUint32(0, bytes.length)
  return concat(length, bytes)
}

const sha256 = Effect.fnUntraced(function*(bytes: Uint8Array) {
  const crypto = yield* WebCrypto
  const digest = yield* Effect.promise(() => crypto.subtle.digest("SHA-256", new Uint8Array(bytes)))
  return `SHA256:${Base64.encode(new Uint8Array(digest)).replace(/=+$/, "")}`
})
