/**
 * A real boot of an emulated VM with the agent's own unit: firmware, kernel, udev, an optical drive with a disc,
 * systemd, DHCP, sshd. What namespaces can show is in test/e2e; here is what they cannot.
 */
import { assert, it } from "@effect/vitest"
import { readPool } from "../../fabric/kvp.ts"
import {
  colleague,
  disc,
  hostname,
  imdsRequest,
  owner,
  playbook,
  readyRequest,
  silentImds,
  username,
  vmId
} from "../e2e/hosts/overlay.ts"
import { type Credential, obstacles, startVm, type Vm, type VmOptions } from "../e2e/hosts/qemu.ts"

// A missing tool must be a failure, not a skipped test.
const lacking = obstacles()
if (lacking.length > 0) throw new Error(`An emulated VM ${lacking.join(", ")}`)

/** Seconds until the owner can log in: some 30 on an idle machine with two cores. */
const patience = 150

const onVm = async (
  options: Omit<VmOptions, "vmId">,
  test: (vm: Vm) => Promise<void>
): Promise<void> => {
  const vm = await startVm({ vmId, ...options })
  try {
    await test(vm)
  } finally {
    await vm.stop()
  }
}

const requestsTo = (vm: Vm): ReadonlyArray<string> =>
  vm.transcript().map(({ answered, body, endpoint, method, target }) =>
    `${endpoint} ${method} ${target} ${body === "" ? "-" : body} ${answered}`
  )

/**
 * What these scripts print when root runs them in the VM, after its boot has come to its end: all in one login, for
 * each costs seconds.
 */
const ask = async <Name extends string>(
  vm: Vm,
  credential: Credential,
  questions: Readonly<Record<Name, string>>
): Promise<Readonly<Record<Name, string>>> => {
  const script = Object.entries<string>(questions).map(([name, question]) =>
    `printf '%s ' '${name}'\n{\n${question}\n} 2>&1 </dev/null | base64 -w 0\necho`
  )
  const text = await vm.login(
    username,
    credential,
    "sudo -n sh -s",
    patience,
    ["systemctl is-system-running --wait >/dev/null", ...script, ""].join("\n")
  )
  const answers: object = Object.fromEntries(
    text.trimEnd().split("\n").map((line) => {
      const [name = "", answer = ""] = line.split(" ")
      return [name, Buffer.from(answer, "base64").toString("utf8").trimEnd()]
    })
  )
  const areAll = (some: object): some is Record<Name, string> => Object.keys(questions).every((name) => name in some)
  return areAll(answers) ? answers : assert.fail(`not all has been answered: ${text}`)
}

/** The state of the whole machine, of the agent's unit, and what has been left behind. */
const health = {
  system: "systemctl is-system-running",
  failed: "systemctl --failed --no-legend --plain",
  agent: "systemctl show -p ActiveState -p Result -p ExecMainStatus azure-init | sort",
  processes: "pgrep -x azure-init || true",
  mounts: "grep -E ' (udf|iso9660) |azure-init' /proc/mounts || true",
  directory: "ls -A /run/azure-init | grep -v '^lock$' || true",
  markers: "ls -A /var/lib/azure-init"
}

const healthy = {
  system: "running",
  failed: "",
  agent: "ActiveState=active\nExecMainStatus=0\nResult=success",
  processes: "",
  mounts: "",
  directory: "",
  markers: `${vmId}.provisioned`
}

/** Microseconds from the kernel's start to a moment in a unit's life. */
const moment = (unit: string, property: string) => `systemctl show --value -p ${property}Monotonic ${unit}`

/** The account as the owner of this VM needs it. */
const account = {
  who: `id -un ${username} && passwd -S ${username} | cut -d ' ' -f 2`,
  hostname: "hostnamectl hostname; hostname; cat /etc/hostname",
  access: `cd /home/${username} && stat -c '%a %U:%G %n' .ssh .ssh/authorized_keys && cat .ssh/authorized_keys`,
  sudo: "stat -c '%a %U:%G' /etc/sudoers.d/azure-init-user && cat /etc/sudoers.d/azure-init-user",
  sshd: `sshd -T -C user=${username},host=localhost,addr=127.0.0.1 | grep '^passwordauthentication '`
}

const accountOf = (state: "L" | "P") => ({
  who: `${username}\n${state}`,
  hostname: `${hostname}\n${hostname}\n${hostname}`,
  access: `700 ${username}:${username} .ssh\n600 ${username}:${username} .ssh/authorized_keys\n${owner.publicKey}`,
  sudo: `440 root:root\n${username} ALL=(ALL) NOPASSWD: ALL`,
  sshd: `passwordauthentication ${state === "L" ? "no" : "yes"}`
})

