/** A throw-away machine on which an agent boots as on Azure: see machine.sh for how it is made. */
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { companion } from "./companion.ts"
import { changeProductUuid, writeHardware } from "./hardware.ts"
import { type Host, hostOf, newMark, path, runAttached, runIn } from "./hostOf.ts"
import { startPlatform } from "./platformProcess.ts"
import type { Playbook } from "./playbook.ts"

export type { Host, Outcome, RunOptions } from "./hostOf.ts"
export type { TranscriptEntry } from "./transcript.ts"

/** The repository's directory, which the machine sees at the same place, read-only. */
export const repository = join(import.meta.dirname, "..")

/** The agents that `npm run build` makes, as commands. */
export const agents = {
  executable: [join(repository, "dist/azure-init")],
  bundle: [join(repository, "node_modules/node/bin/node"), join(repository, "dist/azure-init.mjs")]
} as const

/** What {@link start} builds. */
export interface HostOptions {
  readonly playbook: Playbook
  /** As Azure prints it. */
  readonly vmId?: string
  /** The `ovf-env.xml` of the provisioning disc; no disc without it. */
  readonly disc?: string | undefined
  /** A directory with a Linux file system, `/` without it. Nothing is ever written there. */
  readonly root?: string
  /** The disk's size as tmpfs takes it (`16m`), which is held in memory; `1g` without it. */
  readonly disk?: string
  /** The file, to be made, in which every request becomes a line; one that goes with the machine without it. */
  readonly transcript?: string
}

/** A {@link Host} to which a terminal can be attached. */
export interface AttachableHost extends Host {
  /** Runs a command as root in `/`, with this process's own standard input, output and error; its exit status. */
  readonly attach: (command: ReadonlyArray<string>) => Promise<number>
}

const namespaces = ["--mount", "--uts", "--ipc", "--net", "--pid"]

const has = (tool: string): boolean => path.split(":").some((directory) => existsSync(join(directory, tool)))

/** What keeps a machine from being made here, each with what to do about it. */
export const obstacles = (needs: { readonly disc: boolean }): ReadonlyArray<string> => {
  if (process.platform !== "linux") return ["This needs Linux: the agent provisions Linux machines, in namespaces."]
  if (process.getuid?.() !== 0) {
    return ["This needs root: run it with sudo. Nothing that it does stays on this machine."]
  }
  const tools = ["unshare", "nsenter", "ip", "mount", "losetup", "useradd", ...(needs.disc ? ["genisoimage"] : [])]
  const absent = tools.filter((tool) => !has(tool))
  if (absent.length > 0) {
    return [
      `This needs ${absent.join(", ")}: install the packages util-linux, mount, iproute2, passwd${
        needs.disc ? " and genisoimage" : ""
      } (Debian's names).`
    ]
  }
  const trial = "mount -t tmpfs try /mnt && mknod /mnt/null c 1 3 && : >/mnt/null"
  const tried = spawnSync("unshare", [...namespaces, "--fork", "sh", "-c", trial], { encoding: "utf8" })
  if (tried.status === 0) return []
  // What unshare(1) says where `/` is no mount point: there, nothing keeps mounts from reaching other namespaces.
  if (tried.stderr.includes("cannot change root filesystem propagation")) {
    return ["This chroot is no mount point: run mount --bind DIRECTORY DIRECTORY before chroot DIRECTORY."]
  }
  return [
    `Namespaces, mounts or device files are not permitted here (${tried.stderr.trim()}): start the container with --privileged, or use a virtual machine.`
  ]
}

/**
 * Starts a machine and its platform. The machine is a copy-on-write view of a root with fresh state, both of Azure's
 * addresses on its loopback interface and no other network, Azure's DMI, the KVP pool's directory, and `/dev/sr0` when
 * there is a disc. It ends with {@link Host.stop}, or with this process. Below `/.written` it shows what has been
 * written to its disk.
 */
export const start = async (options: HostOptions): Promise<AttachableHost> => {
  const lacking = obstacles({ disc: options.disc !== undefined })
  if (lacking.length > 0) throw new Error(lacking.join(" "))
  const directory = mkdtempSync(join(tmpdir(), "azure-fabric-"))
  try {
    await writeHardware(directory, options.vmId ?? "9f1c7c3e-5a40-4b7e-9d0b-0f6f2c9a7e11", options.disc)
    writeFileSync(join(directory, "efi"), "")
  } catch (error) {
    rmSync(directory, { recursive: true, force: true })
    throw error
  }
  const mark = newMark()
  const machine = companion("sh", [
    "-c",
    "\"$@\"; status=$?; rm -rf -- \"$0\"; exit $status",
    directory,
    "unshare",
    ...namespaces,
    "--fork",
    "--kill-child",
    "--propagation",
    "private",
    "sh",
    join(import.meta.dirname, "machine.sh"),
    directory,
    repository,
    options.root ?? "/",
    options.disk ?? "1g",
    mark
  ])
  const [, pid = "", keeper = ""] = (await machine.line()).split(" ")

  const platform = startPlatform(pid, options.transcript ?? join(directory, "transcript.jsonl"))
  const entrance = { pid, namespaces, mark }

  const host = hostOf({
    execute: (command, how) => runIn(entrance, command, how),
    platform,
    reboot: async (vmId) => {
      await host.shell(rebooting.replace("KEEPER", keeper))
      if (vmId !== undefined) changeProductUuid(directory, vmId)
    },
    stop: machine.stop
  })
  try {
    await platform.play(options.playbook)
  } catch (error) {
    await host.stop()
    throw error
  }
  return { ...host, attach: (command) => runAttached(entrance, command) }
}

/**
 * Everything but the first process and the one that it waits for is killed; then what a kernel does not keep is gone.
 */
const rebooting = `
for process in /proc/[0-9]*; do
  process=\${process#/proc/}
  case $process in 1 | KEEPER | $$) ;; *) kill -KILL "$process" 2>/dev/null ;; esac
done
while mountpoint -q /run/azure-init/media; do umount /run/azure-init/media; done
find /run /tmp -mindepth 1 -maxdepth 1 ! -name disc ! -name mount.udf.log -exec rm -rf {} +
mkdir /run/lock /run/sshd
hostname "$(cat /etc/hostname)"
`
