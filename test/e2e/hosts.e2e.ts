import { assert, describe, it } from "@effect/vitest"
import { kinds } from "./hosts/kinds.ts"
import { disc, forms, hostname, owner, playbook, username, vmId } from "./hosts/overlay.ts"

/** Every kind of machine with the executable, and with the bundle where Node runs. */
const cases = kinds.flatMap((kind) =>
  forms.filter(([form]) => form === "executable" || kind.hasNode).map(([form, agent]) => ({ ...kind, form, agent }))
)

describe.each(cases)("$name, with the $form", ({ agent, boot }) => {
  it("a first boot: the account, its keys and rights, the hostname, the marker, one Ready, nothing mounted", () =>
    boot({ playbook: playbook(), vmId, disc: disc() }, agent.join(" "), async (seen) => {
      assert.strictEqual(seen.status, 0, seen.output)
      assert.deepStrictEqual(
        seen.transcript.map(({ answered, body, endpoint }) => `${endpoint} ${body} ${answered}`),
        ["imds  200", "health {\"state\":\"Ready\"} 200"]
      )
      const passwd = await seen.file("etc/passwd")
      const [, uid, gid, home] = new RegExp(`^${username}:x:(\\d+):(\\d+):[^:]*:([^:]+):`, "m").exec(passwd ?? "") ?? []
      assert.strictEqual(home, `/home/${username}`)
      assert.strictEqual(await seen.file(`home/${username}/.ssh`), `700 ${uid}:${gid}\n`)
      assert.strictEqual(
        await seen.file(`home/${username}/.ssh/authorized_keys`),
        `600 ${uid}:${gid}\n${owner.publicKey}\n`
      )
      assert.match(await seen.file("etc/shadow") ?? "", new RegExp(`^${username}:!`, "m"))
      assert.strictEqual(
        await seen.file("etc/sudoers.d/azure-init-user"),
        `440 0:0\n${username} ALL=(ALL) NOPASSWD: ALL\n`
      )
      assert.strictEqual(await seen.file(`var/lib/azure-init/${vmId}.provisioned`), "600 0:0\n")
      assert.strictEqual(await seen.file("etc/hostname"), `644 0:0\n${hostname}\n`)
      assert.strictEqual(seen.hostname, hostname)
      assert.notInclude(seen.mounts, "azure-init/media")
    }))
})
