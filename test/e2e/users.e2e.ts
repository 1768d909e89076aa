import { assert, describe, it } from "@effect/vitest"
import { boot, forms, onMachine, playbook, requestsTo, stateOf } from "./hosts/overlay.ts"

/** Runs a command with these user ids; the capabilities of root are gone with its id. */
const as = (ids: ReadonlyArray<string>, command: ReadonlyArray<string>): ReadonlyArray<string> => [
  "setpriv",
  ...ids,
  "--clear-groups",
  ...command
]

const nobody = ["--reuid=nobody", "--regid=nogroup"]

/** Root by its real id alone, as in a program that has given up its rights for a while. */
const effectivelyNobody = ["--ruid=root", "--euid=nobody", "--regid=nogroup"]

const traces =
  "cat /var/log/azure-init.log /var/lib/hyperv/.kvp_pool_1 | sha256sum; ls -A /var/lib/azure-init /run/azure-init"

describe.each(forms)("%s", (_, agent) => {
  it("a user who is not root: one sentence, exit status 1, and a VM that is ready stays as it is", () =>
    onMachine({ playbook: playbook() }, async (host) => {
      await boot(host, agent)
      const before = [await stateOf(host), await host.shell(traces)]
      host.forget()
      for (const ids of [nobody, effectivelyNobody]) {
        for (const args of [[], ["--groups", "adm"], ["clean"], ["clean", "--logs"]]) {
          const { status, stderr, stdout } = await host.run(as(ids, [...agent, ...args]))
          assert.strictEqual(status, 1, stderr)
          assert.match(stderr, /^azure-init must run as root, and was started with uid 65534: [^\n]+\n$/)
          assert.strictEqual(stdout, "")
        }
      }
      assert.deepStrictEqual(requestsTo(host), [])
      assert.deepStrictEqual([await stateOf(host), await host.shell(traces)], before)
    }))

  it("a user who is not root: gets help, version, and what is wrong with the usage", () =>
    onMachine({ playbook: playbook() }, async (host) => {
      const told = async (...args: ReadonlyArray<string>) => {
        const { status, stderr, stdout } = await host.run(as(nobody, [...agent, ...args]))
        return { status, stderr, stdout }
      }
      const { stdout: version, ...rest } = await told("--version")
      assert.deepStrictEqual(rest, { status: 0, stderr: "" })
      assert.match(version, /^azure-init 0\.1\.1\S*\n$/)
      const help = await told("--help")
      assert.strictEqual(help.status, 0)
      assert.include(help.stdout, "azure-init")
      assert.strictEqual((await told("--nonsense")).status, 2)
      assert.deepStrictEqual(requestsTo(host), [])
    }))
})
