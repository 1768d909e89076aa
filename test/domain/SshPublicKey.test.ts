import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import { decode, decodeAll, toLine } from "../../src/domain/SshPublicKey.ts"

const fixture = (name: string) => readFileSync(new URL(`../fixtures/ssh/${name}`, import.meta.url), "utf8")

/** What `ssh-keygen -l` of OpenSSH 9.2 prints for each fixture. */
const fingerprints = new Map(
  fixture("fingerprints.txt").trim().split("\n").map((line) => {
    const [name = "", fingerprint = ""] = line.split(" ")
    return [name, fingerprint]
  })
)

const whyNot = (text: string) => Effect.map(Effect.flip(decode(text)), (bad) => bad.why)

const ed25519 = fixture("ed25519.pub").trim()
const [, blob = ""] = ed25519.split(" ")

describe("SshPublicKey", () => {
  for (const [name, fingerprint] of fingerprints) {
    if (name === "dsa.pub") continue
    it.effect(`decodes ${name} with the fingerprint of ssh-keygen`, () =>
      Effect.gen(function*() {
        const key = yield* decode(fixture(name))
        assert.strictEqual(key.fingerprint, fingerprint)
        assert.strictEqual(key.comment, "owner@example")
        // Of a certificate the key in it, since sshd passes over certificates in authorized_keys.
        assert.strictEqual(toLine(key), fixture(name.replace("-cert", "")).trim())
      }))
  }

  it.effect("drops CR and LF around a key, and inside, where the Azure portal wraps it", () =>
    Effect.gen(function*() {
      const key = yield* decode(ed25519)
      for (
        const text of [
          `${ed25519}\r\n`,
          `\n ${ed25519}\r\n\r\n`,
          ed25519.replace("NTE5", "NT\r\nE5"),
          ed25519.replace("NTE5", "NT\nE5")
        ]
      ) {
        assert.deepStrictEqual(yield* decode(text), key)
      }
    }))

  it.effect("keeps an empty comment and one of several words, without what can't be printed", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* decode(`ssh-ed25519 ${blob}`)).comment, "")
      assert.strictEqual((yield* decode(`ssh-ed25519\t${blob} my  laptop\u0007\u202e é`)).comment, "my laptop é")
    }))

  it.effect("refuses a second key behind a line end", () =>
    Effect.gen(function*() {
      const rsa = fixture("rsa.pub")
      for (const second of [rsa, `command="/bin/sh" ${rsa}`, ed25519]) {
        assert.include(yield* whyNot(`${ed25519}\n${second}`), "more than one key")
      }
    }))

  it.effect("refuses options in front of the type", () =>
    Effect.gen(function*() {
      assert.include(yield* whyNot(`command="/bin/sh" ${ed25519}`), "options")
      assert.include(yield* whyNot(`from="*",no-pty ${ed25519}`), "options")
      assert.include(yield* whyNot(`cert-authority ${ed25519}`), "options")
    }))

  it.effect("says why a text is no key", () =>
    Effect.gen(function*() {
      // These three are made by hand; ssh-keygen says of each that it is no public key file.
      const trailing = "AAAAC3NzaC1lZDI1NTE5AAAAIGMk2ApaBtVTSqdXY54TTUKOLJeb4wGhsFMwOfwbO+ooeA=="
      const short = "AAAAC3NzaC1lZDI1NTE5AAAAH2Mk2ApaBtVTSqdXY54TTUKOLJeb4wGhsFMwOfwbO+o="
      const cases: ReadonlyArray<readonly [text: string, why: string]> = [
        ["", "empty"],
        [" \r\n", "empty"],
        ["not-a-key", "not one that sshd knows"],
        ["-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----", "PEM"],
        ["---- BEGIN SSH2 PUBLIC KEY ----\nAAAA", "PEM"],
        [fixture("dsa.pub"), "ssh-dss"],
        ["ssh-ed25519", "nothing follows"],
        ["ssh-ed25519 not_base64!!!", "base64"],
        [`ssh-ed25519 ${blob.slice(0, -1)}`, "base64"],
        // Bits behind the end of the last byte.
        [`ssh-ed25519 ${short.slice(0, -2)}p=`, "base64"],
        [`ssh-rsa ${blob}`, "another type"],
        [ed25519.replace("ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com"), "another type"],
        [`ssh-ed25519 ${trailing}`, "bytes follow"],
        [`ssh-ed25519 ${short}`, "32 bytes"],
        [`ssh-ed25519 ${blob.slice(0, 40)}`, "cut off"],
        [fixture("ed25519-cert.pub").replace(/(AAAA\S{200})\S*/, "$1"), "cut off"],
        [`ssh-ed25519 ${blob} ${"x".repeat(8200)}`, "longer"]
      ]
      for (const [text, why] of cases) assert.include(yield* whyNot(text), why)
    }))

  it.effect("lists every bad key with its index and fingerprint, and costs no other key; a key given twice counts once", () =>
    Effect.gen(function*() {
      const { keys, rejected } = yield* decodeAll([
        "garbage",
        `${ed25519}\r\n`,
        fixture("dsa.pub"),
        fixture("rsa.pub"),
        `ssh-ed25519 ${blob} the same again`,
        `ssh-rsa ${blob}`
      ])
      assert.deepStrictEqual(keys.map((key) => key.type), ["ssh-ed25519", "ssh-rsa"])
      assert.deepStrictEqual(keys.map((key) => key.comment), ["owner@example", "owner@example"])
      assert.deepStrictEqual(rejected.map((bad) => bad.index), [0, 2, 5])
      // printf garbage | openssl dgst -sha256 -binary | base64
      assert.strictEqual(rejected[0]?.fingerprint, "SHA256:eVtpBOVPgkEd9LDiejc6Ve6j+dZtrFqbzh3ZL3tAHaU")
    }))

  it.effect.prop(
    "ends on any text, and what it takes is one line that it takes again",
    [Schema.String],
    ([text]) =>
      Effect.gen(function*() {
        for (const candidate of [text, `ssh-ed25519 ${text}`, `${ed25519} ${text}`, `${ed25519}${text}`]) {
          const result = yield* Effect.result(decode(candidate))
          if (Result.isFailure(result)) {
            assert.match(result.failure.fingerprint, /^SHA256:[A-Za-z0-9+/]{43}$/)
            continue
          }
          const line = toLine(result.success)
          assert.notMatch(line, /[\r\n\0]/)
          assert.deepStrictEqual(yield* decode(line), result.success)
        }
      })
  )

  it.effect.prop("refuses a blob in which any byte of a length is wrong", [
    Schema.Literals([0, 1, 2, 3, 15, 16, 17, 18]),
    Schema.Literals([1, 2, 128])
  ], ([at, flip]) =>
    Effect.gen(function*() {
      const bytes = Buffer.from(blob, "base64")
      bytes[at] = (bytes[at] ?? 0) ^ flip
      yield* Effect.flip(decode(`ssh-ed25519 ${bytes.toString("base64")}`))
    }))
})
