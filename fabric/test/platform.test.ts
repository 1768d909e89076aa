import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { decodeInstanceMetadata } from "../../src/domain/InstanceMetadata.ts"
import { documentNames } from "../documentNames.ts"
import { goalState, namedDocument } from "../documents.ts"
import { answer, endpointOf, type Place, type Received } from "../platform.ts"
import type { Instance } from "../playbook.ts"
import { find, parseXml } from "../xml.ts"

const instance: Instance = {
  username: "azureuser",
  hostname: "web-1",
  keys: ["ssh-ed25519 AAAA one\r\n", "ssh-ed25519 AAAA two"],
  disablePasswordAuthentication: false,
  vmId: "0b5c8f1e-1111-4222-8333-944455556666",
  location: "brazilsouth"
}

const usual = {
  imds: { metadata: "true" },
  wireserver: { "content-type": "application/json", "x-ms-version": "2012-11-30" }
}

const ask = (
  place: Place,
  method: string,
  target: string,
  more: { readonly headers?: Readonly<Record<string, string>>; readonly body?: string } = {}
) => {
  const received: Received = {
    endpoint: endpointOf(place, target),
    method,
    target,
    headers: Object.entries(more.headers ?? usual[place]),
    body: more.body ?? ""
  }
  return answer(received, instance)
}

const statusOf = (...request: Parameters<typeof ask>) => ask(...request).then(({ status }) => status)

const document = "/metadata/instance?api-version=2023-11-15&extended=true"

describe("IMDS", () => {
  it("answers with a document that the agent's own schema takes, in the words of the playbook", async () => {
    const { body, status } = await ask("imds", "GET", document)
    assert.strictEqual(status, 200)
    assert.deepStrictEqual(
      decodeInstanceMetadata(body),
      Result.succeed({
        adminUsername: "azureuser",
        computerName: "web-1",
        disablePasswordAuthentication: false,
        publicKeys: instance.keys
      })
    )
    assert.include(body, "\"vmId\":\"0b5c8f1e-1111-4222-8333-944455556666\"")
    assert.include(body, "\"location\":\"brazilsouth\"")
  })

  it("tells of pre-provisioning with extended=true only", async () => {
    assert.include((await ask("imds", "GET", document)).body, "\"ppsType\":\"None\"")
    const basic = await ask("imds", "GET", "/metadata/instance?api-version=2023-11-15")
    assert.notInclude(basic.body, "ppsType")
    assert.isTrue(Result.isSuccess(decodeInstanceMetadata(basic.body)))
  })

  it("lists its versions", async () => {
    const { body } = await ask("imds", "GET", "/metadata/versions")
    assert.include(body, "{\"apiVersions\":[\"2017-")
    assert.include(body, "\"2023-11-15\"")
  })

  it.each<readonly [string, number, Parameters<typeof ask>]>([
    ["no Metadata header", 400, ["imds", "GET", document, { headers: {} }]],
    ["Metadata: false", 400, ["imds", "GET", document, { headers: { Metadata: "false" } }]],
    ["Metadata: True", 200, ["imds", "GET", document, { headers: { METADATA: "True" } }]],
    ["a proxy's header", 400, ["imds", "GET", document, { headers: { Metadata: "true", "X-Forwarded-For": "::1" } }]],
    ["no version", 400, ["imds", "GET", "/metadata/instance"]],
    ["a version of the future", 200, ["imds", "GET", "/metadata/instance?api-version=2031-01-01"]],
    ["a word for a version", 400, ["imds", "GET", "/metadata/instance?api-version=latest"]],
    ["a version that is none", 400, ["imds", "GET", "/metadata/instance?api-version=1999-01-01"]],
    ["another path", 404, ["imds", "GET", "/metadata/identity?api-version=2023-11-15"]],
    ["no path", 404, ["imds", "GET", "/"]],
    ["POST", 405, ["imds", "POST", document]]
  ])("%s: %i", async (_, status, request) => {
    assert.strictEqual(await statusOf(...request), status)
  })
})

const health = "/provisioning/health"
const failure = (details: unknown): string => JSON.stringify({ state: "NotReady", details })

describe("WireServer's health", () => {
  const said = { subStatus: "ProvisioningFailed", description: "result=error" }

  it.each<readonly [string, number, string]>([
    ["Ready", 200, "{\"state\":\"Ready\"}"],
    ["a failure", 200, failure(said)],
    ["progress", 200, failure({ ...said, subStatus: "Provisioning" })],
    ["4096 bytes of description", 200, failure({ ...said, description: "ä".repeat(2048) })],
    ["4097 bytes of description", 400, failure({ ...said, description: "x".repeat(4097) })],
    ["nothing", 400, ""],
    ["half of it", 400, "{\"state\":\"Re"],
    ["a list", 400, "[]"],
    ["no state", 400, "{}"],
    ["another state", 400, "{\"state\":\"ready\"}"],
    ["a failure without details", 400, "{\"state\":\"NotReady\"}"],
    ["another substatus", 400, failure({ ...said, subStatus: "Failed" })],
    ["no description", 400, failure({ subStatus: "Provisioning" })]
  ])("%s: %i", async (_, status, body) => {
    assert.strictEqual(await statusOf("wireserver", "POST", health, { headers: usual.wireserver, body }), status)
  })

  it("takes JSON only, by POST", async () => {
    const body = "{\"state\":\"Ready\"}"
    assert.strictEqual(
      await statusOf("wireserver", "POST", health, { headers: { "Content-Type": "text/plain" }, body }),
      400
    )
    assert.strictEqual(await statusOf("wireserver", "POST", health, { headers: {}, body }), 400)
    assert.strictEqual(await statusOf("wireserver", "GET", health), 405)
  })
})

