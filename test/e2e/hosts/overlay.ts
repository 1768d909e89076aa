/** What the end-to-end tests share: machines, what they look like after a boot, and what Azure has heard. */
import { assert } from "@effect/vitest"
import { type Disc, ovfEnvironment } from "../../../fabric/disc.ts"
import { agents, type Host, start } from "../../../fabric/host.ts"
import { type Pool, readPool } from "../../../fabric/kvp.ts"
import { canLogin, type KeyPair, login, makeKeyPair, startSshd } from "../../../fabric/login.ts"
import type { Playbook } from "../../../fabric/playbook.ts"

export { agents, type Host }

/** The two forms of the agent, by name. */
export const forms = Object.entries(agents)

/** Who and what the VM of the tests is. */
export const username = "azureuser"
export const hostname = "web-1"
export const vmId = "9f1c7c3e-5a40-4b7e-9d0b-0f6f2c9a7e11"

// A missing tool must be a failure, not a skipped test.
if (!canLogin()) {
  throw new Error("These tests need sshd, ssh, ssh-keygen and sudo: install openssh-server, openssh-client and sudo")
}

/** The owner's key. */
export const owner = makeKeyPair("owner@laptop")

/** A key of somebody else. */
export const colleague = makeKeyPair("colleague@desk")

/** An Azure that gives the owner's VM, and does what else is said. */
export const playbook = (
  { instance, ...answers }:
    & { readonly instance?: Partial<Playbook["instance"]> }
    & Partial<Omit<Playbook, "instance">> = {}
): Playbook => ({
  instance: { username, hostname, keys: [`${owner.publicKey}\r\n`], disablePasswordAuthentication: true, ...instance },
  imds: [],
  health: [],
  ...answers
})

/** An IMDS that nobody answers at. */
export const silentImds = [{ reset: "headers" }] as const

/** The document of a provisioning disc of the owner's VM. */
export const disc = (changes: Partial<Disc> = {}): string =>
  ovfEnvironment({ username, hostname, disablePasswordAuthentication: true, ...changes })

/** Settings with which an agent gives up after about a second. */
export const impatient = `
[imds]
retry_interval_secs = 0.2
total_retry_timeout_secs = 1.0
[wireserver]
retry_interval_secs = 0.2
total_retry_timeout_secs = 1.0
`

/** Where settings live. */
export const settingsFile = "/etc/azure-init/azure-init.toml"

/**
 * A shell command that has the name service ask these sources for accounts and groups, in this order
 * (nsswitch.conf(5)).
 */
export const sources = (order: string): string =>
  `sed -i 's/^\\(passwd\\|group\\|shadow\\):.*/\\1: ${order}/' /etc/nsswitch.conf`

/** Runs a test on a fresh machine, and leaves nothing of it. */
export const onMachine = async (
  options: { readonly playbook: Playbook; readonly disc?: string; readonly settings?: string },
  test: (host: Host) => Promise<void>
): Promise<void> => {
  const host = await start({ vmId, playbook: options.playbook, disc: options.disc })
  try {
    if (options.settings !== undefined) await host.write(settingsFile, options.settings)
    await test(host)
  } finally {
    await host.stop()
  }
}

/** Runs the agent and fails, with its log, unless it ends with this status and without a word on standard output. */
export const boot = async (host: Host, agent: ReadonlyArray<string>, status = 0): Promise<void> => {
  const ended = await host.run(agent)
  if (ended.status !== status) {
    const log = await host.shell("cat /var/log/azure-init.log 2>&1 || true")
    assert.fail(`exit status ${ended.status} instead of ${status}\n${ended.stdout}${ended.stderr}\n${log}`)
  }
  assert.strictEqual(ended.stdout, "")
}

/** What the platform was asked, one line for each request. */
export const requestsTo = (host: Host): ReadonlyArray<string> =>
  host.transcript().map(({ answered, body, endpoint, method, target }) =>
    `${endpoint} ${method} ${target} ${body === "" ? "-" : body} ${answered}`
  )

/** The requests of a boot that goes well, as {@link requestsTo} shows them. */
export const imdsRequest = "imds GET /metadata/instance?api-version=2023-11-15&extended=true - 200"
export const readyRequest = "health POST /provisioning/health {\"state\":\"Ready\"} 200"

/** The description of the one failure that Azure was told of, and accepted. */
export const failureTold = (host: Host): string => {
  const told = host.transcript().filter(({ answered, endpoint }) => endpoint === "health" && answered === 200)
  assert.strictEqual(told.length, 1, "one report")
  const report: unknown = JSON.parse(told[0]?.body ?? "")
  const { details, state } = report as { details: { description: string; subStatus: string }; state: string }
  assert.strictEqual(state, "NotReady")
  assert.strictEqual(details.subStatus, "ProvisioningFailed")
  return details.description
}

/** The KVP pool as the host of the VM reads it; every record must be readable. */
export const kvpOf = async (host: Host): Promise<Pool> => {
  const bytes = await host.read("/var/lib/hyperv/.kvp_pool_1")
  assert.isAbove(bytes.length, 0)
  assert.strictEqual(bytes.length % 2560, 0, "whole records")
  const pool = readPool(bytes)
  assert.deepStrictEqual(pool.problems, [])
  return pool
}

