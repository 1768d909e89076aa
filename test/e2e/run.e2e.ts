/** `azure-fabric run` for root: never an agent on this machine by mistake. */
import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { hostname, tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "vitest"
import { agents, repository } from "../../fabric/host.ts"
import { endOf } from "../../fabric/hostOf.ts"
import { usualPlaybook } from "../../fabric/loadPlaybook.ts"
import { decodeAll } from "../../fabric/transcript.ts"

const directory = mkdtempSync(join(tmpdir(), "azure-fabric-run-"))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const fabric = async (...argv: ReadonlyArray<string>) => {
  const { status, stderr, stdout } = await endOf(
    spawn(process.execPath, ["fabric/main.ts", ...argv], { cwd: repository })
  )
  return { status, stdout: stdout.toString("utf8"), stderr: stderr.toString("utf8") }
}

describe("azure-fabric run as root", () => {
  it("refuses to run anything unless it is said where, with status 2", async () => {
    const marker = join(directory, "ran")
    for (const flags of [[], ["--machine", "--on-this-machine"]]) {
      const { status, stderr, stdout } = await fabric("run", ...flags, "--", "touch", marker)
      assert.deepStrictEqual([status, stdout], [2, ""])
      assert.match(stderr, /^azure-fabric: run: .*--machine.*--on-this-machine.*\n$/)
      assert.isFalse(existsSync(marker))
    }
  })

  it("--machine: an agent provisions a throw-away machine, and this one stays as it is", async () => {
    const watched = ["/etc/passwd", "/etc/shadow", "/etc/group", "/etc/hostname"]
    const before = watched.map((file) => readFileSync(file, "utf8"))
    const transcript = join(directory, "machine.jsonl")
    // A path of the directory in which azure-fabric was started, as the documentation has it.
    const script = `dist/azure-init && grep -o ^${usualPlaybook.instance.username} /etc/passwd && hostname`
    const { status, stderr, stdout } = await fabric(
      "run",
      "--machine",
      "--transcript",
      transcript,
      "--",
      "sh",
      "-c",
      script
    )
    assert.strictEqual(status, 0, stderr)
    assert.strictEqual(stdout, `${usualPlaybook.instance.username}\n${usualPlaybook.instance.hostname}\n`)
    assert.match(stderr, /azure-fabric: 2 requests\nimds +GET +200 .*\nhealth +POST 200 /)
    assert.deepStrictEqual(
      decodeAll(readFileSync(transcript, "utf8")).map(({ body, endpoint }) => `${endpoint} ${body}`),
      ["imds ", "health {\"state\":\"Ready\"}"]
    )
    assert.deepStrictEqual(watched.map((file) => readFileSync(file, "utf8")), before)
    assert.notStrictEqual(hostname(), usualPlaybook.instance.hostname)
    assert.isTrue(existsSync(agents.executable[0]))
  })

  it("--machine: ends as the command does, and with 125 when it cannot begin", async () => {
    assert.strictEqual((await fabric("run", "--machine", "--", "sh", "-c", "exit 7")).status, 7)
    assert.strictEqual((await fabric("run", "--machine", "--", "sh", "-c", "kill -TERM $$")).status, 143)
    const wrong = await fabric("run", "--machine", "--playbook", join(directory, "absent.json"), "--", "true")
    assert.strictEqual(wrong.status, 125)
    assert.match(wrong.stderr, /^azure-fabric: .*absent\.json/)
  })

  it("--machine: passes SIGTERM on, and gives the command its standard input", async () => {
    const script = "trap 'echo terminated; exit 9' TERM; read -r line; echo \"$line\"; while :; do sleep 0.05; done"
    const child = spawn(process.execPath, ["fabric/main.ts", "run", "--machine", "--", "sh", "-c", script], {
      cwd: repository
    })
    let said = ""
    child.stdout.on("data", (part: Buffer) => said += part.toString("utf8"))
    const ended = new Promise<number | null>((resolve) => child.on("exit", resolve))
    child.stdin.write("hello\n")
    await new Promise((resolve) => child.stdout.once("data", resolve))
    child.kill("SIGTERM")
    assert.strictEqual(await ended, 9)
    assert.strictEqual(said, "hello\nterminated\n")
  })
})

describe("the demo", () => {
  it("says when there is no such agent, with status 2 and without a stack trace", async () => {
    for (const agent of ["missing", "/usr/bin/missing", "/etc/passwd"]) {
      const { status, stderr } = await endOf(
        spawn(process.execPath, ["fabric/demo.ts", "--agent", agent], { cwd: repository })
      )
      assert.strictEqual(
        stderr.toString("utf8"),
        `demo: --agent: there is no program ${agent} on this machine: give the path that it has there\n`
      )
      assert.strictEqual(status, 2)
    }
  })

  it("shows what an agent that does nothing has left out", async () => {
    const { status, stderr, stdout } = await endOf(
      spawn(process.execPath, ["fabric/demo.ts", "--agent", "/bin/true"], { cwd: repository })
    )
    assert.strictEqual(stderr.toString("utf8"), "")
    assert.include(stdout.toString("utf8"), "This is not what it should be: see above.")
    assert.strictEqual(status, 1)
  })
})
