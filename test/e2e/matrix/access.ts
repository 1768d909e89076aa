/** What an image can have that keeps its owner out, whatever key or password Azure gives. */
import { username } from "../hosts/overlay.ts"
import type { Fault } from "./Fault.ts"
import { discless } from "./vms.ts"

const account = `useradd -m -c 'azure-init created this user based on username provided in IMDS' ${username}`

const existing = (name: string, change: string, repair: string, reason: RegExp, vm = {}): Fault => ({
  group: "access",
  name: `the account is there and has ${name}`,
  ...vm,
  arrange: (host) => host.shell(`set -e; ${account}; ${change}`),
  repair: (host) => host.shell(repair),
  ends: "failed",
  reason
})

const sshd = (line: string, ends: "ready" | "failed", reason?: RegExp): Fault => ({
  group: "access",
  name: `sshd has ${line}`,
  vm: discless,
  arrange: (host) => host.shell(`sed -i '1i ${line}' /etc/ssh/sshd_config`),
  repair: (host) => host.shell("sed -i 1d /etc/ssh/sshd_config"),
  ends,
  ...(reason === undefined ? {} : { reason })
})

/** Every row about an owner that sshd would not let in. */
export const accessFaults: ReadonlyArray<Fault> = [
  existing(
    "the shell nologin",
    `usermod -s /usr/sbin/nologin ${username}`,
    `usermod -s /bin/sh ${username}`,
    /administrator has no login shell/
  ),
  existing(
    "expired",
    `chage -E 2020-01-01 ${username}`,
    `chage -E -1 ${username}`,
    /administrator account has expired/
  ),
  existing(
    "a password that must be changed, and a key",
    `chage -d 0 ${username}`,
    `chage -d $(date -u +%F) ${username}`,
    /administrator must change the password first/,
    { vm: discless }
  ),
  {
    group: "access",
    name: "the account is there and has a password that must be changed, and gets one",
    arrange: (host) => host.shell(`set -e; ${account}; chage -d 0 ${username}`),
    ends: "ready"
  },
  {
    group: "access",
    name: "/etc/nologin",
    arrange: (host) => host.shell("touch /etc/nologin"),
    repair: (host) => host.shell("rm /etc/nologin"),
    ends: "failed",
    reason: /logins are disabled by \/etc\/nologin/
  },
  {
    group: "access",
    name: "new accounts have expired by /etc/default/useradd",
    arrange: (host) => host.shell("echo EXPIRE=2020-01-01 >>/etc/default/useradd"),
    repair: (host) => host.shell("sed -i '$d' /etc/default/useradd"),
    examine: async (host) =>
      /:18262:$/m.test(await host.shell(`grep '^${username}:' /etc/shadow`)) ? ["the new account has expired"] : [],
    ends: "ready"
  },
  sshd("AllowUsers somebody", "failed", /sshd does not allow the administrator/),
  sshd("PubkeyAuthentication no", "failed", /sshd does not take the administrator's credentials/),
  sshd("UsePAM no", "ready")
]