const pick = <Name extends string>(
  from: Readonly<Record<Name, string>>,
  like: Readonly<Partial<Record<Name, string>>>
): Record<string, string> => {
  const picked: Record<string, string> = {}
  for (const name in like) picked[name] = from[name]
  return picked
}

/** Where the agent writes for the host, made by the KVP daemon that a VM without a VMBus has nothing to do for. */
const poolDirectory = { "/var/lib/hyperv/.made": { text: "" } }

it("generation 1: provisioned from IMDS and the disc in the drive, the owner logs in, the next boot does nothing", () =>
  onVm({ suite: "bookworm", generation: 1, playbook: playbook(), disc: disc(), files: poolDirectory }, async (vm) => {
    const first = await ask(vm, owner, {
      ...health,
      ...account,
      kernel: "dmesg | grep -o 'UDF-fs: INFO Mounting volume .rd_rdfe.'",
      uuid: "cat /sys/class/dmi/id/product_uuid",
      tag: "cat /sys/class/dmi/id/chassis_asset_tag",
      address: "ip -4 -br address show eth0",
      pool: "base64 -w 0 /var/lib/hyperv/.kvp_pool_1",
      agentStart: moment("azure-init", "ExecMainStartTimestamp"),
      sshStart: moment("ssh", "ExecMainStartTimestamp"),
      sshActive: moment("ssh", "ActiveEnterTimestamp"),
      agentActive: moment("azure-init", "ActiveEnterTimestamp"),
      multiUser: moment("multi-user.target", "ActiveEnterTimestamp")
    })
    assert.deepStrictEqual(pick(first, healthy), healthy)
    assert.deepStrictEqual(pick(first, accountOf("L")), accountOf("L"))
    assert.deepStrictEqual(requestsTo(vm), [imdsRequest, readyRequest])

    assert.strictEqual(first.kernel, "UDF-fs: INFO Mounting volume 'rd_rdfe'", "the kernel's own driver read the disc")
    assert.isTrue(await vm.ejected(), "the disc is ejected")
    assert.strictEqual(first.tag, "7783-7084-3265-9085-8269-3286-77")
    // What SMBIOS of generation 1 shows is in the other byte order, and everything that the agent tells and writes is
    // as Azure prints it.
    assert.strictEqual(first.uuid, "3e7c1c9f-405a-7e4b-9d0b-0f6f2c9a7e11")
    assert.match(first.address, /^eth0 +UP +10\.0\.0\.4\/24/)
    const pool = readPool(Buffer.from(first.pool, "base64"))
    assert.deepStrictEqual(pool.problems, [])
    assert.match(pool.report ?? "", new RegExp(`^result=success\\|.*\\|vm_id=${vmId}\\|`))

    // sshd and the agent start side by side; neither waits for the other's end, but the boot is not over before the
    // agent is.
    assert.isBelow(Math.abs(Number(first.agentStart) - Number(first.sshStart)), 5_000_000)
    assert.isBelow(Number(first.sshActive), Number(first.agentActive))
    assert.isBelow(Number(first.agentActive), Number(first.multiUser))

    const stranger = await vm.ssh(username, colleague, "true")
    assert.strictEqual(stranger.status, 255)
    assert.match(stranger.stderr, /Permission denied/)
    const withPassword = await vm.ssh(username, { password: "" }, "true")
    assert.strictEqual(withPassword.status, 255)
    assert.match(withPassword.stderr, /Permission denied \(publickey\)/, "sshd offers no password login")

    vm.forget()
    await vm.reboot(username, owner, patience)
    const second = await ask(vm, owner, { ...health, ...account })
    assert.deepStrictEqual(pick(second, healthy), healthy)
    assert.deepStrictEqual(pick(second, accountOf("L")), accountOf("L"))
    assert.deepStrictEqual(requestsTo(vm), [], "the second boot asks nobody")
  }))

const password = "Correct-horse;7 <battery>&staple"

