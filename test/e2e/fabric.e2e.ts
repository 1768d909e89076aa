/** azure-fabric in network namespaces: what a laptop without them can't show. */
import { execFile } from "node:child_process"
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "vitest"
import { type Companion, companion } from "../../fabric/companion.ts"
import { repository } from "../../fabric/host.ts"
import { usualPlaybook } from "../../fabric/loadPlaybook.ts"
import type { Playbook } from "../../fabric/playbook.ts"
import { decodeAll } from "../../fabric/transcript.ts"

const program = join(import.meta.dirname, "../../fabric/main.ts")

const directory = mkdtempSync(join(tmpdir(), "azure-fabric-e2e-"))
// Another user writes here too.
chmodSync(directory, 0o777)
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const write = (name: string, content: string): string => {
  const file = join(directory, name)
  writeFileSync(file, content)
  return file
}

interface Outcome {
  readonly status: number | string
  readonly stdout: string
  readonly stderr: string
}

const execute = (command: string, args: ReadonlyArray<string>): Promise<Outcome> =>
  new Promise((resolve) => {
    execFile(command, args, { env: { ...process.env, LANG: "C" } }, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : error.code ?? error.signal ?? "failed", stdout, stderr }))
  })

const fabric = (...argv: ReadonlyArray<string>): Promise<Outcome> => execute(process.execPath, [program, ...argv])

/** Of commands that change nothing here. */
const run = (...argv: ReadonlyArray<string>): Promise<Outcome> => fabric("run", "--on-this-machine", ...argv)

/** Asks for each URL, a line for each: the status, or why there is none. */
const probe = write(
  "probe.mjs",
  `import { get } from "node:http"
for (const url of process.argv.slice(2)) {
  await new Promise((resolve) => {
    let said = false
    const say = (text) => {
      if (!said) console.log(text)
      said = true
      resolve()
    }
    const request = get(url, { headers: { Metadata: "true", Connection: "close" } }, (response) => {
      response.resume().on("end", () => say(String(response.statusCode)))
    })
    const timer = setTimeout(() => (say("silence"), request.destroy()), 600)
    request.on("close", () => clearTimeout(timer))
    request.on("error", (error) => say(error.code))
  })
}
`
)

const imdsUrl = "http://169.254.169.254/metadata/instance?api-version=2023-11-15"
const versionsUrl = "http://168.63.129.16/?comp=versions"

const playbookFile = (name: string, changes: Partial<Playbook> = {}): string =>
  write(`${name}.json`, JSON.stringify({ ...usualPlaybook, ...changes }))

