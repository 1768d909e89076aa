import { assert, describe, it } from "@effect/vitest"
import {
  agents,
  assertProvisioned,
  disc,
  type Host,
  imdsRequest,
  onMachine,
  playbook,
  readyRequest,
  requestsTo,
  stateOf
} from "./hosts/overlay.ts"

const agent = agents.executable

/** Where the agent is started from. */
const directory = "/tmp/surroundings"

/** Leaves a trace once a JavaScript engine runs or requires it. */
const evil = "require(\"node:fs\").writeFileSync(\"/evil\", \"ran\")\n"

/** Files that JavaScript runtimes look for where they are started, each of which would run code or change what runs. */
const files: Readonly<Record<string, string>> = {
  "evil.cjs": evil,
  "bunfig.toml": "preload = [\"./evil.cjs\"]\n",
  ".env": "BUN_OPTIONS=--preload=./evil.cjs\nAZURE_INIT_LOG=trace\nAZURE_INIT_CONFIG=/nowhere\n",
  ".env.local": "AZURE_INIT_CONFIG=/nowhere\n",
  ".env.production": "AZURE_INIT_CONFIG=/nowhere\n",
  ".env.development": "AZURE_INIT_CONFIG=/nowhere\n",
  "package.json": "{ \"type\": \"module\", \"imports\": { \"#*\": \"./evil.cjs\" }, \"main\": \"./evil.cjs\" }\n",
  "tsconfig.json": "{ \"compilerOptions\": { \"paths\": { \"*\": [\"./evil.cjs\"] } } }\n",
  "jsconfig.json": "{ \"compilerOptions\": { \"paths\": { \"*\": [\"./evil.cjs\"] } } }\n",
  ".npmrc": "node-options=--require ./evil.cjs\n",
  "node.config.json": "{ \"nodeOptions\": { \"import\": [\"./evil.cjs\"] } }\n",
  "node_modules/effect/index.js": evil,
  "node_modules/effect/package.json": "{ \"main\": \"index.js\" }\n",
  "main.js": evil,
  "commandLine.js": evil
}

/** Variables that JavaScript runtimes and C libraries read. */
const variables: Readonly<Record<string, string>> = {
  BUN_OPTIONS: `--preload=${directory}/evil.cjs`,
  BUN_CONFIG_FILE: `${directory}/bunfig.toml`,
  BUN_INSPECT: "ws://127.0.0.1:9229/evil?wait=1",
  BUN_BE_BUN: "1",
  BUN_JSC_maxPerThreadStackUsage: "1",
  NODE_OPTIONS: `--require ${directory}/evil.cjs`,
  NODE_PATH: `${directory}/node_modules`,
  NODE_EXTRA_CA_CERTS: `${directory}/evil.cjs`,
  NODE_USE_ENV_PROXY: "1",
  NODE_ENV: "development",
  JSC_useJIT: "false",
  JSC_dumpOptions: "2",
  QJS_STD: `${directory}/evil.cjs`,
  MALLOC_CONF: "junk:true",
  HTTP_PROXY: "http://127.0.0.1:9/",
  http_proxy: "http://127.0.0.1:9/",
  ALL_PROXY: "http://127.0.0.1:9/",
  TZ: ":/evil",
  LANG: "tr_TR.UTF-8",
  PATH: directory,
  HOME: directory,
  IFS: "/",
  ENV: `${directory}/evil.sh`,
  BASH_ENV: `${directory}/evil.sh`
}

/** Programs by the names of the agent's helpers, to be found in place of them. */
const helpers = ["useradd", "getent", "passwd", "sshd", "visudo", "hostnamectl", "mount", "flock", "id", "sh"]

const prepare = async (host: Host): Promise<void> => {
  for (const [name, content] of Object.entries(files)) await host.write(`${directory}/${name}`, content)
  for (const name of helpers) await host.write(`${directory}/${name}`, "#!/bin/sh\necho ran >/evil\n", "0755")
  await host.write(`${directory}/evil.sh`, "echo ran >/evil\n")
}

/** Runs the agent after the shell commands `before`, with these variables, which the shell gets as well. */
const runAfter = (
  host: Host,
  before: string,
  environment: Readonly<Record<string, string>> = {},
  args: ReadonlyArray<string> = []
) => {
  const assignments = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
  return host.run(["/usr/bin/env", ...assignments, "/bin/sh", "-c", `${before}\nexec "$@"`, "sh", ...agent, ...args])
}

const traces = (host: Host): Promise<string> => host.shell("cat /evil 2>/dev/null || true")

describe("the executable's surroundings", () => {
  it("change nothing: hostile files in the working directory, and hostile variables", () =>
    onMachine({ playbook: playbook(), disc: disc() }, async (calm) => {
      assert.strictEqual((await calm.run(agent)).status, 0)
      const expected = await stateOf(calm)
      await onMachine({ playbook: playbook(), disc: disc() }, async (host) => {
        await prepare(host)
        const { status, stderr, stdout } = await runAfter(host, `cd ${directory}`, variables)
        assert.strictEqual(status, 0, stderr)
        assert.strictEqual(stdout, "")
        assert.strictEqual(await traces(host), "")
        assert.deepStrictEqual(requestsTo(host), [imdsRequest, readyRequest])
        await assertProvisioned(host)
        assert.strictEqual(await stateOf(host), expected)
      })
    }))

  it("change nothing for --version, --help and clean", () =>
    onMachine({ playbook: playbook() }, async (host) => {
      await prepare(host)
      for (const args of [["--version"], ["--help"], ["clean"]]) {
        const ended = await runAfter(host, `cd ${directory}`, variables, args)
        assert.strictEqual(ended.status, 0, `${args.join(" ")}: ${ended.stderr}`)
      }
      assert.strictEqual(await traces(host), "")
      assert.deepStrictEqual(requestsTo(host), [])
    }))

  it("may lack a working directory: one that has been removed provisions like any other", () =>
    onMachine({ playbook: playbook(), disc: disc() }, async (host) => {
      const { status, stderr } = await runAfter(host, "mkdir /tmp/gone; cd /tmp/gone; rmdir /tmp/gone")
      assert.strictEqual(status, 0, stderr)
      assert.deepStrictEqual(requestsTo(host), [imdsRequest, readyRequest])
      await assertProvisioned(host)
    }))

  it("may be narrow: with 96 MiB of address space the VM is provisioned", () =>
    onMachine({ playbook: playbook(), disc: disc() }, async (host) => {
      const { status, stderr } = await runAfter(host, "ulimit -v 98304")
      assert.strictEqual(status, 0, stderr)
      assert.deepStrictEqual(requestsTo(host), [imdsRequest, readyRequest])
      await assertProvisioned(host)
    }))

  it("may lack /proc: the VM is provisioned", () =>
    onMachine({ playbook: playbook(), disc: disc() }, async (host) => {
      const { status, stderr } = await host.run([
        "unshare",
        "--mount",
        "/bin/sh",
        "-c",
        "umount -l /proc && exec \"$@\"",
        "sh",
        ...agent
      ])
      assert.strictEqual(status, 0, stderr)
      assert.deepStrictEqual(requestsTo(host), [imdsRequest, readyRequest])
      await assertProvisioned(host)
    }))
})
