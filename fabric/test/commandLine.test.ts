import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { execFile } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import { encode } from "../../src/domain/KvpRecord.ts"
import { parse } from "../commandLine.ts"
import { objectionToRunning } from "../commands.ts"
import type { Invocation } from "../invocation.ts"
import { loadPlaybook, usualPlaybook } from "../loadPlaybook.ts"

const directory = mkdtempSync(join(tmpdir(), "azure-fabric-test-"))
afterAll(() => rmSync(directory, { recursive: true }))

const write = (name: string, content: string | Uint8Array): string => {
  const file = join(directory, name)
  writeFileSync(file, content)
  return file
}

const askedBy = (...argv: ReadonlyArray<string>): Promise<Invocation> => parse(argv).then(Result.getOrThrow)

const noSources = { playbook: undefined, imdsResponses: undefined, wireserverResponses: undefined }

describe("the command line of azure-fabric", () => {
  it("serve: Azure's own addresses, and nothing else", async () => {
    assert.deepStrictEqual(await askedBy("serve"), {
      _tag: "Serve",
      sources: noSources,
      transcript: undefined,
      listens: { imds: { host: "169.254.169.254", port: 80 }, wireserver: { host: "168.63.129.16", port: 80 } },
      dhcp: undefined,
      control: false
    })
  })

  it("serve: all that it takes", async () => {
    assert.deepStrictEqual(
      await askedBy(
        "serve",
        "--playbook",
        "p.toml",
        "--transcript",
        "t",
        "--imds-responses",
        "i.json",
        "--wireserver-responses",
        "w.xml",
        "--imds",
        "127.0.0.1:0",
        "--wireserver",
        "127.0.0.2:65535",
        "--dhcp",
        "veth0",
        "--control"
      ),
      {
        _tag: "Serve",
        sources: { playbook: "p.toml", imdsResponses: "i.json", wireserverResponses: "w.xml" },
        transcript: "t",
        listens: { imds: { host: "127.0.0.1", port: 0 }, wireserver: { host: "127.0.0.2", port: 65_535 } },
        dhcp: "veth0",
        control: true
      }
    )
  })

  it("run: the command is what comes after --, flags of its own as well", async () => {
    assert.deepStrictEqual(await askedBy("run", "--playbook", "p.json", "--", "sh", "-c", "true", "--help"), {
      _tag: "Run",
      sources: { ...noSources, playbook: "p.json" },
      transcript: undefined,
      machine: false,
      onThisMachine: false,
      command: ["sh", "-c", "true", "--help"]
    })
  })

  it("run: root says where a command runs, others need not", () => {
    const judge = (machine: boolean, onThisMachine: boolean, uid: number) =>
      objectionToRunning({ machine, onThisMachine }, uid)
    assert.match(judge(false, false, 0) ?? "", /^refusing to run a command as root on this machine: .*--machine/)
    assert.isUndefined(judge(true, false, 0))
    assert.isUndefined(judge(false, true, 0))
    assert.isUndefined(judge(false, false, 1000))
    for (const uid of [0, 1000]) assert.match(judge(true, true, uid) ?? "", /not both$/)
  })

  it("disc, kvp, schema and check", async () => {
    assert.deepStrictEqual(
      await askedBy(
        "disc",
        "--output",
        "d.iso",
        "--password",
        "p",
        "--custom-data",
        "aGk=",
        "--key",
        "a",
        "--key",
        "b"
      ),
      {
        _tag: "Disc",
        sources: { playbook: undefined },
        output: "d.iso",
        changes: { password: "p", customData: "aGk=", keys: ["a", "b"] }
      }
    )
    assert.deepStrictEqual(await askedBy("disc", "--output", "d.iso", "--playbook", "p.json"), {
      _tag: "Disc",
      sources: { playbook: "p.json" },
      output: "d.iso",
      changes: {}
    })
    assert.deepStrictEqual(await askedBy("kvp", "pool"), { _tag: "Kvp", file: "pool" })
    assert.deepStrictEqual(await askedBy("schema"), { _tag: "Schema" })
    assert.deepStrictEqual(await askedBy("check", "p.json"), { _tag: "Check", file: "p.json" })
  })
})

