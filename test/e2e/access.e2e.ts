/**
 * Accounts that let nobody in, whatever their keys: the agent says so, sshd shows that it is true, and what the report
 * advises helps.
 */
import { assert, describe, it } from "@effect/vitest"
import { login, startSshd } from "../../fabric/login.ts"
import {
  agents,
  assertProvisioned,
  boot,
  disc,
  failureTold,
  type Host,
  imdsRequest,
  kvpOf,
  logsIn,
  onMachine,
  owner,
  playbook,
  readyRequest,
  requestsTo,
  username
} from "./hosts/overlay.ts"

const agent = agents.executable

/** Something that keeps the owner out; `repair` is what the report advises. */
interface Closed {
  readonly name: string
  readonly arrange: string
  readonly reason: string
  readonly advice: string
  readonly repair: string
}

const make = `useradd -m -s /bin/sh ${username}`
const image = "/etc/ssh/sshd_config.d/50-image.conf"

const ofAccount = (
  name: string,
  options: string,
  reason: string,
  repair: string,
  advice = `run ${repair} in the image`
): Closed => ({ name, arrange: `${make}; ${options}`, reason, repair, advice })

const ofSshd = (line: string, reason = "sshd does not allow the administrator"): Closed => ({
  name: line,
  arrange: `echo '${line}' >${image}`,
  reason,
  repair: `rm ${image}`,
  advice: line.split(" ")[0] ?? ""
})

const noShell = "administrator has no login shell"
const mustChange = "administrator must change the password first"
const credentials = "sshd does not take the administrator's credentials"
const withSh = `usermod -s /bin/sh ${username}`

const closed: ReadonlyArray<Closed> = [
  ofAccount("the shell nologin", `usermod -s /usr/sbin/nologin ${username}`, noShell, withSh),
  ofAccount("the shell false", `usermod -s /bin/false ${username}`, noShell, withSh),
  ofAccount("a shell that is not there", `usermod -s /opt/zsh ${username}`, noShell, withSh),
  ofAccount(
    "a shell that is not executable",
    `echo >/opt/zsh; chmod 644 /opt/zsh; usermod -s /opt/zsh ${username}`,
    noShell,
    withSh
  ),
  ofAccount(
    "an account that has expired",
    `chage -E 2020-01-01 ${username}`,
    "administrator account has expired",
    `chage -E -1 ${username}`
  ),
  ofAccount(
    "an account that expired on day 0",
    `chage -E 0 ${username}`,
    "administrator account has expired",
    `chage -E -1 ${username}`
  ),
  ofAccount(
    "a password that must be changed",
    `chage -d 0 ${username}`,
    mustChange,
    `chage -d 1 -M -1 ${username}`
  ),
  ofAccount(
    "a password that has expired",
    `chage -d 2020-01-01 -M 90 ${username}`,
    mustChange,
    `chage -M -1 ${username}`
  ),
  ofAccount(
    "a password without a date that has expired",
    `chage -d -1 -M 90 ${username}`,
    mustChange,
    `chage -M -1 ${username}`
  ),
  ofAccount(
    "a password whose grace has passed",
    `chage -d 2020-01-01 -M 90 -I 10 ${username}`,
    "administrator account is inactive",
    `chage -M -1 ${username}`
  ),
  {
    name: "/etc/nologin",
    arrange: "touch /etc/nologin",
    reason: "logins are disabled by /etc/nologin",
    repair: "rm /etc/nologin",
    advice: "remove it"
  },
  ofSshd("AllowUsers somebody root"),
  ofSshd(`DenyUsers somebody ${username.slice(0, 3)}*`),
  ofSshd("AllowGroups wheel"),
  ofSshd(`DenyGroups ${username}`),
  ofSshd("PubkeyAuthentication no", credentials)
]

const failed = async (host: Host, reason: string): Promise<string> => {
  await boot(host, agent, 1)
  const told = failureTold(host)
  assert.include(told, `reason=${reason}|`)
  assert.strictEqual((await kvpOf(host)).report, told)
  assert.strictEqual(await host.shell("ls -A /var/lib/azure-init 2>/dev/null || true"), "")
  return told
}

