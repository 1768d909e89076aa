import { assert, describe, it } from "@effect/vitest"
import {
  boot,
  forms,
  type Host,
  onMachine,
  playbook,
  readyRequest,
  requestsTo,
  sources,
  username
} from "./hosts/overlay.ts"

/** What the agent starts to find accounts and make them, in order; the sudo rule is checked at the same time. */
const programs = async (host: Host): Promise<ReadonlyArray<string>> =>
  (await host.shell("cat /var/log/azure-init.log"))
    .split("\n")
    .flatMap((line) => /create_user.*\{program=(\w+)\}: libazureinit: new$/.exec(line)?.[1] ?? [])
    .filter((program) => program !== "visudo")

/** An account that systemd's source of the name service has, and no file (nss-systemd(8), `systemd.io/USER_RECORD`). */
const record = JSON.stringify({ userName: username, uid: 4321, gid: 4321, homeDirectory: `/home/${username}` })
const groupRecord = JSON.stringify({ groupName: username, gid: 4321 })

describe.each(forms)("%s", (_, agent) => {
  it("a new account where the files come first: useradd is all that is started", () =>
    onMachine({ playbook: playbook() }, async (host) => {
      await host.shell(sources("files systemd"))
      await boot(host, agent)
      assert.deepStrictEqual(await programs(host), ["useradd"])
      assert.deepStrictEqual(requestsTo(host).slice(-1), [readyRequest])
    }))

  it("a new account where another source comes first: getent is asked, too", () =>
    onMachine({ playbook: playbook() }, async (host) => {
      await host.shell(sources("systemd files"))
      await boot(host, agent)
      const started = await programs(host)
      assert.include(started, "getent")
      assert.include(started, "useradd")
    }))

  it("an account that the name service has and no file: is kept, and gets its key", () =>
    onMachine({ playbook: playbook() }, async (host) => {
      await host.write(`/etc/userdb/${username}.user`, record)
      await host.write(`/etc/userdb/${username}.group`, groupRecord)
      await host.shell(`ln -s ${username}.user /etc/userdb/4321.user; ln -s ${username}.group /etc/userdb/4321.group`)
      assert.match(await host.shell(`getent passwd ${username}`), /:4321:4321:/)
      await host.run(agent)
      assert.deepStrictEqual(await programs(host), ["useradd", "getent"])
      assert.strictEqual(await host.shell(`grep -c '^${username}:' /etc/passwd || true`), "0\n")
      assert.strictEqual(
        await host.shell(`stat -c '%u %a' /home/${username} /home/${username}/.ssh/authorized_keys`),
        "4321 700\n4321 600\n"
      )
    }))
})