it("generation 2, no IMDS: provisioned from the disc alone, the password works and is nowhere on the disk", () =>
  onVm({
    suite: "bookworm",
    generation: 2,
    playbook: playbook({ imds: silentImds }),
    disc: disc({ password, disablePasswordAuthentication: false, keys: [owner.publicKey] }),
    files: {
      ...poolDirectory,
      "/etc/azure-init/azure-init.toml": {
        text:
          "[password_provisioners]\nallow = true\n[imds]\nretry_interval_secs = 0.5\ntotal_retry_timeout_secs = 8.0\n"
      },
      // All that it could say, it says.
      "/etc/systemd/system/azure-init.service.d/trace.conf": { text: "[Service]\nEnvironment=AZURE_INIT_LOG=trace\n" }
    }
  }, async (vm) => {
    const told = await ask(vm, { password }, {
      ...health,
      ...account,
      firmware: "ls -d /sys/firmware/efi",
      uuid: "cat /sys/class/dmi/id/product_uuid",
      hash: `getent shadow ${username} | cut -d : -f 2`,
      journal: "journalctl -o export --no-pager | grep -c -a -e Correct-horse -e battery || true",
      pool: "base64 -w 0 /var/lib/hyperv/.kvp_pool_1",
      sshActive: moment("ssh", "ActiveEnterTimestamp"),
      agentStart: moment("azure-init", "ExecMainStartTimestamp"),
      agentActive: moment("azure-init", "ActiveEnterTimestamp")
    })
    assert.deepStrictEqual(pick(told, healthy), healthy)
    assert.deepStrictEqual(pick(told, accountOf("P")), accountOf("P"))
    assert.strictEqual(told.firmware, "/sys/firmware/efi")
    assert.strictEqual(told.uuid, vmId)
    assert.match(told.hash, /^\$[6y]\$/)
    assert.strictEqual(told.journal, "0")
    assert.match(readPool(Buffer.from(told.pool, "base64")).report ?? "", new RegExp(`\\|vm_id=${vmId}\\|`))
    assert.strictEqual(requestsTo(vm).filter((request) => request.startsWith("health")).join("\n"), readyRequest)
    // An Azure that does not answer keeps nobody from a door that was open before.
    assert.isAbove(Number(told.agentActive) - Number(told.agentStart), 8_000_000)
    assert.isBelow(Number(told.sshActive) - Number(told.agentStart), 5_000_000)

    // The connection may end before the command does.
    await vm.ssh(username, owner, "sudo -n systemctl poweroff")
    await vm.off(60)
    assert.isTrue(vm.diskHolds(owner.publicKey), "what is on the disk is found")
    assert.isTrue(vm.diskHolds(told.hash))
    for (const secret of ["Correct-horse", "battery>", "battery&gt;"]) {
      assert.isFalse(vm.diskHolds(secret), `${secret} is on the disk`)
    }
  }))

/** Halts the agent when it has mounted the disc, which nobody but its unit sees, and stops the unit. */
const stopInTheMiddle = `#!/bin/sh
seen() {
  while read -r line; do
    case $line in *azure-init/media*) kill -STOP $pid && echo "$line" && return ;; esac
  done <"/proc/$pid/mounts"
  return 1
}
until pid=$(pgrep -o -x azure-init); do :; done
{
  until seen; do :; done
  systemctl stop azure-init
  echo "after: $(cat /proc/[0-9]*/mounts 2>/dev/null | grep -c azure-init) mounted, $(pgrep -c -x azure-init) running"
  systemctl show -p ActiveState --value azure-init
  ls -A /var/lib/azure-init 2>/dev/null
  getent passwd ${username}
} >/run/stopped 2>&1
systemctl start azure-init
`

it("stopped while the disc is mounted: nothing is left mounted, and the next start converges", () =>
  onVm({
    suite: "trixie",
    generation: 1,
    // The first request is not answered, so that nothing else can have been done.
    playbook: playbook({ imds: [{ hang: "headers" }, {}] }),
    disc: disc(),
    files: {
      ...poolDirectory,
      "/usr/local/sbin/stop-in-the-middle": { text: stopInTheMiddle, mode: 0o755 },
      "/etc/systemd/system/stop-in-the-middle.service": {
        text:
          "[Service]\nType=oneshot\nExecStart=/usr/local/sbin/stop-in-the-middle\n[Install]\nWantedBy=multi-user.target\n"
      }
    },
    units: ["stop-in-the-middle.service"]
  }, async (vm) => {
    const told = await ask(vm, owner, { ...health, ...account, stopped: "cat /run/stopped" })
    const [mount = "", ...after] = told.stopped.split("\n")
    assert.match(mount, /^\/dev\/sr0 \/run\/azure-init\/media udf ro,nosuid,nodev,noexec,/)
    assert.strictEqual(after[0], "after: 0 mounted, 0 running")
    assert.include(["inactive", "failed"], after[1])
    assert.deepStrictEqual(after.slice(2), [], "no marker yet, and no account")
    assert.deepStrictEqual(pick(told, healthy), healthy)
    assert.deepStrictEqual(pick(told, accountOf("L")), accountOf("L"))
    assert.deepStrictEqual(requestsTo(vm).filter((request) => request.startsWith("health")), [readyRequest])
  }))
