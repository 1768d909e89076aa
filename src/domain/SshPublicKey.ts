import * as Clock from "effect/Clock"
import { WebCrypto } from "effect/crypto/WebCrypto"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Blob from "./SshKeyBlob.ts"
import * as Options from "./SshKeyOptions.ts"

/** A line of `authorized_keys` that sshd takes. */
export interface SshPublicKey {
  /** What sshd allows this key, as it was given: `from="10.0.0.0/8",no-pty`; empty without. */
  readonly options: string
  /** `ssh-ed25519`, `ecdsa-sha2-nistp256`, `sk-ssh-ed25519@openssh.com`, …; never a certificate's. */
  readonly type: string
  /** The key blob in canonical base64. */
  readonly blob: string
  /** What follows the blob, possibly empty; one line. */
  readonly comment: string
  /** `SHA256:…` as `ssh-keygen -l` prints it. */
  readonly fingerprint: string
}

/** Why a line is no usable key, and what to find it by. */
export interface BadSshPublicKey {
  readonly why: string
  /** `SHA256:…` of the blob when its base64 is valid, else of the line without surrounding white space. */
  readonly fingerprint: string
}

/** A line that sshd would not take. */
export interface RejectedLine extends BadSshPublicKey {
  /** Of the text, from 0 in the list given. */
  readonly index: number
  /** Of the line, from 1 in its text; absent where the text has only one. */
  readonly line?: number
}

/** The keys of a list that sshd can use, and those it can't. */
export interface DecodedKeys {
  /** In the order given, each key with the same options once. */
  readonly keys: ReadonlyArray<SshPublicKey>
  readonly rejected: ReadonlyArray<RejectedLine>
}

/**
 * Decodes a list of texts as IMDS or the OVF environment has them, each a whole `authorized_keys` file: one line, or
 * several with comments and blank lines among them. What sshd would skip in silence or let nobody in with is rejected:
 * an unknown type or option, base64 or a structure that is not whole, a blob of another type, an expired key. A bad
 * line costs no other. A certificate becomes the key that it certifies. A key that is wrapped, as the Azure portal
 * does, is put together again.
 */
export const decodeAll = Effect.fnUntraced(function*(texts: ReadonlyArray<string>) {
  const now = yield* Clock.currentTimeMillis
  const found = texts.flatMap((text, index) => parseAll(text, now).map((read) => ({ index, ...read })))
  // One after the other: a fiber for each of the 20,000 lines of 1 MiB takes more memory than the boot runtime has.
  const decoded = yield* Effect.forEach(
    found,
    (read) => Effect.map(sha256(read.digested), (fingerprint) => ({ ...read, fingerprint }))
  )
  const keys = new Map<string, SshPublicKey>()
  const rejected: Array<RejectedLine> = []
  for (const { fingerprint, index, line, ...read } of decoded) {
    if ("why" in read) {
      rejected.push({ index, ...(line === undefined ? {} : { line }), fingerprint, why: read.why })
      continue
    }
    // sshd takes the first line that lets a connection in, so that a key may stand there again with other options.
    const name = `${fingerprint} ${read.key.options}`
    if (!keys.has(name)) keys.set(name, { ...read.key, fingerprint })
  }
  return { keys: [...keys.values()], rejected } satisfies DecodedKeys
})

/** The key's line in an `authorized_keys` file, without the line end. */
export const toLine = ({ blob, comment, options, type }: SshPublicKey): string =>
  [options, type, blob, comment].filter((part) => part !== "").join(" ")

/** Where a rejected line stands, for a reader. */
export const placeOf = ({ index, line }: Pick<RejectedLine, "index" | "line">): string =>
  line === undefined ? String(index) : `${index}, line ${line}`

/** A line that was read, and what its fingerprint is made of. */
type Parsed =
  | { readonly key: Omit<SshPublicKey, "fingerprint">; readonly digested: Uint8Array }
  | { readonly why: string; readonly digested: Uint8Array; readonly cutOff?: boolean }