describe("WireServer's older protocol", () => {
  it("versions and goal state are XML with what agents look for", async () => {
    const versions = await parseXml((await ask("wireserver", "GET", "/?comp=versions")).body)
    assert.include(
      Result.getOrThrow(versions).children.flatMap(({ children }) => children.map(({ text }) => text)),
      "2012-11-30"
    )
    for (const target of ["/machine/?comp=goalstate", "/machine?comp=goalstate"]) {
      const root = Result.getOrThrow(await parseXml((await ask("wireserver", "GET", target)).body))
      assert.strictEqual(find(root, "Incarnation")?.text, goalState.incarnation)
      assert.strictEqual(find(root, "Container", "ContainerId")?.text, goalState.containerId)
      assert.strictEqual(
        find(root, "Container", "RoleInstanceList", "RoleInstance", "InstanceId")?.text,
        goalState.instanceId
      )
    }
  })

  it("the goal state is for those who say which version of the protocol they speak", async () => {
    assert.strictEqual(await statusOf("wireserver", "GET", "/machine/?comp=goalstate", { headers: {} }), 400)
    assert.strictEqual(await statusOf("wireserver", "POST", "/machine/?comp=goalstate"), 405)
    assert.strictEqual(await statusOf("wireserver", "POST", "/?comp=versions"), 405)
    assert.strictEqual(await statusOf("wireserver", "GET", "/machine/?comp=config"), 404)
    assert.strictEqual(await statusOf("wireserver", "POST", "/"), 404)
  })

  const report = (changes: {
    readonly incarnation?: string
    readonly container?: string
    readonly instance?: string
    readonly health?: string
  } = {}): string =>
    `<?xml version="1.0" encoding="utf-8"?><Health xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><GoalStateIncarnation>${
      changes.incarnation ?? goalState.incarnation
    }</GoalStateIncarnation><Container><ContainerId>${
      changes.container ?? goalState.containerId
    }</ContainerId><RoleInstanceList><Role><InstanceId>${changes.instance ?? goalState.instanceId}</InstanceId>${
      changes.health ?? "<Health><State>Ready</State></Health>"
    }</Role></RoleInstanceList></Container></Health>`

  const notReady = (details: string): string => report({ health: `<Health><State>NotReady</State>${details}</Health>` })
  const details = (subStatus: string, description: string): string =>
    notReady(`<Details><SubStatus>${subStatus}</SubStatus><Description>${description}</Description></Details>`)

  it.each<readonly [string, number, string, string]>([
    ["Ready", 200, report(), ""],
    ["a failure", 200, details("ProvisioningFailed", "a &lt; b"), ""],
    ["4096 bytes of description", 200, details("Provisioning", "x".repeat(4096)), ""],
    ["4097 bytes of description", 400, details("Provisioning", "x".repeat(4097)), "more than 4096 bytes"],
    ["no XML", 400, "{\"state\":\"Ready\"}", "is not XML"],
    ["half of it", 400, report().slice(0, 200), "is not XML"],
    ["another document", 400, "<GoalState/>", "is not Health"],
    ["an entity of its own", 400, `<!DOCTYPE a [<!ENTITY b "c">]><Health>&b;</Health>`, "is not XML"],
    ["no incarnation", 400, "<Health/>", "GoalStateIncarnation is missing"],
    ["an old incarnation", 400, report({ incarnation: "0" }), "GoalStateIncarnation is not the goal state's"],
    ["another container", 400, report({ container: "x" }), "Container/ContainerId is not the goal state's"],
    ["another instance", 400, report({ instance: "" }), "InstanceId is not the goal state's"],
    ["no health", 400, report({ health: "" }), "Health is missing"],
    ["another state", 400, report({ health: "<Health><State>Done</State></Health>" }), "neither Ready nor NotReady"],
    ["no details", 400, notReady(""), "SubStatus is unknown"],
    [
      "no description",
      400,
      notReady("<Details><SubStatus>Provisioning</SubStatus></Details>"),
      "Description is missing"
    ]
  ])("%s: %i", async (_, status, body, problem) => {
    const headers = { "Content-Type": "text/xml; charset=utf-8" }
    const reply = await ask("wireserver", "POST", "/machine?comp=health", { headers, body })
    assert.strictEqual(reply.status, status, reply.body)
    assert.include(reply.body, problem)
  })

  it("takes text/xml only, by POST", async () => {
    assert.strictEqual(await statusOf("wireserver", "POST", "/machine/?comp=health", { body: report() }), 400)
    assert.strictEqual(await statusOf("wireserver", "GET", "/machine/?comp=health"), 405)
  })
})

describe("named documents", () => {
  it.each(documentNames)("%s is what it is called", (name) => {
    const { body } = namedDocument(name, instance)
    const metadata = decodeInstanceMetadata(body)
    const keys = Result.isSuccess(metadata) ? metadata.success.publicKeys.length : undefined
    const expected: Readonly<Record<typeof name, number | undefined>> = {
      "instance": 2,
      "instance-basic": 2,
      "instance-without-keys": 0,
      "instance-without-os-profile": undefined,
      "versions": undefined,
      "goal-state": undefined,
      "error-page": undefined
    }
    assert.strictEqual(keys, expected[name])
    assert.isNotEmpty(body)
  })

  it("instance-without-os-profile lacks nothing else", () => {
    assert.deepStrictEqual(
      decodeInstanceMetadata(namedDocument("instance-without-os-profile", instance).body),
      Result.fail("compute.osProfile is missing")
    )
  })
})
