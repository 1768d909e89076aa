import { assert, describe, it } from "@effect/vitest"
import { decode } from "../../src/domain/SshKeyBlob.ts"

type Field = string | ReadonlyArray<number>

const bytesOf = (field: Field): Buffer => typeof field === "string" ? Buffer.from(field) : Buffer.from([...field])

/** A blob of RFC 4253: each field with its length in front. */
const blob = (...fields: ReadonlyArray<Field>): Buffer =>
  Buffer.concat(fields.flatMap((field) => {
    const bytes = bytesOf(field)
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    return [length, bytes]
  }))

const read = (type: string, bytes: Buffer) => decode(type, bytes.toString("base64"))

/** Why it is refused; the canonical blob otherwise. */
const verdict = (type: string, ...fields: ReadonlyArray<Field>): string | Buffer => {
  const found = read(type, blob(...fields))
  return "why" in found ? found.why : Buffer.from(found.canonical)
}

const fill = (count: number, byte: number): ReadonlyArray<number> => Array.from({ length: count }, () => byte)
const exponent = [1, 0, 1]
const rsa = (modulus: ReadonlyArray<number>, e: ReadonlyArray<number> = exponent) =>
  verdict("ssh-rsa", "ssh-rsa", e, modulus)

describe("SshKeyBlob: RSA", () => {
  /** With its highest bit set, as it is written: the zero in front says that it is not negative. */
  const ofBits = (bits: number): ReadonlyArray<number> => [0, 0x80, ...fill(bits / 8 - 1, 1)]

  it("has 1024 to 16384 bits", () => {
    for (const bits of [1024, 16_384]) {
      assert.deepStrictEqual(rsa(ofBits(bits)), blob("ssh-rsa", exponent, ofBits(bits)))
    }
    const less = "its RSA key has 1023 bits; sshd takes no less than 1024"
    assert.strictEqual(rsa([0x7f, ...fill(127, 0xff)]), less)
    assert.strictEqual(rsa([0, 0x7f, ...fill(127, 0xff)]), less)
    for (const none of [[], [0], [0, 0]]) {
      assert.strictEqual(rsa(none), "its RSA key has 0 bits; sshd takes no less than 1024")
    }
  })

  it("has no more bytes than OpenSSH reads, zeros in front included, save one", () => {
    const more = "its RSA key has more than 16384 bits; sshd takes no more"
    assert.strictEqual(rsa([1, ...fill(2048, 0)]), more)
    assert.strictEqual(rsa([0, ...ofBits(16_384)]), more)
    assert.strictEqual(rsa(ofBits(1024), [0, ...ofBits(16_384)]), more)
    assert.deepStrictEqual(
      rsa([0, 0x7f, ...fill(2047, 1)]),
      blob("ssh-rsa", exponent, [0x7f, ...fill(2047, 1)])
    )
  })

  it("holds no negative number", () => {
    for (const first of [0x80, 0xff]) {
      assert.strictEqual(rsa([first, ...fill(127, 0)]), "its RSA key holds a negative number")
      assert.strictEqual(rsa(ofBits(1024), [first]), "its RSA key holds a negative number")
    }
  })

  it("is written with the zeros in front that it needs, as OpenSSH does for a fingerprint", () => {
    const canonical = blob("ssh-rsa", exponent, ofBits(1024))
    assert.deepStrictEqual(rsa([0, 0, ...ofBits(1024)]), canonical)
    assert.deepStrictEqual(rsa(ofBits(1024), [0, 0, ...exponent]), canonical)
    assert.deepStrictEqual(rsa(ofBits(1024), [0, 0]), blob("ssh-rsa", [], ofBits(1024)))
  })
})

