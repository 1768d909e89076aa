import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { decodeInstanceMetadata } from "../../src/domain/InstanceMetadata.ts"
import { type Playbook, turn } from "../playbook.ts"
import { decodeImdsScenario, decodeWireserverScenario, withScenarios } from "../scenario.ts"

const directory = join(import.meta.dirname, "../../test/fixtures/fabric/scenarios")
const read = (name: string): string => readFileSync(join(directory, name), "utf8")

const playbook: Playbook = {
  instance: { username: "azureuser", hostname: "web-1", keys: [], disablePasswordAuthentication: true },
  imds: [],
  health: []
}

const problemOf = <A>(result: Result.Result<A, string>): string =>
  Result.match(result, { onSuccess: (value) => assert.fail(JSON.stringify(value)), onFailure: (problem) => problem })

describe("azure-init's scenario files", () => {
  it("are these", () => {
    assert.deepStrictEqual(readdirSync(join(directory, "imds")).sort(), [
      "bad-request-400.json",
      "internal-error-500.json",
      "timeout-408.json",
      "two-bad-then-success.json"
    ])
    assert.deepStrictEqual(readdirSync(join(directory, "wireserver")).sort(), [
      "internal-error-500.xml",
      "not-found-404.xml",
      "one-bad-then-success.xml",
      "success-200.xml"
    ])
  })

  it.each([["bad-request-400", 400], ["internal-error-500", 500], ["timeout-408", 408]] as const)(
    "IMDS: %s is one status without an end",
    (name, status) => {
      const imds = Result.getOrThrow(decodeImdsScenario(read(`imds/${name}.json`)))
      const scripted = Result.getOrThrow(withScenarios(playbook, { imds }))
      for (const count of [0, 1, 7]) {
        const answer = turn(scripted.imds, count, scripted.after_last)
        assert.strictEqual(answer?.status, status)
        assert.deepStrictEqual(answer?.headers, { "Content-Type": "application/json" })
        assert.include(answer?.body, "{\"error\":")
      }
    }
  )

  it("IMDS: two-bad-then-success, and then again", () => {
    const imds = Result.getOrThrow(decodeImdsScenario(read("imds/two-bad-then-success.json")))
    const scripted = Result.getOrThrow(withScenarios(playbook, { imds }))
    const answers = [0, 1, 2, 3, 4, 5].map((count) => turn(scripted.imds, count, scripted.after_last))
    assert.deepStrictEqual(answers.map((answer) => answer?.status), [500, 500, 200, 500, 500, 200])
    assert.deepStrictEqual(answers.map((answer) => answer?.delay_ms), [
      undefined,
      undefined,
      15_000,
      undefined,
      undefined,
      15_000
    ])
    const metadata = decodeInstanceMetadata(answers[2]?.body ?? "")
    assert.strictEqual(Result.getOrThrow(metadata).adminUsername, "azureuser")
  })

  it.each(
    [
      ["not-found-404", [404, 404, 404], [undefined, undefined, undefined]],
      ["internal-error-500", [500, 500, 500], [undefined, undefined, undefined]],
      ["success-200", [200, 200, 200], [undefined, undefined, undefined]],
      ["one-bad-then-success", [500, 200, 500], [undefined, 5000, undefined]]
    ] as const
  )("WireServer: %s", async (name, statuses, delays) => {
    const wireserver = Result.getOrThrow(await decodeWireserverScenario(read(`wireserver/${name}.xml`)))
    const scripted = Result.getOrThrow(withScenarios(playbook, { wireserver }))
    for (const list of [scripted.health, scripted.legacy_health ?? []]) {
      const answers = [0, 1, 2].map((count) => turn(list, count, scripted.after_last))
      assert.deepStrictEqual(answers.map((answer) => answer?.status), [...statuses])
      assert.deepStrictEqual(answers.map((answer) => answer?.delay_ms), [...delays])
      assert.deepStrictEqual(answers[0]?.headers, { "Content-Type": "application/xml" })
      assert.strictEqual(answers[0]?.body, "")
    }
  })

  it("IMDS: any value is a body, and none is an empty object", () => {
    const answers = decodeImdsScenario(
      "{\"responses\":[{\"status_code\":200},{\"status_code\":200,\"response\":[null]}]}"
    )
    assert.deepStrictEqual(Result.getOrThrow(answers).map(({ body }) => body), ["{}", "[null]"])
  })

  it.each([
    ["{", "scenario: "],
    ["[]", "scenario: Expected object"],
    ["{\"responses\":[]}", "responses.0: Missing key"],
    ["{\"responses\":[{\"status_code\":\"500\"}]}", "responses.0.status_code: Expected"],
    [
      "{\"responses\":[{\"status_code\":500},{\"status_code\":99}]}",
      "responses.1.status_code: Expected a value between"
    ],
    ["{\"responses\":[{\"status_code\":500,\"delay\":-1}]}", "responses.0.delay: Expected a value between"],
    ["{\"responses\":[{\"status_code\":500,\"wait\":1}]}", "responses.0.wait: unknown key"]
  ])("IMDS: %s is refused with its place", (text, problem) => {
    assert.include(problemOf(decodeImdsScenario(text)), problem)
  })

  it.each([
    ["<responses>", "line 1"],
    ["<answers/>", "answers: Expected responses"],
    ["<responses/>", "responses.0: Missing key"],
    ["<responses><reply/></responses>", "responses.reply: Expected response"],
    ["<responses><response/></responses>", "responses.0.status_code: Missing key"],
    [
      "<responses><response><status_code>many</status_code></response></responses>",
      "responses.0.status_code: Expected"
    ],
    [
      "<responses><response><status_code>200</status_code><wait>1</wait></response></responses>",
      "responses.0.wait: unknown key"
    ]
  ])("WireServer: %s is refused with its place", async (text, problem) => {
    assert.include(problemOf(await decodeWireserverScenario(text)), problem)
  })

  it("refuses what contradicts a playbook", () => {
    const imds = [{ status: 500 }]
    assert.match(problemOf(withScenarios({ ...playbook, imds: [{}] }, { imds })), /^imds: /)
    assert.match(problemOf(withScenarios({ ...playbook, legacy_health: [{}] }, { wireserver: imds })), /^health: /)
    assert.match(problemOf(withScenarios({ ...playbook, after_last: "azure" }, { imds })), /^after_last: /)
    assert.deepStrictEqual(
      withScenarios({ ...playbook, after_last: "azure" }, {}),
      Result.succeed({ ...playbook, after_last: "azure" })
    )
  })
})