describe("an administrator that cannot log in", () => {
  it.each(closed)(
    "$name: is reported, and Ready after the repair",
    ({ advice, arrange, reason, repair }) =>
      onMachine({ playbook: playbook() }, async (host) => {
        await host.shell(`set -e; ${arrange}`)
        const told = await failed(host, reason)
        assert.include(told, advice)
        assert.isFalse(await logsIn(host, owner), "sshd keeps the owner out, as the report says")

        await host.shell(`set -e; ${repair}`)
        await host.reboot()
        host.forget()
        await boot(host, agent)
        assert.deepStrictEqual(requestsTo(host), [imdsRequest, readyRequest])
        await assertProvisioned(host)
      })
  )

  it.each([
    `AllowUsers somebody ${username}`,
    `AllowUsers ${username}@127.0.0.*`,
    `DenyUsers ${username}@192.0.2.77`,
    `AllowGroups wheel ${username}`,
    "AuthenticationMethods publickey",
    "PermitRootLogin no"
  ])("%s: lets the owner in, and is Ready", (line) =>
    onMachine({ playbook: playbook() }, async (host) => {
      await host.write(image, `${line}\n`)
      await boot(host, agent)
      await assertProvisioned(host)
    }))

  it("a password that sshd wants besides the key, and that nobody has: is reported", () =>
    onMachine({ playbook: playbook({ instance: { disablePasswordAuthentication: false } }) }, async (host) => {
      await host.write(image, "AuthenticationMethods publickey,password\n")
      assert.include(await failed(host, credentials), "AuthenticationMethods publickey,password")
      assert.isFalse(await logsIn(host, owner), "sshd keeps the owner out, as the report says")
    }))

  it.each([
    ["daemon", "true"],
    ["service", "useradd -r -m -s /bin/sh service"]
  ])(
    "the system account %s: is reported, and gets nothing",
    (name, arrange) =>
      onMachine({ playbook: playbook({ instance: { username: name } }) }, async (host) => {
        await host.shell(arrange)
        const before = await host.shell(`getent passwd ${name}; id ${name}; getent shadow ${name}`)
        const told = await failed(host, "administrator is a system account")
        assert.include(told, "choose another administrator name")
        assert.strictEqual(await host.shell(`getent passwd ${name}; id ${name}; getent shadow ${name}`), before)
        assert.strictEqual(await host.shell(`ls -d ~${name}/.ssh /etc/sudoers.d/azure-init* 2>/dev/null || true`), "")
      })
  )

  const asRoot = async (host: Host): Promise<boolean> => {
    await startSshd(host)
    const { status, stdout } = await login(host, "root", owner, "id -un")
    return status === 0 && stdout === "root\n"
  }

  it("root where sshd takes its keys: gets in, and is Ready", () =>
    onMachine({ playbook: playbook({ instance: { username: "root" } }) }, async (host) => {
      await host.write(image, "PermitRootLogin prohibit-password\n")
      await boot(host, agent)
      assert.isTrue(await asRoot(host))
    }))

  it("root where sshd does not permit it: is reported", () =>
    onMachine({ playbook: playbook({ instance: { username: "root" } }) }, async (host) => {
      await host.write(image, "PermitRootLogin no\n")
      assert.include(await failed(host, "sshd does not permit root logins"), "choose another administrator name")
      assert.isFalse(await asRoot(host))
    }))

  it("a password that must be changed: is changed by the one that Azure gives, and is Ready", () =>
    onMachine({
      playbook: playbook({ instance: { disablePasswordAuthentication: false } }),
      disc: disc({ password: "Correct-horse-7", disablePasswordAuthentication: false }),
      settings: "[password_provisioners]\nallow = true\n"
    }, async (host) => {
      await host.shell(`${make}; chage -d 0 ${username}`)
      await boot(host, agent)
      await assertProvisioned(host, { locked: false })
    }))
})

describe("a new account", () => {
  it.each([
    ["an expiry that has passed", "EXPIRE=2020-01-01"],
    ["the shell nologin", "SHELL=/usr/sbin/nologin"],
    ["a shell that is not there", "SHELL=/opt/zsh"],
    ["both", "EXPIRE=1\nSHELL=/bin/false"]
  ])(
    "with %s by useradd's defaults: lets the owner in all the same",
    (_, defaults) =>
      onMachine({ playbook: playbook() }, async (host) => {
        await host.write("/etc/default/useradd", `${defaults}\n`)
        // What it would be without the agent's doing.
        await host.shell(
          "useradd -m somebody; getent passwd somebody >/run/passwd; getent shadow somebody >/run/shadow"
        )
        assert.match(await host.shell("cat /run/passwd /run/shadow"), /nologin\n|zsh\n|false\n|:(18262|1):$/m)
        await boot(host, agent)
        await assertProvisioned(host)
      })
  )

  it("keeps an expiry that is still to come", () =>
    onMachine({ playbook: playbook() }, async (host) => {
      await host.write("/etc/default/useradd", "EXPIRE=2099-12-31\n")
      await boot(host, agent)
      await assertProvisioned(host)
      assert.match(await host.shell(`getent shadow ${username}`), /:47481:$/m)
    }))
})

describe("sshd without PAM", () => {
  it.each([
    ["a new account", "true"],
    ["an account with a password", `${make}; echo '${username}:old-secret' | chpasswd`],
    ["an account that is locked", `${make}; passwd -l ${username}`]
  ])(
    "%s: is locked with *, and its key lets the owner in",
    (_, arrange) =>
      onMachine({ playbook: playbook() }, async (host) => {
        await host.shell(arrange)
        await host.write(image, "UsePAM no\n")
        await boot(host, agent)
        await assertProvisioned(host)
        assert.match(await host.shell(`getent shadow ${username}`), new RegExp(`^${username}:\\*:`))
        await host.shell(`usermod -p '!' ${username}`)
        assert.isFalse(await logsIn(host, owner), "sshd refuses the key for !")
      })
  )
})
