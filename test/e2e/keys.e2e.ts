import { assert, describe, it } from "@effect/vitest"
import {
  assertProvisioned,
  boot,
  colleague,
  disc,
  failureTold,
  filesWith,
  forms,
  imdsRequest,
  impatient,
  onMachine,
  owner,
  playbook,
  readyRequest,
  requestsTo,
  silentImds,
  username
} from "./hosts/overlay.ts"

const cutShort = owner.publicKey.slice(0, 50)
const wrongType = owner.publicKey.replace("ssh-ed25519", "ssh-rsa")

const options =
  "from=\"127.0.0.0/8,10.0.0.0/8\",no-agent-forwarding,command=\"\\\"$SHELL\\\" -c \\\"$SSH_ORIGINAL_COMMAND\\\"\""
const restricted = { ...owner, publicKey: `${options} ${owner.publicKey}` }

/** A whole file in one entry, as people paste it. */
const file =
  `# the owner's\r\n${restricted.publicKey}\r\n\r\n# a colleague's\r\n${colleague.publicKey}\r\nno-such-option ${owner.publicKey}\r\n`

describe.each(forms)("%s", (_, agent) => {
  it("two bad keys among good ones cost nothing but themselves", () =>
    onMachine({
      playbook: playbook({ instance: { keys: [cutShort, `${owner.publicKey}\r\n`, wrongType, colleague.publicKey] } })
    }, async (host) => {
      await boot(host, agent)
      assert.deepStrictEqual(requestsTo(host), [imdsRequest, readyRequest])
      await assertProvisioned(host, { keys: [owner, colleague] })
      assert.include(await filesWith(host, "Left out an SSH key"), "/var/log/azure-init.log")
    }))

  it("IMDS gives a whole authorized_keys file in one entry: who is in it gets in, with its options", () =>
    onMachine({ playbook: playbook({ instance: { keys: [file] } }) }, async (host) => {
      await boot(host, agent)
      await assertProvisioned(host, { keys: [restricted, colleague] })
      const log = await host.shell("cat /var/log/azure-init.log")
      assert.match(log, /Left out an SSH key.*no-such-option/)
      assert.match(log, /Left out an SSH key.*line=6/)
    }))

  it("the disc gives a whole authorized_keys file in one entry: who is in it gets in, with its options", () =>
    onMachine(
      { playbook: playbook({ imds: silentImds }), disc: disc({ keys: [file] }), settings: impatient },
      async (host) => {
        await boot(host, agent)
        await assertProvisioned(host, { keys: [restricted, colleague] })
      }
    ))

  it("sshd reads no key file: the report names the setting and its place", () =>
    onMachine({ playbook: playbook() }, async (host) => {
      await host.write("/etc/ssh/sshd_config.d/10-hardened.conf", "# From the image\nAuthorizedKeysFile none\n")
      await boot(host, agent, 1)
      const told = failureTold(host)
      assert.include(told, "reason=sshd reads no authorized keys file|")
      assert.include(told, "AuthorizedKeysFile none is set in /etc/ssh/sshd_config.d/10-hardened.conf:2")
    }))

  it("no good key among the bad ones: says so", () =>
    onMachine({ playbook: playbook({ instance: { keys: [cutShort, wrongType] } }) }, async (host) => {
      await boot(host, agent, 1)
      assert.include(failureTold(host), "result=error|")
      assert.strictEqual(await host.shell("ls -A /var/lib/azure-init 2>/dev/null || true"), "")
    }))

  it.each([
    ["authorized_keys", "mkdir -m 700 .ssh; ln -s /etc/victim .ssh/authorized_keys"],
    ["a dangling authorized_keys", "mkdir -m 700 .ssh; ln -s /etc/cron.d/new .ssh/authorized_keys"],
    [".ssh", "ln -s /root/.ssh .ssh"]
  ])(
    "symlinked %s: nothing is written through it, and the owner gets in",
    (_, plant) =>
      onMachine({ playbook: playbook() }, async (host) => {
        await host.shell(`set -e
        useradd -m ${username}
        rm -rf /root/.ssh; mkdir -m 700 /root/.ssh; echo root >/root/.ssh/authorized_keys
        echo victim >/etc/victim
        cd ~${username}; ${plant}; chown -Rh ${username}: .`)
        const victims =
          "stat -c '%a %U:%G %n' /etc/victim /root/.ssh /root/.ssh/*; cat /etc/victim /root/.ssh/authorized_keys; ls /etc/cron.d"
        const before = await host.shell(victims)
        await boot(host, agent)
        assert.strictEqual(await host.shell(victims), before)
        await assertProvisioned(host)
      })
  )
})