describe("azure-fabric run", () => {
  it("is Azure for the command, and tells what it was asked", async () => {
    const transcript = join(directory, "run.jsonl")
    const playbook = playbookFile("run", { imds: [{ status: 503, repeat: 2 }], after_last: "azure" })
    const urls = [imdsUrl, imdsUrl, imdsUrl, versionsUrl, "http://192.0.2.1/"]
    const flags = ["--playbook", playbook, "--transcript", transcript]
    const { status, stderr, stdout } = await run(...flags, "--", process.execPath, probe, ...urls)
    assert.strictEqual(stdout, "503\n503\n200\n200\nENETUNREACH\n")
    assert.strictEqual(status, 0)
    const target = "/metadata/instance?api-version=2023-11-15"
    assert.deepStrictEqual(stderr.trimEnd().split("\n").map((line) => line.split(/\s+/).join(" ")), [
      "azure-fabric: 4 requests",
      `imds GET 503 ${target}`,
      `imds GET 503 ${target}`,
      `imds GET 200 ${target}`,
      "versions GET 200 /?comp=versions"
    ])
    assert.deepStrictEqual(
      decodeAll(readFileSync(transcript, "utf8")).map(({ answered, endpoint }) => `${endpoint} ${answered}`),
      ["imds 503", "imds 503", "imds 200", "versions 200"]
    )
  })

  it("ends as the command does: status, signal, or 125 when there is none", async () => {
    assert.strictEqual((await run("--", "sh", "-c", "exit 7")).status, 7)
    assert.strictEqual((await run("--", "sh", "-c", "kill -TERM $$")).status, 143)
    const none = await run("--", "no-such-command")
    assert.deepStrictEqual([none.status, none.stderr], [125, "azure-fabric: spawn no-such-command ENOENT\n"])
    const wrong = await run(
      "--playbook",
      write("wrong.json", "{}"),
      "--",
      "touch",
      join(directory, "ran")
    )
    assert.deepStrictEqual([wrong.status, wrong.stderr], [
      125,
      `azure-fabric: ${join(directory, "wrong.json")}: instance: Missing key\n`
    ])
    assert.isFalse(existsSync(join(directory, "ran")))
  })

  it("passes SIGTERM on to the command", async () => {
    const marker = join(directory, "terminated")
    const script = `trap 'echo yes >${marker}; exit 9' TERM; echo started; while :; do sleep 0.05; done`
    const child = execFile(process.execPath, [program, "run", "--on-this-machine", "--", "sh", "-c", script])
    const ended = new Promise<number | null>((resolve) => child.on("exit", resolve))
    await new Promise((resolve) => child.stdout?.once("data", resolve))
    child.kill("SIGTERM")
    assert.strictEqual(await ended, 9)
    assert.strictEqual(readFileSync(marker, "utf8"), "yes\n")
  })

  it("takes azure-init's scenario files", async () => {
    const scenarios = join(import.meta.dirname, "../fixtures/fabric/scenarios")
    const { stdout } = await run(
      "--imds-responses",
      join(scenarios, "imds/timeout-408.json"),
      "--",
      process.execPath,
      probe,
      imdsUrl,
      imdsUrl
    )
    assert.strictEqual(stdout, "408\n408\n")
  })

  it("needs no root", async () => {
    // A user other than root may not even see a repository below /root: it is shown elsewhere.
    const shown = "/mnt"
    const node = join(shown, "node_modules/node/bin/node")
    const probeShown = "/dev/shm/probe.mjs"
    const { status, stderr, stdout } = await execute("unshare", [
      "--mount",
      "--propagation",
      "private",
      "sh",
      "-euc",
      "mount --bind \"$1\" \"$2\"; mount -t tmpfs probe /dev/shm; cp \"$3\" \"$4\"; chmod 644 \"$4\"; shift 4; exec \"$@\"",
      "shown",
      repository,
      shown,
      probe,
      probeShown,
      "setpriv",
      "--reuid",
      "65534",
      "--regid",
      "65534",
      "--clear-groups",
      "--",
      node,
      join(shown, "fabric/main.ts"),
      "run",
      "--",
      node,
      probeShown,
      imdsUrl,
      versionsUrl
    ])
    assert.deepStrictEqual([status, stdout], [0, "200\n200\n"], stderr)
  })
})

/** A namespace with both addresses in which a scripted platform runs; `ask` asks it from a process of its own. */
const withPlatform = async (
  work: (platform: {
    readonly play: (changes: Partial<Playbook>) => Promise<string>
    readonly ask: (...urls: ReadonlyArray<string>) => Promise<ReadonlyArray<string>>
  }) => Promise<void>
): Promise<void> => {
  const setup = "ip link set lo up; ip address add 169.254.169.254/32 dev lo; ip address add 168.63.129.16/32 dev lo"
  const transcript = join(directory, "platform.jsonl")
  const platform: Companion = companion("unshare", [
    "--net",
    "sh",
    "-c",
    `${setup}; echo $$; exec "$@"`,
    "sh",
    process.execPath,
    program,
    transcript
  ])
  try {
    const pid = await platform.line()
    await work({
      play: (changes) => {
        platform.say(JSON.stringify({ ...usualPlaybook, ...changes }))
        return platform.line()
      },
      ask: async (...urls) =>
        (await execute("nsenter", ["--target", pid, "--net", process.execPath, probe, ...urls])).stdout.trim()
          .split("\n")
    })
  } finally {
    await platform.stop()
  }
}

