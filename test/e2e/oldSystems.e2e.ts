import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { copyFileSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { agents, start } from "../../fabric/host.ts"
import { startNspawn } from "./hosts/nspawn.ts"
import {
  disc,
  failureTold,
  imdsRequest,
  owner,
  playbook,
  readyRequest,
  requestsTo,
  settingsFile,
  username,
  vmId
} from "./hosts/overlay.ts"
import { made, root } from "./hosts/roots.ts"

/** The executable where there is little or old: no C library, no userland, no system call that Linux 4.18 lacks. */

const executable = agents.executable[0]

/**
 * System calls of x86_64 that came after Linux 4.18 (syscalls(2)) and that libseccomp of Debian 12 knows, by kernel.
 */
const newerByKernel = {
  "5.1": "pidfd_send_signal io_uring_setup io_uring_enter io_uring_register",
  "5.2": "open_tree move_mount fsopen fsconfig fsmount fspick",
  "5.3": "pidfd_open clone3",
  "5.6": "openat2 pidfd_getfd",
  "5.8": "faccessat2",
  "5.9": "close_range",
  "5.10": "process_madvise",
  "5.11": "epoll_pwait2",
  "5.12": "mount_setattr",
  "5.13": "landlock_create_ruleset landlock_add_rule landlock_restrict_self",
  "5.14": "quotactl_fd memfd_secret",
  "5.15": "process_mrelease",
  "5.16": "futex_waitv",
  "5.17": "set_mempolicy_home_node"
}
const newer = Object.values(newerByKernel).join(" ")

/**
 * Runs a command on a machine as on a kernel without these calls: each is answered with ENOSYS, in its helpers as well.
 */
const without = (calls: string, command: ReadonlyArray<string>): ReadonlyArray<string> => [
  "systemd-run",
  "--quiet",
  "--wait",
  "--pipe",
  "--property=SystemCallErrorNumber=ENOSYS",
  `--property=SystemCallFilter=~${calls}`,
  ...command
]

/** BusyBox's own `adduser -D -h HOME -g COMMENT NAME`, which Debian leaves out of its build. */
const adduser = `#!/bin/sh
set -eu
[ "$1 $2 $4 $#" = "-D -h -g 6" ] || exit 1
echo "$6:x:1000:1000:$5:$3:/bin/sh" >>/etc/passwd
echo "$6:x:1000:" >>/etc/group
echo "$6:!:19000:0:99999:7:::" >>/etc/shadow
mkdir -p "$3"
chown 1000:1000 "$3"
chmod 700 "$3"
`

/** BusyBox's own `addgroup NAME GROUP`, of a group without members. */
const addgroup = `#!/bin/sh
set -eu
[ $# = 2 ] && grep -q "^$2:" /etc/group
sed -i "s/^$2:.*:$/&$1/" /etc/group
`

describe("the executable", () => {
  it("needs no C library, no /proc and no other file", () => {
    const empty = mkdtempSync(join(tmpdir(), "azure-empty-"))
    try {
      copyFileSync(executable, join(empty, "azure-init"))
      assert.deepStrictEqual(readdirSync(empty), ["azure-init"])
      const run = (...args: ReadonlyArray<string>) =>
        spawnSync("chroot", [empty, "/azure-init", ...args], { encoding: "utf8" })
      const version = run("--version")
      assert.deepStrictEqual([version.status, version.stderr], [0, ""])
      assert.match(version.stdout, /^azure-init 0\.1\.1\S*\n$/)
      const help = run("--help")
      assert.deepStrictEqual([help.status, help.stderr], [0, ""])
      assert.include(help.stdout, "USAGE")
      assert.strictEqual(run("--nonsense").status, 2)
    } finally {
      rmSync(empty, { recursive: true })
    }
  })

  it("does a first boot on a kernel that has no system call of later than Linux 4.18", async () => {
    const host = await startNspawn({
      suite: "bookworm",
      vmId,
      playbook: playbook(),
      disc: disc()
    })
    try {
      // The command is a service, which needs the machine's D-Bus.
      await host.run(["systemctl", "is-system-running", "--wait"])
      // 434 is pidfd_open(2), of 5.3: the machine's kernel has it, and the command has not.
      const asked = ["perl", "-e", "syscall(434, 1, 0); print $! + 0"]
      assert.strictEqual((await host.run(asked)).stdout, "0")
      assert.strictEqual((await host.run(without(newer, asked))).stdout, "38")
      const ended = await host.run(without(newer, agents.executable))
      assert.strictEqual(ended.status, 0, ended.stderr)
      assert.deepStrictEqual(requestsTo(host), [imdsRequest, readyRequest])
      assert.strictEqual(await host.shell(`cat /home/${username}/.ssh/authorized_keys`), `${owner.publicKey}\n`)
    } finally {
      await host.stop()
    }
  })
})

/** There is no sshd to ask. */
const onBusyBox = `
[user_provisioners]
backends = ["adduser"]
[ssh]
query_sshd_config = false
configure_sshd_password_authentication = false
`

describe("a root of BusyBox alone", () => {
  const busybox = () => made("busybox", "busybox.sh", root("bookworm"))

  it("has no useradd: Azure hears so, the first time and again", async () => {
    const host = await start({ root: busybox(), vmId, playbook: playbook() })
    try {
      for (let boots = 0; boots < 2; boots++) {
        host.forget()
        const { status } = await host.run(agents.executable)
        assert.strictEqual(status, 1)
        assert.match(failureTold(host), /useradd/)
        await host.reboot()
      }
    } finally {
      await host.stop()
    }
  })

  it("gets its owner's account, keys and name with BusyBox's own helpers", async () => {
    const host = await start({ root: busybox(), vmId, playbook: playbook() })
    try {
      await host.write("/usr/sbin/adduser", adduser, "755")
      await host.write("/usr/sbin/addgroup", addgroup, "755")
      await host.write(settingsFile, onBusyBox)
      const ended = await host.run(agents.executable)
      assert.strictEqual(ended.status, 0, `${ended.stderr}\n${await host.shell("cat /var/log/azure-init.log")}`)
      assert.deepStrictEqual(requestsTo(host), [imdsRequest, readyRequest])
      assert.strictEqual(
        await host.shell(
          `stat -c '%a %u:%g' /home/${username}/.ssh/authorized_keys; cat /home/${username}/.ssh/authorized_keys`
        ),
        `600 1000:1000\n${owner.publicKey}\n`
      )
      assert.strictEqual(await host.shell("hostname"), "web-1\n")
    } finally {
      await host.stop()
    }
  })
})