const utf8 = new TextEncoder()

const parse = (line: string, now: number): Parsed => {
  const bad = (why: string, digested: Uint8Array = utf8.encode(line)): Parsed => ({ why, digested })
  const place = keyIn(line)
  if (typeof place === "string") return bad(place)
  const { options, rest } = place
  const [, type = "", base64 = "", comment = ""] = /^([^ \t]*)[ \t]*([^ \t]*)(.*)$/s.exec(rest) ?? []
  const blob = Blob.decode(type, base64)
  if ("why" in blob) return { ...bad(blob.why, blob.bytes), cutOff: blob.cutOff }
  const allowed = Options.check(options, now)
  if ("why" in allowed) return bad(allowed.why, blob.canonical)
  if (blob.certificate && allowed.certificateAuthority) {
    return bad("a certificate cannot be an authority; give the authority's own key", blob.canonical)
  }
  return {
    key: {
      options,
      type: blob.type,
      blob: blob.base64,
      comment: comment.replace(/[ \t]+/g, " ").replace(unprintable, "").trim().split(/\s+/).join(" ")
    },
    digested: blob.canonical
  }
}

/**
 * What cannot be printed: control characters, C1, Unicode's line and paragraph separators and directional overrides,
 * and half characters.
 */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

const firstWord = (text: string): string => /^[^ \t]*/.exec(text)?.[0] ?? ""

/** A line's options, and the rest from the key's type on; says why there is no type. */
const keyIn = (line: string): { readonly options: string; readonly rest: string } | string => {
  if (Blob.isKeyType(firstWord(line))) return { options: "", rest: line }
  if (pem.test(line)) return "it is a PEM or RFC 4716 file; give the one line of the .pub file"
  const end = Options.endOf(line)
  if (end === undefined) return "a quote of its options is not closed"
  const rest = line.slice(end).replace(/^[ \t]+/, "")
  return Blob.isKeyType(firstWord(rest))
    ? { options: line.slice(0, end), rest }
    : "its type is not one that sshd knows"
}

const pem = /^-+ ?BEGIN/
const pemEnd = /^-+ ?END/
const onlyBase64 = /^[A-Za-z0-9+/]+=*(?:[ \t]|$)/

/** Every line of a text that is neither blank nor a comment; in place of a text without any, one that says so. */
const parseAll = (text: string, now: number): ReadonlyArray<Parsed & { readonly line?: number }> => {
  const lines = text.split("\n").map((line) => line.trim())
  const several = text.trim().includes("\n")
  const all: Array<Parsed & { readonly line?: number }> = []
  let at = 0
  const follows = (wanted: (line: string) => boolean): boolean =>
    at < lines.length && wanted(lines[at] ?? "") && typeof keyIn(lines[at] ?? "") === "string"
  while (at < lines.length) {
    const line = lines[at++] ?? ""
    const number = at
    if (line === "" || line.startsWith("#")) continue
    let read = parse(line, now)
    if ("why" in read && read.cutOff === true) {
      const start = at
      // A comment ends the key, so that nothing after it can be the rest of its base64.
      while (follows((next) => onlyBase64.test(next)) && (at === start || !/[ \t]/.test(lines[at - 1] ?? ""))) at++
      if (at > start) read = parse([line, ...lines.slice(start, at)].join(""), now)
    } else if (pem.test(line)) {
      while (follows(() => !pemEnd.test(lines[at - 1] ?? ""))) at++
    }
    all.push(several ? { ...read, line: number } : read)
  }
  return all.length > 0 ? all : [{ why: "it holds no key", digested: utf8.encode(text.trim()) }]
}

const sha256 = Effect.fnUntraced(function*(bytes: Uint8Array) {
  const crypto = yield* WebCrypto
  const digest = yield* Effect.promise(() => crypto.subtle.digest("SHA-256", new Uint8Array(bytes)))
  return `SHA256:${Base64.encode(new Uint8Array(digest)).replace(/=+$/, "")}`
})
