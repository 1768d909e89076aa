import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { decode, decodeFile, type Playbook } from "../playbook.ts"
import { playbookSchema } from "../playbookSchema.ts"

const instance = { username: "azureuser", hostname: "web-1", keys: [], disablePasswordAuthentication: true }

const refusalOf = (playbook: object): string =>
  Result.match(decode(JSON.stringify(playbook)), {
    onSuccess: () => assert.fail(`taken: ${JSON.stringify(playbook)}`),
    onFailure: (problem) => problem
  })

describe("playbook", () => {
  it("needs nothing but the VM", () => {
    assert.deepStrictEqual(decode(JSON.stringify({ instance })), Result.succeed({ instance, imds: [], health: [] }))
  })

  it("is JSON, or TOML by its name", () => {
    const playbook: Playbook = {
      $schema: "azure-fabric.schema.json",
      instance,
      imds: [{ status: 500, repeat: 2, headers: { "Retry-After": "1" } }, { document: "instance-basic" }],
      health: [{ hang: "body" }],
      legacy_health: [{ delay_ms: 0.5 }],
      network: { wireserver: "refused" },
      after_last: "azure"
    }
    const toml = `
"$schema" = "azure-fabric.schema.json"
after_last = "azure"
imds = [{ status = 500, repeat = 2, headers = { Retry-After = "1" } }, { document = "instance-basic" }]

[instance]
username = "azureuser"
hostname = "web-1"
keys = []
disablePasswordAuthentication = true

[[health]]
hang = "body"

[[legacy_health]]
delay_ms = 0.5

[network]
wireserver = "refused"
`
    assert.deepStrictEqual(decodeFile("a.json", JSON.stringify(playbook)), decodeFile("a.toml", toml))
    assert.deepStrictEqual(Result.getOrUndefined(decodeFile("a.toml", toml)), playbook)
  })

  it.each<readonly [object, string]>([
    [{}, "instance: Missing key"],
    [{ instance: { ...instance, keys: "ssh" } }, "instance.keys: Expected array"],
    [{ instance, imd: [] }, "imd: unknown key"],
    [{ instance, imds: [{}, { stat: 1 }] }, "imds.1.stat: unknown key"],
    [{ instance, imds: [{ status: 600 }] }, "imds.0.status: Expected a value between 200 and 599"],
    [{ instance, health: [{ hang: true }] }, "health.0.hang: Expected \"headers\" | \"body\""],
    [{ instance, versions: [{ repeat: 0 }] }, "versions.0.repeat: Expected a value greater than or equal to 1"],
    [{ instance, imds: [{ raw: "\u0100" }] }, "imds.0.raw: Expected characters up to U+00FF, one for each byte"],
    [{ instance, imds: [{ headers: { "a b": "c" } }] }, "imds.0.headers: Expected names of headers"],
    [{ instance, imds: [{ headers: { a: "b\r\nc: d" } }] }, "imds.0.headers.a: Expected the value of a header"],
    [{ instance, imds: [{ document: "nothing" }] }, "imds.0.document: Expected \"instance\" |"],
    [{ instance, network: { imds: "slow" } }, "network.imds: Expected \"answers\" | \"refused\" | \"silent\""],
    [{ instance, after_last: "stop" }, "after_last: Expected \"repeat\" | \"start_again\" | \"azure\""]
  ])("refuses %j", (playbook, problem) => {
    assert.include(refusalOf(playbook), problem)
  })

  it.each<readonly [object, string]>([
    [{ hang: "headers", reset: "headers" }, "either hang or reset, not both"],
    [{ truncate: true, drip_ms: 1 }, "either truncate or drip_ms, not both"],
    [{ garbage: 1, raw: "" }, "either garbage or raw, not both"],
    [{ hang: "headers", status: 500 }, "no status with hang, which sends none"],
    [{ raw: "x", body: "y" }, "no body with raw, which sends none"],
    [{ garbage: 3, redirect: "/" }, "no redirect with garbage, which sends none"],
    [{ body: "", document: "instance" }, "either body or document, not both"],
    [{ redirect: "/", status: 200 }, "a status of 300 to 399 with redirect"]
  ])("refuses the contradiction of %j", (answer, problem) => {
    assert.include(refusalOf({ instance, imds: [answer] }), `imds.0: ${problem}`)
  })

  it.each<object>([
    { truncate: false, hang: "body", status: 500, body: "x" },
    { hang: "headers", delay_ms: 5, repeat: 2 },
    { redirect: "/", status: 308, body: "gone" }
  ])("takes %j, which is no contradiction", (answer) => {
    assert.isTrue(Result.isSuccess(decode(JSON.stringify({ instance, imds: [answer] }))))
  })

  it("names all that is wrong at once, and what is no playbook at all", () => {
    assert.strictEqual(refusalOf({ instance, x: 1, y: 2 }), "x: unknown key; y: unknown key")
    assert.strictEqual(refusalOf([]), "playbook: Expected object")
    assert.match(Result.getOrThrow(Result.flip(decode("{"))), /^not JSON: /)
    assert.match(Result.getOrThrow(Result.flip(decodeFile("a.toml", "a = "))), /^not TOML: .* line 1/)
  })
})

describe("its JSON Schema", () => {
  const file = join(import.meta.dirname, "../../config/azure-fabric.schema.json")

  it("is the published one", () => {
    assert.strictEqual(
      readFileSync(file, "utf8"),
      playbookSchema(),
      "stale: run `node fabric/main.ts schema >config/azure-fabric.schema.json`"
    )
  })

  it("describes every field", () => {
    const silent: Array<string> = []
    const walk = (node: unknown, path: string): void => {
      if (typeof node !== "object" || node === null) return
      for (const [key, value] of Object.entries(node)) {
        if (key === "properties" && typeof value === "object" && value !== null) {
          for (const [name, field] of Object.entries(value)) {
            if (typeof field !== "object" || field === null || !("description" in field)) silent.push(`${path}.${name}`)
          }
        }
        walk(value, `${path}.${key}`)
      }
    }
    walk(JSON.parse(playbookSchema()), "")
    assert.deepStrictEqual(silent, [])
  })
})
