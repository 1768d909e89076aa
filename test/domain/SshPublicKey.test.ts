import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import { decodeInstanceMetadata } from "../../src/domain/InstanceMetadata.ts"
import { decodeOvfEnvironment } from "../../src/domain/OvfEnvironment.ts"
import { decodeAll, placeOf, toLine } from "../../src/domain/SshPublicKey.ts"

const fixture = (name: string) => readFileSync(new URL(`../fixtures/ssh/${name}`, import.meta.url), "utf8")

/** What `ssh-keygen -l` of OpenSSH 9.2 prints for each fixture. */
const fingerprints = new Map(
  fixture("fingerprints.txt").trim().split("\n").map((line) => {
    const [name = "", fingerprint = ""] = line.split(" ")
    return [name, fingerprint]
  })
)

/** The one key of a text; the reason when it has none. */
const decode = (text: string) =>
  Effect.flatMap(decodeAll([text]), ({ keys: [key, ...more], rejected: [bad] }) => {
    if (key === undefined) return Effect.fail(bad?.why ?? "")
    assert.deepStrictEqual([more, bad], [[], undefined])
    return Effect.succeed(key)
  })

const whyNot = (text: string) => Effect.flip(decode(text))

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
      assert.strictEqual((yield* decode(`ssh-ed25519 ${blob} my \u0007 laptop`)).comment, "my laptop")
      assert.strictEqual((yield* decode(`ssh-ed25519\t${blob} my  laptop\u0007\u202e é`)).comment, "my laptop é")
    }))

  it.effect("takes a whole authorized_keys file in one text: keys, comments, blank lines, options", () =>
    Effect.gen(function*() {
      const rsa = fixture("rsa.pub").trim()
      const text = [
        "# the owner's",
        "",
        `  ${ed25519}\r`,
        "\t# a robot's",
        `from="10.0.0.0/8,!10.1.1.1",command="echo \\"a b\\" # c",no-pty\t ${rsa}`,
        `cert-authority,principals="ops" ${ed25519}`,
        `restrict ssh-ed25519 ${blob}`
      ].join("\n")
      const { keys, rejected } = yield* decodeAll([text])
      assert.deepStrictEqual(rejected, [])
      assert.deepStrictEqual(keys.map(toLine), [
        ed25519,
        `from="10.0.0.0/8,!10.1.1.1",command="echo \\"a b\\" # c",no-pty ${rsa}`,
        `cert-authority,principals="ops" ${ed25519}`,
        `restrict ssh-ed25519 ${blob}`
      ])
    }))

  it.effect("takes the keys of whole documents of IMDS and of a disc, of several lines and with options", () =>
    Effect.gen(function*() {
      const document = (name: string) => readFileSync(new URL(`../fixtures/${name}`, import.meta.url), "utf8")
      const metadata = Result.getOrThrow(decodeInstanceMetadata(document("imds/keys-of-several-lines.json")))
      const environment = yield* decodeOvfEnvironment(document("ovf/keys-of-several-lines.xml"))
      const expected = [
        ed25519,
        `restrict,from="10.0.0.0/8,!10.1.0.0/16",command="/usr/bin/rsync --server \\"a b\\"" ${
          fixture("rsa.pub").trim()
        }`,
        `cert-authority,principals="ops,azureuser" ${fixture("ecdsa-256.pub").trim()}`
      ]
      for (const { publicKeys } of [metadata, environment]) {
        const { keys, rejected } = yield* decodeAll(publicKeys)
        assert.deepStrictEqual(rejected, [])
        assert.deepStrictEqual(keys.map(toLine), expected)
      }
    }))

  it.effect("names a line that sshd would refuse by text, line and fingerprint, and takes the others of the text", () =>
    Effect.gen(function*() {
      const { keys, rejected } = yield* decodeAll([
        ed25519,
        `# one\nssh-ed25519 AAAA\n${fixture("ecdsa-256.pub")}\nno-such-option ${fixture("rsa.pub")}\n`
      ])
      assert.deepStrictEqual(keys.map((key) => key.type), ["ssh-ed25519", "ecdsa-sha2-nistp256"])
      assert.deepStrictEqual(rejected.map(placeOf), ["1, line 2", "1, line 5"])
      assert.deepStrictEqual(rejected.map(({ why }) => why), [
        "its blob is cut off",
        "its option \"no-such-option\" is not one that sshd knows"
      ])
      assert.strictEqual(rejected[1]?.fingerprint, fingerprints.get("rsa.pub"))
    }))

  it.effect("keeps a key twice when its options differ, since sshd takes the first line that lets a connection in", () =>
    Effect.gen(function*() {
      const lines = [`from="10.0.0.0/8" ${ed25519}`, ed25519, `from="10.0.0.0/8" ${ed25519} again`, `${ed25519} again`]
      const { keys } = yield* decodeAll([lines.join("\n")])
      assert.deepStrictEqual(keys.map(toLine), lines.slice(0, 2))
    }))

  it.effect("puts a wrapped key together and not the lines after it", () =>
    Effect.gen(function*() {
      const rsa = fixture("rsa.pub").trim()
      const wrapped = rsa.replaceAll(/(\S{64})/g, "$1\r\n")
      const { keys, rejected } = yield* decodeAll([`${wrapped}\nAAAA\n${ed25519}\nssh-rsa AAAAB3\nNzaC1\n${ed25519}`])
      assert.deepStrictEqual(keys.map(toLine), [rsa, ed25519])
      assert.deepStrictEqual(rejected.map(({ line, why }) => [line, why]), [
        [7, "its type is not one that sshd knows"],
        [9, "its base64 is not valid"]
      ])
    }))

  it.effect("refuses a PEM file as one, and no key after it", () =>
    Effect.gen(function*() {
      const rsa = fixture("rsa.pub").trim()
      const block = "-----BEGIN PUBLIC KEY-----\nMFkw\nx -----END\nAAAA\n-----END PUBLIC KEY-----"
      const { keys, rejected } = yield* decodeAll([
        `${block}\n${ed25519}`,
        `---- BEGIN SSH2 PUBLIC KEY ----\nA\n${rsa}`,
        `${block}\ngarbage\n---- BEGIN SSH2 PUBLIC KEY ----\nA\n---- END SSH2 PUBLIC KEY ----\ngarbage`
      ])
      assert.deepStrictEqual(keys.map(toLine), [ed25519, rsa])
      const places = ["0, line 1", "1, line 1", "2, line 1", "2, line 6", "2, line 7", "2, line 10"]
      assert.deepStrictEqual(rejected.map(placeOf), places)
      assert.include(yield* whyNot("garbage -----BEGIN PUBLIC KEY-----"), "type is not one that sshd knows")
    }))

  it.effect("names each line that is no key, behind a good key too, and one by itself without its number", () =>
    Effect.gen(function*() {
      const { rejected } = yield* decodeAll([`${ed25519}\ngarbage\n\ngarbage\n`, "\n garbage\r\n"])
      // printf garbage | openssl dgst -sha256 -binary | base64
      const bad = {
        fingerprint: "SHA256:eVtpBOVPgkEd9LDiejc6Ve6j+dZtrFqbzh3ZL3tAHaU",
        why: "its type is not one that sshd knows"
      }
      assert.deepStrictEqual(rejected, [{ index: 0, line: 2, ...bad }, { index: 0, line: 4, ...bad }, {
        index: 1,
        ...bad
      }])
    }))

  it.effect("takes only whole lines of base64 for the rest of a wrapped key", () =>
    Effect.gen(function*() {
      const [start, end] = [`ssh-ed25519 ${blob.slice(0, 40)}`, blob.slice(40)]
      for (const rest of [`!${end}`, `${end}!`]) {
        const { rejected } = yield* decodeAll([`${start}\n${rest}`])
        assert.deepStrictEqual(rejected.map(placeOf), ["0, line 1", "0, line 2"], rest)
      }
      assert.strictEqual(toLine(yield* decode(`${start}\n${end} owner`)), `ssh-ed25519 ${blob} owner`)
    }))

  it.effect("finds a text without a key by what stands between its blanks", () =>
    Effect.gen(function*() {
      const { rejected } = yield* decodeAll(["# a comment", " \r\n# a comment\n"])
      assert.strictEqual(rejected[0]?.fingerprint, rejected[1]?.fingerprint)
    }))

  it.effect("splits at line feeds only, as sshd does: what follows a carriage return is a comment", () =>
    Effect.gen(function*() {
      const { keys } = yield* decodeAll([`${ed25519}\r${fixture("rsa.pub")}`])
      assert.deepStrictEqual(keys.map((key) => key.type), ["ssh-ed25519"])
    }))

  it.effect("says why a text is no key", () =>
    Effect.gen(function*() {
      // These three are made by hand; ssh-keygen says of each that it is no public key file.
      const trailing = "AAAAC3NzaC1lZDI1NTE5AAAAIGMk2ApaBtVTSqdXY54TTUKOLJeb4wGhsFMwOfwbO+ooeA=="
      const short = "AAAAC3NzaC1lZDI1NTE5AAAAH2Mk2ApaBtVTSqdXY54TTUKOLJeb4wGhsFMwOfwbO+o="
      const cases: ReadonlyArray<readonly [text: string, why: string]> = [
        ["", "holds no key"],
        [" \r\n# a comment\n", "holds no key"],
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
        [`command="x ${ed25519}`, "quote"],
        [`\u0007 ${ed25519}`, "options"],
        [`cert-authority ${fixture("ed25519-cert.pub")}`, "cannot be an authority"]
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
        const texts = [
          text,
          `ssh-ed25519 ${text}`,
          `${ed25519} ${text}`,
          `${ed25519}${text}`,
          `command="${text}" ${ed25519}`
        ]
        for (const candidate of texts) {
          const { keys, rejected } = yield* decodeAll([candidate])
          assert.isAbove(keys.length + rejected.length, 0)
          for (const { fingerprint } of rejected) assert.match(fingerprint, /^SHA256:[A-Za-z0-9+/]{43}$/)
          for (const key of keys) {
            assert.notMatch(toLine(key), /[\r\n\0]/)
            assert.deepStrictEqual(yield* decode(toLine(key)), key)
          }
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
      yield* whyNot(`ssh-ed25519 ${bytes.toString("base64")}`)
    }))
})