describe("the network", () => {
  it("answers, is refused, is silent, and answers again, each address by itself", () =>
    withPlatform(async ({ ask, play }) => {
      const rounds: ReadonlyArray<readonly [Playbook["network"], string]> = [
        [{}, "200 200"],
        [{ imds: "silent" }, "silence 200"],
        [{ imds: "silent", wireserver: "silent" }, "silence silence"],
        [{ imds: "refused", wireserver: "silent" }, "ECONNREFUSED silence"],
        [{ imds: "silent", wireserver: "refused" }, "silence ECONNREFUSED"],
        [{ wireserver: "refused" }, "200 ECONNREFUSED"],
        [{}, "200 200"]
      ]
      for (const [network = {}, expected] of rounds) {
        assert.strictEqual(await play({ network }), "ready")
        assert.strictEqual((await ask(imdsUrl, versionsUrl)).join(" "), expected, JSON.stringify(network))
      }
    }))

  it("refuses a playbook that can't be, and goes on", () =>
    withPlatform(async ({ ask, play }) => {
      assert.strictEqual(await play({ imds: [{ status: 418 }] }), "ready")
      assert.match(await play({ imds: [{ status: 1 }] }), /^refused: imds\.0\.status: Expected/)
      assert.deepStrictEqual(await ask(imdsUrl), ["418"])
    }))

  it("Azure's own addresses are taken nowhere else than in a namespace without a way out", async () => {
    const open = "ip link add lan0 type dummy 2>/dev/null || ip link add lan0 type bridge"
    for (const args of [["serve"], ["serve", "--control"], ["serve", "--imds", "127.0.0.1:0"], ["/dev/null"]]) {
      const { status, stderr } = await execute("unshare", [
        "--net",
        "sh",
        "-c",
        `${open}; exec "$@"`,
        "sh",
        process.execPath,
        program,
        ...args
      ])
      assert.strictEqual(status, 1, args.join(" "))
      assert.match(stderr, /refusing to start: this network namespace has the interface lan0/)
    }
  })
})

/**
 * A client with one socket: discovers, requests what it is offered, asks for another address, and prints the replies in
 * hexadecimal.
 */
const dhcpClient = write(
  "client.mjs",
  `import { createSocket } from "node:dgram"
const socket = createSocket("udp4")
const message = (type, more = []) => {
  const bytes = Buffer.alloc(300)
  bytes.set([1, 1, 6, 0, 0xca, 0xfe, 0xf0, 0x0d, 0, 0, 0x80])
  bytes.set([0, 0x0d, 0x3a, 0x11, 0x22, 0x33], 28)
  bytes.set([0x63, 0x82, 0x53, 0x63, 53, 1, type, ...more, 255], 236)
  return bytes
}
const ask = (bytes) => new Promise((resolve, reject) => {
  setTimeout(() => reject(new Error("no reply")), 3000).unref()
  socket.once("message", resolve)
  socket.send(bytes, 67, "255.255.255.255")
})
await new Promise((resolve) => socket.bind(68, resolve))
socket.setBroadcast(true)
for (const bytes of [message(1), message(3, [50, 4, 10, 0, 0, 4]), message(3, [50, 4, 10, 0, 0, 9])]) {
  console.log((await ask(bytes)).toString("hex"))
}
socket.close()
`
)