describe("SshKeyBlob: a security key's application", () => {
  const application = (text: string) =>
    verdict("sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519@openssh.com", fill(32, 7), text)
  const written = (text: string) => blob("sk-ssh-ed25519@openssh.com", fill(32, 7), text)

  it("may end in one NUL, which is not written", () => {
    for (const text of ["", "ssh:", "ssh:x"]) {
      assert.deepStrictEqual(application(text), written(text))
      assert.deepStrictEqual(application(`${text}\0`), written(text))
    }
  })

  it("holds no other NUL", () => {
    for (const text of ["\0\0", "\0ssh:", "ssh:\0\0", "s\0sh:"]) {
      assert.strictEqual(application(text), "its application name holds a NUL")
    }
  })
})

describe("SshKeyBlob: the type inside", () => {
  it("may end in one NUL, and holds no other", () => {
    const key = fill(32, 7)
    assert.deepStrictEqual(verdict("ssh-ed25519", "ssh-ed25519\0", key), blob("ssh-ed25519", key))
    for (const type of ["ssh-ed25519\0\0", "ssh-\0ed25519", "ssh-rsa"]) {
      assert.strictEqual(
        verdict("ssh-ed25519", type, key),
        "it says ssh-ed25519 and holds a key of another type",
        JSON.stringify(type)
      )
    }
  })
})

describe("SshKeyBlob: a point", () => {
  // The base point of P-256 (FIPS 186-4, appendix D.1.2.3).
  const x = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
  const y = "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
  const point = (text: string) => [...Buffer.from(`04${text}`, "hex")]
  const of = (curve: string, bytes: ReadonlyArray<number>) =>
    verdict("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", curve, bytes)

  it("lies on the curve that the key names", () => {
    assert.deepStrictEqual(of("nistp256", point(x + y)), blob("ecdsa-sha2-nistp256", "nistp256", point(x + y)))
    const none = "it is no point of the curve nistp256"
    assert.strictEqual(of("nistp256", point(x + y.replace(/5$/, "4"))), none)
    assert.strictEqual(of("nistp384", point(x + y)), none)
    assert.strictEqual(of("nistp256", point(x)), none)
  })
})

describe("SshKeyBlob: what more base64 could complete", () => {
  const cutOff = (type: string, text: string) => {
    const found = decode(type, text)
    return "why" in found ? [found.why, found.cutOff, found.bytes?.length] : "a key"
  }
  const whole = blob("ssh-ed25519", fill(32, 7))
  const base64 = (bytes: Buffer) => bytes.toString("base64")

  it("is a blob that ends too early, in its type, its key or a length", () => {
    for (const length of [0, 3, 4, 14, 15, 17, 19, 50]) {
      assert.deepStrictEqual(
        cutOff("ssh-ed25519", base64(whole.subarray(0, length))),
        length === 0 ? ["nothing follows the type", false, undefined] : ["its blob is cut off", true, length]
      )
    }
    assert.strictEqual(cutOff("ssh-ed25519", base64(whole)), "a key")
  })

  it("is base64 that is not whole, and nothing else", () => {
    assert.deepStrictEqual(cutOff("ssh-ed25519", "AAA"), ["its base64 is not valid", true, undefined])
    assert.deepStrictEqual(cutOff("ssh-dss", base64(whole)), [
      "sshd takes no ssh-dss keys any more; make an ed25519 key",
      false,
      undefined
    ])
    assert.deepStrictEqual(cutOff("ssh-ed25519", base64(Buffer.concat([whole, Buffer.of(0)]))), [
      "bytes follow the key in its blob",
      false,
      52
    ])
    assert.deepStrictEqual(cutOff("ssh-ed25519", base64(blob("ssh-ed25519", fill(31, 7)))), [
      "its ed25519 key is not 32 bytes long",
      false,
      50
    ])
    assert.deepStrictEqual(cutOff("ssh-rsa", base64(whole)), [
      "it says ssh-rsa and holds a key of another type",
      false,
      51
    ])
  })

  it("is read without the white space that is no blank, wherever it stands", () => {
    const text = base64(whole)
    assert.strictEqual(cutOff("ssh-ed25519", `\r${text.slice(0, 8)}\r\r\v${text.slice(8)}\f`), "a key")
  })
})
