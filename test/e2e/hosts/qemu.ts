/**
 * An emulated VM: Debian with its cloud kernel under qemu, without KVM, so that it runs anywhere. It has what no
 * namespace has: a kernel and firmware of its own, an optical drive with a real disc in it, SMBIOS, udev, a first
 * process that is systemd, a network card and DHCP.
 *
 * The VM's network is qemu's user-mode one in a network namespace of its own, which reaches nothing but the platform of
 * fabric.
 */
import { spawn, spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { companion } from "../../../fabric/companion.ts"
import { writeDiscImage } from "../../../fabric/discImage.ts"
import { agents, type Outcome, repository } from "../../../fabric/host.ts"
import { endOf } from "../../../fabric/hostOf.ts"
import type { KeyPair } from "../../../fabric/login.ts"
import { type Platform, startPlatform } from "../../../fabric/platformProcess.ts"
import type { Playbook } from "../../../fabric/playbook.ts"
import { swapByteOrder } from "../../../src/domain/VmId.ts"
import { made } from "./roots.ts"

const scripts = join(repository, "test/vm")

/** What somebody who logs in has. */
export type Credential = KeyPair | { readonly password: string }

/** A file of the VM's disk: its text, or a file of this machine to copy. */
export type DiskFile = ({ readonly text: string } | { readonly from: string }) & { readonly mode?: number }

/** What {@link startVm} builds. */
export interface VmOptions {
  /** Debian's name of the release: `bookworm`, `trixie`. */
  readonly suite: string
  /** SMBIOS of generation 1 (BIOS) tells the VM id in the other byte order. */
  readonly generation: 1 | 2
  /** As Azure prints it. */
  readonly vmId: string
  readonly playbook: Playbook
  /** The `ovf-env.xml` of the provisioning disc; the drive is empty without it. */
  readonly disc?: string
  /** Added to the disk before the VM starts, by absolute path; the directories are made. */
  readonly files?: Readonly<Record<string, DiskFile>>
  /** Units that `multi-user.target` wants, beside azure-init.service. */
  readonly units?: ReadonlyArray<string>
}

/** A VM that is running, or has been. */
export interface Vm extends Pick<Platform, "play" | "transcript" | "forget"> {
  /**
   * Runs a command of a shell over ssh, as this user with nothing but this credential; status 255 when there is no
   * login.
   */
  readonly ssh: (username: string, credential: Credential, command: string, input?: string) => Promise<Outcome>
  /**
   * As {@link Vm.ssh}, tried again until there is a login; gives back standard output. Rejects with the console's text
   * after so many seconds, and when the command's status is not 0.
   */
  readonly login: (
    username: string,
    credential: Credential,
    command: string,
    seconds: number,
    input?: string
  ) => Promise<string>
  /** The VM boots anew, and this is its first login since; the credential is one that may use sudo. */
  readonly reboot: (username: string, credential: Credential, seconds: number) => Promise<void>
  /** What the serial console has said so far, of all boots. */
  readonly console: () => string
  /**
   * Waits until the console has said this, after its first `from` characters; rejects with all that it said after so
   * many seconds.
   */
  readonly says: (text: RegExp, seconds: number, from?: number) => Promise<void>
  /** Whether the drive's tray is open, as the host of the VM sees it. */
  readonly ejected: () => Promise<boolean>
  /** Waits for the VM to power itself off; rejects with the console's text after so many seconds. */
  readonly off: (seconds: number) => Promise<void>
  /**
   * Whether this text is anywhere on the disk's blocks, files that are gone and the journal included. The VM must be
   * off.
   */
  readonly diskHolds: (text: string) => boolean
  /** Ends the VM, and leaves nothing of it. */
  readonly stop: () => Promise<void>
}

const checked = (command: string, args: ReadonlyArray<string>): string => {
  const ended = spawnSync(command, args, { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 })
  if (ended.status !== 0) throw new Error(`${command} ${args.join(" ")}: ${ended.error?.message ?? ended.stderr}`)
  return ended.stderr
}

/** Where the kernel, its initrd and the disk's image of this release are, made when they are not there. */
const image = (suite: string): string => made(`vm-${suite}`, "../../vm/image.sh", suite)

const unitDirectory = "/etc/systemd/system"

/** Puts files and the links of wanted units on an ext4 image, without mounting it. */
const addToDisk = (
  disk: string,
  directory: string,
  files: Readonly<Record<string, DiskFile>>,
  units: ReadonlyArray<string>
): void => {
  const parents = new Set<string>()
  const writes = Object.entries(files).flatMap(([path, file], index) => {
    const names = path.split("/").slice(1, -1)
    names.forEach((_, depth) => parents.add(`/${names.slice(0, depth + 1).join("/")}`))
    const source = "from" in file ? file.from : join(directory, `file-${index}`)
    if ("text" in file) writeFileSync(source, file.text)
    const mode = file.mode ?? 0o644
    return [
      `write ${source} ${path}`,
      `set_inode_field ${path} mode 0100${mode.toString(8)}`,
      `set_inode_field ${path} uid 0`,
      `set_inode_field ${path} gid 0`
    ]
  })
  const links = units.map((unit) => `symlink ${unitDirectory}/multi-user.target.wants/${unit} ${unitDirectory}/${unit}`)
  const missing = [...parents].filter((path) =>
    !spawnSync("debugfs", ["-R", `stat ${path}`, disk], { encoding: "utf8" }).stdout.includes("Type: directory")
  )
  const commands = join(directory, "debugfs")
  writeFileSync(commands, [...missing.map((path) => `mkdir ${path}`), ...writes, ...links, ""].join("\n"))
  // It tells of its failures on standard error, after its own version, and ends with status 0 all the same.
  const complaints = checked("debugfs", ["-w", "-f", commands, disk]).trim().split("\n").slice(1)
  if (complaints.length > 0) throw new Error(`debugfs: ${complaints.join("; ")}`)
}

const ovmf = "/usr/share/OVMF/OVMF_CODE_4M.fd"

/** The block devices as qemu's machine protocol (QMP) tells of them: one line of JSON. */
const queryBlock = (monitor: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = ""
    const socket = connect(monitor)
    socket.setEncoding("utf8").on("error", reject).on("data", (part: string) => {
      text += part
      const answer = text.split("\n").find((line) => line.includes("\"id\": \"blocks\""))
      if (answer === undefined) return
      socket.destroy()
      resolve(answer)
    }).on("end", () => reject(new Error(`QMP ended: ${text}`)))
    socket.write("{\"execute\": \"qmp_capabilities\"}\n{\"execute\": \"query-block\", \"id\": \"blocks\"}\n")
  })

