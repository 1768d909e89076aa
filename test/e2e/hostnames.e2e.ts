import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { fromName, Hostname, maximumHostname } from "../../src/domain/Hostname.ts"
import { type NspawnHost, startNspawn } from "./hosts/nspawn.ts"
import { agents, boot, disc, onMachine, playbook, username, vmId } from "./hosts/overlay.ts"
import { suites } from "./hosts/roots.ts"

const label = (length: number) => "a".repeat(length)

/** Names at every edge of the rule, and every name of up to three pieces. */
const pieces = ["a", "Z9", "-", ".", "_", label(30), label(63)]
const names = [
  ...new Set([
    "web-1",
    "web-1.example.com",
    "web-1.example.com.",
    label(63),
    label(64),
    label(65),
    `${label(63)}.`,
    `${label(64)}.`,
    `${label(31)}.${label(32)}`,
    `${label(32)}.${label(32)}`,
    `${label(63)}-`,
    `-${label(63)}`,
    "a..b",
    ".a",
    "a.",
    "a-.b",
    "a.-b",
    ...pieces,
    ...pieces.flatMap((first) => pieces.map((second) => first + second)),
    ...pieces.flatMap((first) => pieces.flatMap((second) => pieces.map((third) => first + second + third)))
  ])
].filter((name) => name !== "")

/** Sets each name; gives back what the machine is called then, the old name where it was refused. */
const setAll = async (host: NspawnHost, tool: string): Promise<ReadonlyMap<string, string>> => {
  const output = await host.shell(
    `while IFS= read -r name; do
       hostname before
       ${tool} "$name" >/dev/null 2>&1 || true
       printf '%s\\n' "$(cat /proc/sys/kernel/hostname)"
     done`,
    names.map((name) => `${name}\n`).join("")
  )
  const called = output.split("\n")
  return new Map(names.map((name, index) => [name, called[index] ?? ""]))
}

const accepts = Schema.is(Hostname)

describe.each(suites)("host names on systemd of %s", (suite) => {
  it("are accepted where hostnamectl sets them as they are, and nowhere else", async () => {
    const host = await startNspawn({ suite, vmId, playbook: playbook(), disc: disc() })
    try {
      // Without a limit on how often the service may start.
      await host.shell(
        "mkdir -p /run/systemd/system/systemd-hostnamed.service.d; "
          + "printf '[Unit]\\nStartLimitIntervalSec=0\\n' >/run/systemd/system/systemd-hostnamed.service.d/limit.conf; systemctl daemon-reload"
      )
      await host.shell("for try in $(seq 100); do hostnamectl set-hostname ready && exit; sleep 0.3; done; exit 1")
      const byHostnamectl = await setAll(host, "hostnamectl set-hostname --")
      const byKernel = await setAll(host, "hostname --")
      const different: Array<string> = []
      for (const name of names) {
        const verbatim = byHostnamectl.get(name) === name
        if (verbatim !== accepts(name)) different.push(`hostnamectl makes ${byHostnamectl.get(name)} of ${name}`)
        if (accepts(name) && byKernel.get(name) !== name) {
          different.push(`the kernel makes ${byKernel.get(name)} of ${name}`)
        }
        if (name.length > maximumHostname && byKernel.get(name) === name) different.push(`the kernel takes ${name}`)
      }
      assert.deepStrictEqual(different, [])
      assert.isAbove(names.filter(accepts).length, 50)
    } finally {
      await host.stop()
    }
  })
})

describe("a first boot", () => {
  const long = `web-1.${label(60)}.example`
  for (
    const [computerName, hostname] of [[label(64), label(64)], ["web-1.example.com", "web-1.example.com"], [
      long,
      "web-1"
    ]]
  ) {
    it(`as ${computerName} is Ready and called ${hostname}`, () =>
      onMachine({ playbook: playbook({ instance: { hostname: computerName ?? "" } }) }, async (host) => {
        await boot(host, agents.executable)
        assert.strictEqual(await host.shell("hostname; cat /etc/hostname"), `${hostname}\n${hostname}\n`)
        assert.include(await host.shell("getent passwd"), username)
      }))
  }

  it(`as a name of ${maximumHostname + 1} letters fails, and says how long it is`, () =>
    onMachine({ playbook: playbook({ instance: { hostname: label(65) } }) }, async (host) => {
      assert.isTrue(Option.isNone(fromName(label(65))))
      await boot(host, agents.executable, 1)
      assert.include(host.transcript().map(({ body }) => body).join(""), "the first 64 of 65 characters")
    }))
})
