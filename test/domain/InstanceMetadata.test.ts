import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import { decodeInstanceMetadata, InstanceMetadata } from "../../src/domain/InstanceMetadata.ts"

const fixture = (name: string) => readFileSync(new URL(`../fixtures/imds/${name}`, import.meta.url), "utf8")

const document = (osProfile: object, compute: object = { publicKeys: [] }) =>
  JSON.stringify({
    compute: {
      osProfile: { adminUsername: "a", computerName: "h", disablePasswordAuthentication: "true", ...osProfile },
      ...compute
    }
  })

const failure = (text: string) => Result.getOrThrow(Result.flip(decodeInstanceMetadata(text)))

describe("InstanceMetadata", () => {
  it("reads a whole document, keys in order and unchanged", () => {
    const metadata = Result.getOrThrow(decodeInstanceMetadata(fixture("ubuntu-two-keys.json")))
    assert.strictEqual(metadata.adminUsername, "azureuser")
    assert.strictEqual(metadata.computerName, "web-1")
    assert.strictEqual(metadata.disablePasswordAuthentication, true)
    assert.strictEqual(metadata.publicKeys.length, 2)
    assert.match(metadata.publicKeys[0] ?? "", /^ssh-ed25519 .* alice@laptop\r\n$/)
    assert.match(metadata.publicKeys[1] ?? "", /^ssh-ed25519 .* bob@desk$/)
  })

  it("reads a document without keys, with password logins on", () => {
    const metadata = Result.getOrThrow(decodeInstanceMetadata(fixture("password-no-keys.json")))
    assert.deepStrictEqual(metadata.publicKeys, [])
    assert.strictEqual(metadata.disablePasswordAuthentication, false)
  })

  it.each([["\"true\"", true], ["\"false\"", false], ["true", true], ["false", false]])(
    "takes disablePasswordAuthentication %s",
    (json, expected) => {
      const metadata = Result.getOrThrow(
        decodeInstanceMetadata(document({ disablePasswordAuthentication: JSON.parse(json) }))
      )
      assert.strictEqual(metadata.disablePasswordAuthentication, expected)
    }
  )

  it.each([["nonsense"], ["True"], [""], [1], [null]])("refuses disablePasswordAuthentication %j", (value) => {
    assert.strictEqual(
      failure(document({ disablePasswordAuthentication: value })),
      "compute.osProfile.disablePasswordAuthentication is not of the expected type"
    )
  })

  it("says which field is wrong", () => {
    assert.strictEqual(failure(document({ adminUsername: undefined })), "compute.osProfile.adminUsername is missing")
    assert.strictEqual(failure(document({}, {})), "compute.publicKeys is missing")
    assert.strictEqual(
      failure(document({}, { publicKeys: null })),
      "compute.publicKeys is not of the expected type"
    )
    assert.strictEqual(
      failure(document({}, { publicKeys: [{ keyData: "k" }, { path: "/p" }] })),
      "compute.publicKeys.1.keyData is missing"
    )
    assert.strictEqual(failure("[]"), "the document is not of the expected type")
    assert.strictEqual(failure(fixture("cut-short.txt")), "the document is not JSON")
    assert.strictEqual(failure(`${document({})} x`), "the document is not JSON")
    assert.strictEqual(failure(""), "the document is not JSON")
  })

  it("needs no path of a key, and ignores what it does not know", () => {
    const metadata = Result.getOrThrow(
      decodeInstanceMetadata(document({ later: 1 }, { publicKeys: [{ keyData: "k", later: {} }], later: [] }))
    )
    assert.deepStrictEqual(metadata.publicKeys, ["k"])
  })

  it("never shows what the document holds", () => {
    const secret = "hunter2-is-the-password"
    for (
      const text of [
        secret,
        `{"compute": ${secret}}`,
        JSON.stringify(secret),
        document({ disablePasswordAuthentication: secret }),
        document({ adminUsername: { [secret]: secret } }),
        document({}, { publicKeys: secret }),
        document({}, { publicKeys: [{ keyData: [secret] }, secret] })
      ]
    ) {
      assert.notInclude(failure(text), "hunter2")
    }
  })

  it.prop("reads back whatever names and keys a document holds", [InstanceMetadata], ([metadata]) => {
    const text = JSON.stringify({
      compute: {
        osProfile: {
          adminUsername: metadata.adminUsername,
          computerName: metadata.computerName,
          disablePasswordAuthentication: String(metadata.disablePasswordAuthentication)
        },
        publicKeys: metadata.publicKeys.map((keyData) => ({ keyData, path: "/home/a/.ssh/authorized_keys" }))
      }
    })
    assert.deepStrictEqual(Result.getOrThrow(decodeInstanceMetadata(text)), metadata)
  })

  it.prop("answers every text with metadata or a sentence, without throwing", [Schema.String], ([text]) => {
    const decoded = decodeInstanceMetadata(text)
    assert.isTrue(Result.isFailure(decoded) && decoded.failure.length > 0)
  })

  it.prop("answers every JSON with metadata or a sentence, without throwing", [Schema.Json], ([json]) => {
    const decoded = decodeInstanceMetadata(JSON.stringify({ compute: json }))
    assert.isTrue(Result.isFailure(decoded) && decoded.failure.includes("compute"))
  })
})
