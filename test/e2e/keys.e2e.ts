import { assert, describe, it } from "@effect/vitest"
import {
  assertProvisioned,
  boot,
  colleague,
  failureTold,
  filesWith,
  forms,
  imdsRequest,
  onMachine,
  owner,
  playbook,
  readyRequest,
  requestsTo,
  username
} from "./hosts/overlay.ts"

const cutShort = owner.publicKey.slice(0, 50)
const wrongType = owner.publicKey.replace("ssh-ed25519", "ssh-rsa")

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
