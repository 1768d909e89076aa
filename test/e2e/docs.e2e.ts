/**
 * The documents' blocks that need root, on a throw-away machine that has the repository, writable, as its reader has;
 * test/docs.test.ts holds that no block is left out.
 */
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { agents, type Host, start } from "../../fabric/host.ts"
import { usualPlaybook } from "../../fabric/loadPlaybook.ts"
import { block, blocks, needRoot, repository } from "../support/docs.ts"
import { root } from "./hosts/roots.ts"

const which = (tool: string): string =>
  spawnSync("sh", ["-c", `command -v ${tool}`], { encoding: "utf8" }).stdout.trim()

/**
 * What the reader has: a repository to write to, npm, an unpacked image. The machine has no network, so that `npm ci`
 * finds everything in place; where nothing has changed `npm run build` is not done again, since it takes half a minute.
 */
const preparation = (image: string): string => `
mkdir -p /run/layer/upper /run/layer/work /path/to
mount -t overlay -o lowerdir='${repository}',upperdir=/run/layer/upper,workdir=/run/layer/work overlay '${repository}'
ln -s '${image}' /path/to/root
mkdir -p /usr/local/sbin
cat >/usr/local/sbin/npm <<'NPM'
#!/bin/sh
case "$*" in
  ci*) exec test -x node_modules/.bin/node ;;
  "run build") if [ -e /run/built ]; then exit 0; fi ;;
esac
${which("npm")} "$@" && { [ "$*" != "run build" ] || exec touch /run/built; }
NPM
chmod 755 /usr/local/sbin/npm`

let host: Host
beforeAll(async () => {
  host = await start({ playbook: usualPlaybook, disk: "3g" })
  await host.shell(preparation(root("bookworm")))
})
afterAll(() => host.stop())

/** Runs a block of sh as its reader does, with this in place of what he has to say himself; its output. */
const run = async (name: string, own: Readonly<Record<string, string>> = {}): Promise<string> => {
  const text = Object.entries(own).reduce((script, [placeholder, value]) => {
    assert.include(script, placeholder)
    return script.replaceAll(placeholder, value)
  }, block(name).text)
  const { status, stderr, stdout } = await host.run(["sh", "-euc", `cd '${repository}'\n${text}`], {
    // Without a systemd that runs, systemctl(1) works on files alone.
    environment: { PATH: `/usr/local/sbin:${process.env["PATH"]}:${dirname(which("node"))}`, SYSTEMD_OFFLINE: "1" }
  })
  assert.strictEqual(status, 0, stdout + stderr)
  return stdout
}

const provisioned = "Provisioned once, Ready accepted once, nothing left to do on the second boot."

/** By the block's name, in an order in which each finds what it needs. */
const trials: Readonly<Record<string, (name: string) => Promise<void>>> = {
  "docs/getting-started.md: npm ci": async (name) => {
    await run(name)
    await host.shell(`test -n "$(find '${repository}/dist/azure-init.mjs' -mmin -5)"`)
  },
  "docs/testing.md: npm ci && npm run build": async (name) => {
    await run(name)
  },
  "README.md: npm ci && npm run build": async (name) => {
    await run(name)
    assert.match(await host.shell("/usr/bin/azure-init --version"), /^azure-init \d/)
    await host.shell(
      "test -L /etc/systemd/system/*.wants/azure-init.service && rm /etc/systemd/system/*/azure-init.service"
    )
  },
  "docs/getting-started.md: install -D -m 0755 dist/azure-init /usr/bin/azure-init": async (name) => {
    await run(name)
    await host.shell(
      "test -L /etc/systemd/system/*.wants/azure-init.service && test -f /etc/azure-init/azure-init.toml"
    )
  },
  "docs/getting-started.md: azure-init clean --logs": async (name) => {
    await host.shell("mkdir -p /var/lib/azure-init; touch /var/lib/azure-init/x.provisioned /var/log/azure-init.log")
    await run(name)
    await host.shell("! ls /var/lib/azure-init/*.provisioned && ! ls /var/log/azure-init.log")
  },
  "docs/testing.md: npx azure-fabric disc --playbook playbook.toml --output disc.iso": async (name) => {
    const playbook = blocks.find(({ language }) => language === "toml")
    await host.write(join(repository, "playbook.toml"), playbook?.text ?? assert.fail())
    await run(name)
    assert.include(await host.shell(`blkid -p '${repository}/disc.iso'`), "TYPE=\"udf\"")
    // The machines that this one makes get no disc: it has no loop devices, which all machines share.
    await host.shell("rm /usr/bin/genisoimage")
  },
  "docs/testing.md: npx azure-fabric check playbook.toml": async (name) => {
    const ask = "curl -s -o /dev/null -H Metadata:true http://169.254.169.254/metadata/instance?api-version=2021-02-01"
    assert.include(await run(name, { "COMMAND...": ask }), "playbook.toml is a playbook")
    assert.include(await host.shell(`cat '${repository}/requests.jsonl'`), "\"answered\":503")
  },
  "docs/testing.md: npx azure-fabric run --machine -- curl -s -H Metadata:true \\": async (name) => {
    assert.include(await run(name), `"adminUsername":"${usualPlaybook.instance.username}"`)
  },
  "README.md: npm run demo": async (name) => {
    assert.include(await run(name), provisioned)
  },
  "docs/testing.md: npm run demo -- --root /path/to/root": async (name) => {
    await host.shell(`install -D -m 0755 '${repository}/dist/azure-init' /path/to/root/usr/bin/azure-init`)
    assert.strictEqual((await run(name)).split(provisioned).length, 3, "both boots")
  },
  "docs/testing.md: import assert from \"node:assert\"": (name) => {
    // Root of this machine makes the machine: it wants a disc, and so a loop device.
    mkdirSync(join(repository, ".cache"), { recursive: true })
    const directory = mkdtempSync(join(repository, ".cache/docs-e2e-"))
    try {
      const file = join(directory, "block.ts")
      writeFileSync(
        file,
        block(name).text.replaceAll("from \"./", "from \"../../").replace("/path/to/root", root("bookworm"))
          .replace("/usr/bin/azure-init", agents.executable[0])
      )
      const { status, stderr } = spawnSync(process.execPath, [file], { encoding: "utf8" })
      assert.deepStrictEqual({ status, stderr }, { status: 0, stderr: "" })
      return Promise.resolve()
    } finally {
      rmSync(directory, { recursive: true })
    }
  }
}

describe("the documents", () => {
  // A build takes a minute or two beside others.
  it.each(Object.entries(trials))("%s", (name, trial) => trial(name), 600_000)

  it("have no other block that needs root", () => {
    assert.deepStrictEqual(Object.keys(trials).toSorted(), needRoot.toSorted())
  })
})