describe("DHCP", () => {
  it("leases one address, with Azure's options, over a real link", async () => {
    const client = companion("unshare", ["--net", "sh", "-c", "echo $$; exec cat"])
    const clientPid = await client.line()
    const setup = [
      "ip link set lo up",
      "ip link add veth0 type veth peer name veth1",
      `ip link set veth1 netns ${clientPid}`,
      "ip address add 10.0.0.1/24 dev veth0",
      "ip link set veth0 up",
      "exec \"$@\""
    ].join("; ")
    const server = companion("unshare", [
      "--net",
      "sh",
      "-c",
      setup,
      "sh",
      process.execPath,
      program,
      "serve",
      "--imds",
      "127.0.0.1:0",
      "--wireserver",
      "127.0.0.1:0",
      "--dhcp",
      "veth0"
    ])
    try {
      assert.match(await server.line(), /^ready /)
      const { stderr, stdout } = await execute("nsenter", [
        "--target",
        clientPid,
        "--net",
        "sh",
        "-c",
        "ip link set veth1 up; ip route add 255.255.255.255/32 dev veth1; exec \"$@\"",
        "sh",
        process.execPath,
        dhcpClient
      ])
      const replies = stdout.trim().split("\n")
      assert.strictEqual(replies.length, 3, stderr)
      const [offer = "", ack = "", nak = ""] = replies
      const options =
        "36040a0000013304ffffffff0104ffffff0003040a0000017917000a00000120a83f81100a00000120a9fea9fe0a000001f504a83f8110ff"
      for (const [reply, type] of [[offer, "02"], [ack, "05"]] as const) {
        // Fixed fields: a reply to this client, which gets 10.0.0.4.
        assert.strictEqual(reply.slice(0, 40), "02010600cafef00d00008000000000000a000004")
        assert.strictEqual(reply.slice(56, 68), "000d3a112233")
        assert.include(reply, `63825363${`3501${type}`}${options}`)
      }
      assert.include(nak, "6382536335010636040a000001ff")
    } finally {
      await server.stop()
      await client.stop()
    }
  })

  it("says what is wrong with an interface", async () => {
    const args = ["serve", "--imds", "127.0.0.1:0", "--wireserver", "127.0.0.1:0", "--dhcp"]
    const inside = (setup: string, name: string) =>
      execute("unshare", [
        "--net",
        "sh",
        "-c",
        `ip link set lo up; ${setup}; exec "$@"`,
        "sh",
        process.execPath,
        program,
        ...args,
        name
      ])
    const absent = await inside("true", "veth0")
    assert.deepStrictEqual([absent.status, absent.stderr], [
      1,
      "azure-fabric: dhcp: there is no interface veth0 with an IPv4 address\n"
    ])
    const narrow = await inside(
      "ip link add veth0 type veth peer name veth1; ip address add 10.0.0.1/30 dev veth0; ip link set veth0 up",
      "veth0"
    )
    assert.deepStrictEqual([narrow.status, narrow.stderr], [
      1,
      "azure-fabric: dhcp: the network of veth0 (10.0.0.1/30) has no room for 10.0.0.4\n"
    ])
  })
})

describe("azure-fabric disc", () => {
  it("makes a real UDF and ISO 9660 image with the document of the playbook's VM", async () => {
    const image = join(directory, "disc.iso")
    const playbook = playbookFile("disc")
    const made = await fabric(
      "disc",
      "--playbook",
      playbook,
      "--output",
      image,
      "--password",
      "p&w",
      "--custom-data",
      "aGVsbG8="
    )
    assert.deepStrictEqual(made, { status: 0, stdout: "", stderr: "" })
    const { stdout: probed } = await execute("blkid", ["-p", "-o", "export", image])
    assert.include(probed, "\nTYPE=udf\n")
    assert.include(probed, "\nLABEL=rd_rdfe\n")
    const { stdout: document } = await execute("isoinfo", ["-R", "-i", image, "-x", "/ovf-env.xml"])
    assert.include(document, `<UserName>${usualPlaybook.instance.username}</UserName>`)
    assert.include(document, "<UserPassword>p&amp;w</UserPassword>")
    assert.include(document, "<CustomData>aGVsbG8=</CustomData>")
    assert.include(document, usualPlaybook.instance.keys[0] ?? assert.fail())
  })
})
