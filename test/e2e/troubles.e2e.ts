import { assert, describe, it } from "@effect/vitest"
import {
  assertProvisioned,
  boot,
  disc,
  failureTold,
  forms,
  imdsRequest,
  impatient,
  kvpOf,
  onMachine,
  playbook,
  readyRequest,
  requestsTo,
  settingsFile,
  sources,
  stateOf,
  username,
  vmId
} from "./hosts/overlay.ts"

/** Lets hostnamectl set the host name first, as the original does. */
const byHostnamectl = "[hostname_provisioners]\nbackends = [\"hostnamectl\", \"file\"]\n"

/** Every helper of a first boot with a disc and {@link byHostnamectl}, where Debian has it. */
const helpersOf = (form: string): ReadonlyArray<string> => [
  // The executable makes these calls itself, but for a mount that the kernel has no driver for.
  ...(form === "executable" ? [] : ["/usr/bin/flock", "/usr/bin/umount"]),
  "/usr/bin/mount",
  "/usr/bin/getent",
  "/usr/bin/hostnamectl",
  "/usr/sbin/useradd",
  "/usr/sbin/visudo",
  "/usr/sbin/sshd"
]

describe.each(forms)("%s", (_, agent) => {
  it("wrong settings: tells Azure file, key and what it should be, and provisions once they are right", () =>
    onMachine({ playbook: playbook(), settings: "[imds]\nretry_interval_secs = \"soon\"\n" }, async (host) => {
      await boot(host, agent, 1)
      const told = failureTold(host)
      assert.include(told, "reason=failed to load configuration")
      assert.include(told, settingsFile)
      assert.include(told, "imds.retry_interval_secs")
      assert.strictEqual(requestsTo(host).length, 1, "IMDS is not asked")
      assert.strictEqual(await host.shell(`getent passwd ${username} || echo none`), "none\n")
      await host.write(settingsFile, "[imds]\nretry_interval_secs = 1.5\n")
      await host.reboot()
      host.forget()
      await boot(host, agent)
      await assertProvisioned(host)
    }))

  it("wrong settings, and Azure does not answer: stderr has every problem at once", () =>
    onMachine({
      playbook: playbook({ network: { imds: "silent", wireserver: "silent" } }),
      settings: "[imds]\nretry_interval_secs = \"soon\"\n[wireserver]\nread_timeout_secs = 0\n"
    }, async (host) => {
      const { status, stderr } = await host.run(["timeout", "-s", "KILL", "3", ...agent])
      assert.isAtLeast(status, 128, "it still waits for Azure")
      assert.include(stderr, `${settingsFile}:2: imds.retry_interval_secs: found`)
      assert.include(stderr, `${settingsFile}:4: wireserver.read_timeout_secs: found`)
    }))

  it("neither source answers, and Azure does not either: stderr says why before it waits", () =>
    onMachine({
      playbook: playbook({ imds: [{ status: 403, body: "" }], network: { wireserver: "silent" } })
    }, async (host) => {
      const { status, stderr } = await host.run(["timeout", "-s", "KILL", "5", ...agent])
      assert.isAtLeast(status, 128, "it still waits for Azure")
      assert.match(stderr, /Provisioning failed: .*HTTP 403/)
    }))

  it("WireServer down for a whole boot: the VM is usable, and the next boot reports and does nothing else", () =>
    onMachine(
      { playbook: playbook({ health: [{ reset: "headers" }, { status: 503 }] }), settings: impatient },
      async (host) => {
        await boot(host, agent, 1)
        assert.isAbove(requestsTo(host).length, 2, "reports again and again")
        assert.strictEqual(await host.shell("ls -A /var/lib/azure-init"), `${vmId}.configured\n`)
        await host.reboot()
        await host.play(playbook())
        host.forget()
        await boot(host, agent)
        assert.deepStrictEqual(requestsTo(host), [readyRequest])
        await assertProvisioned(host)
        assert.include((await kvpOf(host)).report ?? "", "result=success|")
        await host.reboot()
        host.forget()
        await boot(host, agent)
        assert.deepStrictEqual(requestsTo(host), [])
      }
    ))

  it("WireServer answers once the VM is long ready", () =>
    onMachine({
      playbook: playbook({ imds: [{ status: 500 }, {}], health: [{ status: 503 }, { reset: "headers" }, {}] }),
      settings: "[imds]\nretry_interval_secs = 0.2\n[wireserver]\nretry_interval_secs = 0.2\n"
    }, async (host) => {
      await boot(host, agent)
      assert.deepStrictEqual(requestsTo(host), [
        imdsRequest.replace("200", "500"),
        imdsRequest,
        readyRequest.replace("200", "503"),
        readyRequest.replace("200", "reset"),
        readyRequest
      ])
      await assertProvisioned(host)
    }))

  it("killed while it waits for WireServer: the next run only reports", () =>
    onMachine({ playbook: playbook({ health: [{ hang: "headers" }] }), disc: disc() }, async (host) => {
      const killed = await host.run(["timeout", "-s", "KILL", "5", ...agent])
      assert.isAtLeast(killed.status, 128)
      assert.deepStrictEqual(requestsTo(host), [imdsRequest, readyRequest.replace("200", "hang")])
      await host.play(playbook())
      host.forget()
      await boot(host, agent)
      assert.deepStrictEqual(requestsTo(host), [readyRequest])
      await assertProvisioned(host)
    }))
})

/** What a first boot that nothing disturbs leaves behind. */
const undisturbed = async (agent: ReadonlyArray<string>): Promise<string> => {
  let state = ""
  await onMachine({ playbook: playbook(), disc: disc(), settings: byHostnamectl }, async (host) => {
    await boot(host, agent)
    state = await stateOf(host)
  })
  return state
}

describe.each(forms)("%s killed", (form, agent) => {
  let expected: Promise<string> | undefined

  describe.each(helpersOf(form))("%s", (helper) => {
    it.each([
      ["before", "kill -KILL $PPID"],
      ["after", "HELPER \"$@\"; kill -KILL $PPID"]
    ])("%s it runs: the next run ends where an undisturbed one does", async (_, kill) => {
      expected ??= undisturbed(agent)
      const state = await expected
      await onMachine({ playbook: playbook(), disc: disc(), settings: byHostnamectl }, async (host) => {
        const name = helper.slice(helper.lastIndexOf("/") + 1)
        // Which is asked only where the files are not the first.
        if (name === "getent") await host.shell(sources("systemd files"))
        // The first directory of the agent's own PATH; once only.
        const decoy = `/usr/local/sbin/${name}`
        await host.write(
          decoy,
          `#!/bin/sh\nrm -f ${decoy}\n${kill.replace("HELPER", helper)}\n`,
          "0755"
        )
        const killed = await host.run(agent)
        assert.isAtLeast(killed.status, 128, `the agent calls ${name}`)
        assert.notInclude(requestsTo(host), readyRequest)
        host.forget()
        await boot(host, agent)
        assert.strictEqual(requestsTo(host).filter((request) => request === readyRequest).length, 1)
        assert.strictEqual(await stateOf(host), state)
        await assertProvisioned(host)
      })
    })
  })
})