/** Starts a VM on a fresh disk, with the agent and its unit on it. */
export const startVm = async (options: VmOptions): Promise<Vm> => {
  const { disc, files = {}, generation, playbook, suite, units = [], vmId } = options
  const directory = mkdtempSync(join(tmpdir(), "azure-fabric-vm-"))
  const remove = () => rmSync(directory, { recursive: true, force: true })
  const disk = join(directory, "disk.ext4")
  const serial = join(directory, "console")
  let boot: string
  try {
    boot = image(suite)
    checked("cp", ["--sparse=always", "--reflink=auto", join(boot, "root.ext4"), disk])
    addToDisk(disk, directory, {
      "/usr/bin/azure-init": { from: agents.executable[0], mode: 0o755 },
      [`${unitDirectory}/azure-init.service`]: { from: join(repository, "config/azure-init.service") },
      ...files
    }, ["azure-init.service", ...units])
    writeFileSync(serial, "")
    if (disc !== undefined) {
      await writeDiscImage(join(directory, "disc.iso"), disc)
    }
  } catch (error) {
    remove()
    throw error
  }

  const namespace = companion("unshare", [
    "--net",
    "--pid",
    "--fork",
    "--kill-child",
    "sh",
    join(scripts, "namespace.sh")
  ])
  const pid = (await namespace.line()).split(" ")[1] ?? ""
  const platform = startPlatform(pid, join(directory, "transcript.jsonl"))
  const stop = async () => {
    await platform.stop()
    await namespace.stop()
    remove()
  }
  const inside = (command: ReadonlyArray<string>, environment: Readonly<Record<string, string>> = {}) =>
    spawn("nsenter", ["--target", pid, "--net", "--pid", "--", ...command], {
      env: { ...process.env, ...environment }
    })

  try {
    await platform.play(playbook)
  } catch (error) {
    await stop()
    throw error
  }
  const monitor = join(directory, "monitor")
  const qemu = inside([
    ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none"],
    ["-serial", `file:${serial}`, "-qmp", `unix:${monitor},server=on,wait=off`],
    ["-machine", "pc", "-accel", "tcg,thread=multi", "-smp", "2", "-m", "1024"],
    // The oldest CPU on which the agent's executable runs has SSE 4.2; every extension more makes the emulation slower.
    // Without the exchange of 16 bytes, which two emulated processors at a time get wrong: trixie's kernel fell over
    // it.
    ["-cpu", "Nehalem,-cx16"],
    generation === 2 ? ["-drive", `if=pflash,format=raw,unit=0,readonly=on,file=${ovmf}`] : [],
    ["-kernel", join(boot, "vmlinuz"), "-initrd", join(boot, "initrd")],
    ["-append", "root=/dev/vda rw console=ttyS0 net.ifnames=0 mitigations=off"],
    // A crash of this machine may lose what the guest has flushed, which nobody minds.
    ["-drive", `file=${disk},format=raw,if=virtio,cache=unsafe`],
    [
      "-drive",
      `${disc === undefined ? "" : `file=${join(directory, "disc.iso")},format=raw,`}if=ide,media=cdrom,readonly=on`
    ],
    ["-netdev", "user,id=azure,net=10.0.0.0/24,host=10.0.0.1,dhcpstart=10.0.0.4,hostfwd=tcp:127.0.0.1:22-:22"],
    ["-device", "virtio-net-pci,netdev=azure,mac=00:0d:3a:11:22:33", "-device", "virtio-rng-pci"],
    ["-smbios", "type=1,manufacturer=Microsoft Corporation,product=Virtual Machine"],
    ["-smbios", "type=3,manufacturer=Microsoft Corporation,asset=7783-7084-3265-9085-8269-3286-77"],
    // qemu's SMBIOS is of version 2.8, whose byte order is that of generation 2.
    ["-uuid", generation === 2 ? vmId : swapByteOrder(vmId)]
  ].flat())
  let complaint = ""
  qemu.stderr.setEncoding("utf8").on("data", (text: string) => complaint += text)
  let isOff = false
  const ended = new Promise<void>((resolve) => {
    qemu.on("error", (error) => complaint += error.message).on("close", () => {
      isOff = true
      resolve()
    })
  })

  const console = () => readFileSync(serial, "utf8")
  const failed = (what: string) =>
    new Error(
      `${what}${complaint === "" ? "" : `; qemu: ${complaint.trim()}`}; the console:\n${console().slice(-8000)}`
    )
  /** Until `done` or the deadline. */
  const until = async (what: string, seconds: number, done: () => Promise<boolean> | boolean) => {
    const deadline = performance.now() + seconds * 1000
    while (!(await done())) {
      if (isOff && !(await done())) throw failed(`${what}: the VM is off`)
      if (performance.now() > deadline) throw failed(`${what}: not within ${seconds} s`)
      await sleep(250)
    }
  }

  let logins = 0
  const ssh: Vm["ssh"] = async (username, credential, command, input) => {
    const began = performance.now()
    const file = join(directory, `credential-${logins++}`)
    const options = [
      "StrictHostKeyChecking=no",
      "UserKnownHostsFile=/dev/null",
      "LogLevel=ERROR",
      "ConnectTimeout=5",
      "NumberOfPasswordPrompts=1"
    ]
    if ("password" in credential) {
      writeFileSync(`${file}.text`, `${credential.password}\n`, { mode: 0o600 })
      writeFileSync(file, `#!/bin/sh\nexec cat '${file}.text'\n`, { mode: 0o700 })
      options.push("PreferredAuthentications=password", "PubkeyAuthentication=no")
    } else {
      writeFileSync(file, credential.privateKey, { mode: 0o600 })
      options.push("PreferredAuthentications=publickey", "IdentitiesOnly=yes", `IdentityFile=${file}`)
    }
    const child = inside(
      ["ssh", "-F", "none", ...options.flatMap((option) => ["-o", option]), `${username}@127.0.0.1`, command],
      { SSH_ASKPASS: file, SSH_ASKPASS_REQUIRE: "force" }
    )
    const { status, stderr, stdout } = await endOf(child, input)
    return {
      status,
      milliseconds: performance.now() - began,
      stdout: stdout.toString("utf8"),
      stderr: stderr.toString("utf8")
    }
  }
  const login: Vm["login"] = async (username, credential, command, seconds, input) => {
    let last: Outcome | undefined
    await until(`login of ${username}`, seconds, async () => {
      last = await ssh(username, credential, command, input)
      return last.status !== 255
    })
    if (last?.status !== 0) throw failed(`${command}: status ${last?.status}: ${last?.stderr}`)
    return last.stdout
  }

  return {
    play: platform.play,
    transcript: platform.transcript,
    forget: platform.forget,
    ssh,
    login,
    reboot: async (username, credential, seconds) => {
      const boot = "cat /proc/sys/kernel/random/boot_id"
      const before = await login(username, credential, `${boot} && sudo -n systemctl reboot`, seconds)
      await until("reboot", seconds, async () => {
        const { status, stdout } = await ssh(username, credential, boot)
        return status === 0 && stdout !== before
      })
    },
    console,
    says: (text, seconds, from = 0) => until(`console: ${text}`, seconds, () => text.test(console().slice(from))),
    ejected: async () => /"tray_open": true/.test(await queryBlock(monitor)),
    off: async (seconds) => {
      const inTime = await Promise.race([ended.then(() => true), sleep(seconds * 1000, false, { ref: false })])
      if (!inTime) throw failed(`power off: not within ${seconds} s`)
    },
    diskHolds: (text) => {
      if (!isOff) throw new Error("the VM is still running")
      const found = spawnSync("grep", ["-c", "-a", "-F", "-e", text, disk], { encoding: "utf8" })
      if (found.status !== 0 && found.status !== 1) throw new Error(`grep ${basename(disk)}: ${found.stderr}`)
      return found.status === 0
    },
    stop
  }
}

/** What keeps a VM from being emulated here. */
export const obstacles = (): ReadonlyArray<string> => {
  const path = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`.split(":")
  const absent = ["qemu-system-x86_64", "debootstrap", "mke2fs", "debugfs", "genisoimage", "ssh", "ip", "unshare"]
    .filter((tool) => !path.some((directory) => existsSync(join(directory, tool))))
  return [
    ...process.getuid?.() === 0 ? [] : ["needs root"],
    ...absent.map((tool) => `needs ${tool}`),
    ...existsSync(ovmf) ? [] : [`needs ${ovmf}`]
  ]
}
