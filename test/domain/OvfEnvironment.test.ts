import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import { decodeOvfEnvironment, maximumPassword } from "../../src/domain/OvfEnvironment.ts"

const fixture = (name: string) => readFileSync(new URL(`../fixtures/ovf/${name}.xml`, import.meta.url), "utf8")
const key = (name: string) => readFileSync(new URL(`../fixtures/ssh/${name}.pub`, import.meta.url), "utf8").trim()

const decoded = (name: string) => decodeOvfEnvironment(fixture(name))
const refused = (text: string) => Effect.flip(decodeOvfEnvironment(text))
const secret = Option.map((value: Redacted.Redacted<string>) => Redacted.value(value))

const ordinary = {
  username: Option.some("azureuser"),
  password: Option.none(),
  hostname: Option.some("web-1"),
  disablePasswordAuthentication: Option.some(true),
  publicKeys: [],
  publicKeysWithoutValue: 0,
  customData: Option.none(),
  preprovisionedVm: false,
  preprovisionedVmType: "None",
  provisionGuestProxyAgent: false
}

describe("OvfEnvironment", () => {
  it.effect.each(["ordinary", "other-prefix", "no-prefix", "no-platform-settings", "no-preprovisioning", "redacted"])(
    "reads a whole document: %s",
    (name) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* decoded(name), {
          ...ordinary,
          disablePasswordAuthentication: Option.some(name !== "redacted")
        })
      })
  )

  it.effect("reads the password exactly as given, blanks and characters that XML escapes included", () =>
    Effect.gen(function*() {
      const environment = yield* decoded("password")
      assert.deepStrictEqual(secret(environment.password), Option.some(" pa&ss <wörd> "))
      assert.deepStrictEqual(environment.disablePasswordAuthentication, Option.some(false))
      assert.notInclude(JSON.stringify(environment), "wörd")
    }))

  it.effect("reads keys in order, trimmed, and counts those that have a fingerprint only", () =>
    Effect.gen(function*() {
      const environment = yield* decoded("keys")
      assert.deepStrictEqual(environment.publicKeys, [key("ed25519"), key("ecdsa-256")])
      assert.strictEqual(environment.publicKeysWithoutValue, 1)
      assert.deepStrictEqual(environment.username, Option.some("azureuser"))
      assert.deepStrictEqual(environment.hostname, Option.some("web-1"))
      assert.deepStrictEqual(environment.disablePasswordAuthentication, Option.some(true))
      assert.deepStrictEqual(secret(environment.customData), Option.some("I2Nsb3VkLWNvbmZpZw=="))
    }))

  it.effect.each(["preprovisioned", "preprovisioned-vm-type"])(
    "reads the platform's settings: %s",
    (name) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* decoded(name), {
          ...ordinary,
          preprovisionedVm: true,
          preprovisionedVmType: "Savable",
          provisionGuestProxyAgent: true
        })
      })
  )

  it.effect("does without platform settings that it cannot understand", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* decoded("odd-platform-settings"), ordinary)
    }))

  it.effect("takes what is blank for absent", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* decoded("blank"), {
        ...ordinary,
        username: Option.none(),
        hostname: Option.none(),
        disablePasswordAuthentication: Option.none()
      })
    }))

  it.effect("takes what is nil for absent, in both of XML Schema's spellings", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* decoded("nil"), { ...ordinary, username: Option.none(), hostname: Option.none() })
    }))

  it.effect.each([
    ["true", true],
    ["True", true],
    [" TRUE ", true],
    ["1", true],
    ["false", false],
    ["False", false],
    ["0", false]
  ])("takes DisableSshPasswordAuthentication %j", ([text, expected]) =>
    Effect.gen(function*() {
      const environment = yield* decodeOvfEnvironment(fixture("odd-flag").replace("perhaps", String(text)))
      assert.deepStrictEqual(environment.disablePasswordAuthentication, Option.some(expected))
    }))

  it.effect.each([
    ["odd-flag", "'DisableSshPasswordAuthentication' is neither true nor false"],
    ["duplicate-property", "multiple configuration matches for 'HostName' (2) in LinuxProvisioningConfigurationSet"],
    ["duplicate-section", "multiple configuration matches for 'ProvisioningSection' (2) in Environment"],
    ["no-provisioning-section", "missing configuration for 'ProvisioningSection' in Environment"],
    ["no-configuration-set", "missing configuration for 'LinuxProvisioningConfigurationSet' in ProvisioningSection"],
    ["wrong-root", "missing configuration for 'ProvisioningSection' in unattend"],
    ["element-in-property", "an element inside 'HostName', expected text"],
    ["dtd", "it has a document type declaration"],
    ["billion-laughs", "it has a document type declaration"],
    ["empty", "it is no well-formed XML: syntax at line 1, column 1"],
    ["cut-short", "it is no well-formed XML: syntax at line 10, column 20"]
  ])("refuses a document in words: %s", ([name, detail]) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* refused(fixture(String(name))), { kind: "document", detail: String(detail) })
    }))

  it.effect("takes a password of 72 characters and no longer one", () =>
    Effect.gen(function*() {
      const environment = yield* decoded("password-72")
      assert.deepStrictEqual(secret(environment.password), Option.some("é".repeat(maximumPassword)))
      assert.deepStrictEqual(yield* refused(fixture("password-73")), {
        kind: "password",
        detail: "unsupported password length=73 max=72"
      })
    }))

  it.effect("names at another place do not count", () =>
    Effect.gen(function*() {
      const text = fixture("ordinary").replace(
        "<wa:Version>1.0</wa:Version>",
        "<wa:Version><wa:UserName>mallory</wa:UserName></wa:Version><wa:UserPassword>of no one</wa:UserPassword>"
      )
      assert.deepStrictEqual(yield* decodeOvfEnvironment(text), ordinary)
    }))

  it.effect("answers documents that are made to exhaust a parser", () =>
    Effect.gen(function*() {
      const inSet = (more: string) => fixture("ordinary").replace("<wa:HostName>", `${more}<wa:HostName>`)
      const deep = yield* refused(inSet("<a>".repeat(300_000)))
      assert.match(deep.detail, /^it is no well-formed XML: limit at line \d+, column \d+$/)
      assert.deepStrictEqual(yield* decodeOvfEnvironment(inSet("<a/>".repeat(250_000))), ordinary)
      assert.deepStrictEqual(yield* decodeOvfEnvironment(inSet("<!--a-->x".repeat(100_000))), ordinary)
      const long = yield* refused(
        fixture("ordinary").replaceAll("Environment", "E".repeat(200_000)).replaceAll("Section>", ">")
      )
      assert.isBelow(long.detail.length, 200)
    }), 20_000)

  it.effect("takes 32 levels of elements and no deeper document", () =>
    Effect.gen(function*() {
      // Three levels of the document hold the host name.
      const nested = (levels: number) =>
        fixture("ordinary").replace(
          "<wa:HostName>",
          `${"<a>".repeat(levels)}${"</a>".repeat(levels)}<wa:HostName>`
        )
      assert.deepStrictEqual(yield* decodeOvfEnvironment(nested(29)), ordinary)
      assert.match((yield* refused(nested(30))).detail, /^it is no well-formed XML: limit at line \d+, column \d+$/)
    }))

  it.effect("counts nothing but public keys among the keys", () =>
    Effect.gen(function*() {
      const text = fixture("keys").replace(/<(\w+:)?PublicKeys>/, "$&<a><Value>ssh-rsa of no one</Value></a><b/>")
      assert.notStrictEqual(text, fixture("keys"))
      const environment = yield* decodeOvfEnvironment(text)
      assert.lengthOf(environment.publicKeys, 2)
      assert.strictEqual(environment.publicKeysWithoutValue, 1)
    }))

  it.effect("takes custom data of Azure's greatest size, 64 KiB before base64", () =>
    Effect.gen(function*() {
      const data = Buffer.alloc(65_535, "x").toString("base64")
      const environment = yield* decodeOvfEnvironment(
        fixture("ordinary").replace("<wa:HostName>", `<wa:CustomData>${data}</wa:CustomData><wa:HostName>`)
      )
      assert.deepStrictEqual(secret(environment.customData), Option.some(data))
    }))

  const token = "hunter2-is-the-password"
  const withSecret = fixture("ordinary").replace(
    "<wa:UserPassword xsi:nil=\"true\"/>",
    `<wa:UserPassword>${token}</wa:UserPassword>`
  )

  it.effect.each([
    withSecret.replace("</wa:UserPassword>", "</wa:UserName>"),
    withSecret.replace("</wa:UserPassword>", ""),
    withSecret.replace(token, `${token}&`),
    withSecret.replace(token, `&${token};`),
    withSecret.replace(token, `<${token}/>`),
    withSecret.replace(token, token.repeat(9)),
    withSecret.replace(">true</", `>${token}</`),
    withSecret.replace(/<wa:UserPassword>.*/, "$&$&"),
    withSecret.replace("web-1", "<b/>"),
    token
  ])("never shows the password: document %#", (text) =>
    Effect.gen(function*() {
      assert.notInclude(JSON.stringify(yield* refused(text)), "hunter2")
    }))

  // The document has prefixes of its own, none of which begins so.
  const name = Schema.String.check(Schema.isPattern(/^p[a-z0-9_.-]{0,15}$/))
  const plain = Schema.String.check(Schema.isPattern(/^[!-~]([ -~]{0,30}[!-~])?$/))
  const escaped = (text: string) =>
    text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("\"", "&quot;")

  it.effect.prop(
    "reads back whatever a document holds, under any prefix",
    { prefix: name, username: plain, hostname: plain, password: plain, keys: Schema.Array(plain) },
    ({ hostname, keys, password, prefix, username }) =>
      Effect.gen(function*() {
        const element = (tag: string, text: string) => `<${prefix}:${tag}>${escaped(text)}</${prefix}:${tag}>`
        const set = [
          element("UserName", username),
          element("UserPassword", password),
          element("HostName", hostname),
          `<${prefix}:SSH><${prefix}:PublicKeys>`,
          ...keys.map((value) => `<${prefix}:PublicKey>${element("Value", value)}</${prefix}:PublicKey>`),
          `</${prefix}:PublicKeys></${prefix}:SSH>`
        ].join("\n")
        const text = fixture("ordinary").replaceAll("wa:", `${prefix}:`).replace("xmlns:wa=", `xmlns:${prefix}=`)
          .replace(
            /(<[^<]*LinuxProvisioningConfigurationSet>)[^]*(<\/[^<]*LinuxProvisioningConfigurationSet>)/,
            (_, start: string, end: string) => `${start}${set}${end}`
          )
        const environment = yield* decodeOvfEnvironment(text)
        assert.deepStrictEqual(environment.username, Option.some(username))
        assert.deepStrictEqual(environment.hostname, Option.some(hostname))
        assert.deepStrictEqual(
          secret(environment.password),
          password === "REDACTED" ? Option.none() : Option.some(password)
        )
        assert.deepStrictEqual(environment.publicKeys, keys)
      })
  )

  it.effect.prop("answers any text with a value or a problem", [Schema.String], ([text]) =>
    Effect.gen(function*() {
      assert.strictEqual((yield* refused(text)).kind, "document")
    }))

  const place = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: withSecret.length }))

  it.effect.prop(
    "answers any mutation of a document with a value or a problem that shows nothing of it",
    [place, Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40 })), Schema.String, place, place],
    ([at, length, inserted, from, to]) =>
      Effect.gen(function*() {
        const moved = withSecret.slice(Math.min(from, to), Math.min(from, to) + length)
        for (const piece of ["", inserted, moved]) {
          const text = withSecret.slice(0, at) + piece + withSecret.slice(at + length)
          // A defect fails the test; a value is as good as a problem.
          const problem = yield* Effect.match(decodeOvfEnvironment(text), {
            onFailure: ({ detail }) => detail,
            onSuccess: () => ""
          })
          for (let index = 0; index + 8 <= token.length; index++) {
            assert.notInclude(problem, token.slice(index, index + 8))
          }
        }
      })
  )
})