describe("playbooks from files", () => {
  const playbook = write("playbook.json", JSON.stringify({ instance: usualPlaybook.instance, imds: [{ status: 500 }] }))
  const broken = write("broken.toml", "[instance]\nusername = 7\n")
  const scenario = write("scenario.json", "{\"responses\":[{\"status_code\":404}]}")
  const xml = write("scenario.xml", "<responses><response><status_code>404</status_code></response></responses>")

  it("are put together", async () => {
    assert.deepStrictEqual(await loadPlaybook({}), usualPlaybook)
    assert.deepStrictEqual((await loadPlaybook({ playbook })).imds, [{ status: 500 }])
    const scripted = await loadPlaybook({ imdsResponses: scenario, wireserverResponses: xml })
    assert.deepStrictEqual(scripted.imds, [{ status: 404, body: "{}" }])
    assert.deepStrictEqual(scripted.health, [{ status: 404, headers: {}, body: "" }])
    assert.strictEqual(scripted.after_last, "start_again")
  })

  const refusal = (sources: Parameters<typeof loadPlaybook>[0]) =>
    loadPlaybook(sources).then(() => "taken", (error: unknown) => String(error))

  it("name themselves where they are wrong", async () => {
    assert.include(await refusal({ playbook: broken }), `${broken}: instance.username: Expected string`)
    assert.include(await refusal({ imdsResponses: xml }), `${xml}: scenario: `)
    assert.include(await refusal({ wireserverResponses: scenario }), `${scenario}: `)
    assert.include(await refusal({ playbook, imdsResponses: scenario }), `${playbook}: imds: `)
    assert.include(await refusal({ playbook: join(directory, "none") }), join(directory, "none"))
  })
})

// Each starts programs, which a busy machine keeps waiting.
describe("azure-fabric", { timeout: 30_000 }, () => {
  const program = join(import.meta.dirname, "../main.ts")

  const fabric = (...argv: ReadonlyArray<string>) =>
    new Promise<{ readonly status: number | string; readonly stdout: string; readonly stderr: string }>((resolve) => {
      execFile(
        process.execPath,
        [program, ...argv],
        (error, stdout, stderr) => resolve({ status: error === null ? 0 : error.code ?? "signal", stdout, stderr })
      )
    })

  it("kvp: prints entries and the report, and ends with 1 where something is wrong", async () => {
    const entry = { key: "PROVISIONING_REPORT", value: "result=success" }
    assert.deepStrictEqual(await fabric("kvp", write("good", encode([entry]))), {
      status: 0,
      stdout: "PROVISIONING_REPORT\n  result=success\n1 entry, report: result=success\n",
      stderr: ""
    })
    const bad = write("bad", encode([entry, { key: "k".repeat(300), value: "v" }]))
    const { status, stderr } = await fabric("kvp", bad)
    assert.deepStrictEqual([status, stderr], [
      1,
      `azure-fabric: ${bad}: record 1 has a key of 300 bytes, more than 254\n`
    ])
  })

  it("check: says what is wrong, and ends with 1", async () => {
    const good = write(
      "good.toml",
      "imds = []\n[instance]\nusername = 'u'\nhostname = 'h'\nkeys = []\ndisablePasswordAuthentication = true\n"
    )
    assert.deepStrictEqual(await fabric("check", good), { status: 0, stdout: `${good} is a playbook\n`, stderr: "" })
    const bad = write("bad.json", "{}")
    assert.deepStrictEqual(await fabric("check", bad), {
      status: 1,
      stdout: "",
      stderr: `azure-fabric: ${bad}: instance: Missing key\n`
    })
  })

  it("a usage that is none ends with 2", async () => {
    const usages = [["serv"], ["serve", "--imds", "localhost"], ["run"], [
      "disc",
      "--output",
      "d",
      "--custom-data",
      "%"
    ]]
    await Promise.all(usages.map(async (argv) => {
      const { status, stderr } = await fabric(...argv)
      assert.strictEqual(status, 2, argv.join(" "))
      assert.match(stderr, /^\nERROR\n/)
    }))
  })

  it("serve --control: a line for each playbook, until standard input ends", async () => {
    const child = execFile(process.execPath, [
      program,
      "serve",
      "--control",
      "--imds",
      "127.0.0.1:0",
      "--wireserver",
      "127.0.0.1:0"
    ])
    const ended = new Promise<[number | null, string]>((resolve) => {
      let said = ""
      child.stdout?.on("data", (text: string) => said += text)
      child.on("close", (code) => resolve([code, said]))
    })
    child.stdin?.end(`${JSON.stringify({ ...usualPlaybook, health: [{}] })}\n{"x":1}\n`)
    const [status, said] = await ended
    assert.match(
      said,
      /^ready imds=127\.0\.0\.1:\d+ wireserver=127\.0\.0\.1:\d+\nready\nrefused: x: unknown key; instance: Missing key\n$/
    )
    assert.strictEqual(status, 0)
  })
})