/** A file's kind, mode and owner in the first line, and its text after it. */
export const fileAt = (host: Host, path: string): Promise<string> =>
  host.shell(`stat -c '%F %a %U:%G' '${path}' && cat '${path}'`)

/** The kind, mode and owner of what is there under this name. */
export const statusOf = async (host: Host, path: string): Promise<string> =>
  (await host.shell(`stat -c '%F %a %U:%G' '${path}'`)).trim()

/** What sshd makes of its configuration for the owner. */
export const sshdSays = async (host: Host, key: string): Promise<string> => {
  await startSshd(host)
  const all = await host.shell(`$(command -v sshd) -T -C user=${username},host=localhost,addr=127.0.0.1`)
  return all.split("\n").find((line) => line.startsWith(`${key} `)) ?? ""
}

/** A real login with this key, and sudo without a password. */
export const logsIn = async (host: Host, key: KeyPair): Promise<boolean> => {
  await startSshd(host)
  const { status, stdout } = await login(host, username, key, "id -un; sudo -n id -u; hostname")
  return status === 0 && stdout === `${username}\n0\n${hostname}\n`
}

/**
 * All that provisioning leaves on a machine, as text: two machines in the same state give the same. A `.configured`
 * marker says nothing more once there is the `.provisioned` one, so that an agent killed between writing the one and
 * removing the other leaves nothing to do.
 */
export const stateOf = (host: Host): Promise<string> =>
  host.shell(`set -eu
    grep '^${username}:' /etc/passwd; id ${username}; passwd -S ${username}; ls -A /home/${username}
    find /home/${username}/.ssh /etc/sudoers.d /etc/ssh/sshd_config.d /var/lib/azure-init ! -name '*.configured' -printf '%M %u:%g %p\\n' | sort
    find /etc /home /var/lib /run -xdev -name '*azure-init*' | sort
    cat /home/${username}/.ssh/authorized_keys /etc/sudoers.d/azure-init* /etc/ssh/sshd_config.d/*azure-init*
    cat /etc/hostname; hostname
    grep azure-init/media /proc/self/mounts || true`)

/**
 * The account, its rights and its keys as the owner of this VM needs them, nothing left behind, and the VM marked as
 * provisioned.
 */
export const assertProvisioned = async (
  host: Host,
  expected: { readonly keys?: ReadonlyArray<KeyPair>; readonly id?: string; readonly locked?: boolean } = {}
): Promise<void> => {
  const { id = vmId, keys = [owner], locked = true } = expected
  const account = (await host.shell(`getent passwd ${username}`)).trim().split(":")
  assert.isAtLeast(Number(account[2]), 1000)
  assert.strictEqual(account[5], `/home/${username}`)
  const passwordState = await host.shell(`passwd -S ${username}`)
  assert.strictEqual(passwordState.split(" ")[1], locked ? "L" : "P")

  const own = `${username}:${username}`
  assert.match(await statusOf(host, `/home/${username}`), new RegExp(`^directory 7[05][05] ${own}$`))
  assert.strictEqual(await statusOf(host, `/home/${username}/.ssh`), `directory 700 ${own}`)
  assert.strictEqual(
    await fileAt(host, `/home/${username}/.ssh/authorized_keys`),
    `regular file 600 ${own}\n${keys.map(({ publicKey }) => `${publicKey}\n`).join("")}`
  )
  assert.strictEqual(
    await fileAt(host, "/etc/sudoers.d/azure-init-user"),
    `regular file 440 root:root\n${username} ALL=(ALL) NOPASSWD: ALL\n`
  )
  assert.strictEqual(await sshdSays(host, "passwordauthentication"), `passwordauthentication ${locked ? "no" : "yes"}`)
  for (const key of keys) assert.isTrue(await logsIn(host, key), `login with the key of ${key.publicKey.split(" ")[2]}`)

  assert.strictEqual(await host.shell("hostname; cat /etc/hostname"), `${hostname}\n${hostname}\n`)
  assert.strictEqual(await statusOf(host, "/var/lib/azure-init"), "directory 700 root:root")
  assert.strictEqual(
    await statusOf(host, `/var/lib/azure-init/${id}.provisioned`),
    "regular empty file 600 root:root"
  )
  assert.strictEqual(await statusOf(host, "/var/log/azure-init.log"), "regular file 600 root:root")
  assert.strictEqual(
    await host.shell(
      "grep azure-init/media /proc/self/mounts || true; ls -d /run/azure-init/media 2>/dev/null || true"
    ),
    "",
    "no disc left mounted"
  )
}

/**
 * Which files hold this text, of all that a boot could have written; the repository, a mount of its own, may lie below
 * one of the places.
 */
export const filesWith = (host: Host, text: string): Promise<string> =>
  host.shell(
    "text=$(cat); mkdir -p /run/azure-init; find /etc /var/log /var/lib/azure-init /var/lib/hyperv /run/azure-init /home /tmp "
      + "-xdev -type f -exec grep -lF -e \"$text\" {} + || true",
    text
  )
