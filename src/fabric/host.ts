/** A throw-away machine on which an agent boots as on Azure: see machine.sh for how it is made. */
import { spawn, spawnSync } from "node:child_process"
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs"
import { constants, tmpdir } from "node:os"
import { join } from "node:path"
import type { Readable } from "node:stream"
import { companion } from "./companion.ts"
import { writeDiscImage } from "./discImage.ts"
import { startPlatform } from "./platformProcess.ts"
import type { Playbook } from "./playbook.ts"
import type { TranscriptEntry } from "./transcript.ts"

export type { TranscriptEntry } from "./transcript.ts"

/** The repository's directory, which the machine sees at the same place, read-only. */
export const repository = join(import.meta.dirname, "../..")

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
}

/** How a command on the host ended. */
export interface Outcome {
  /** The exit status; 128 and the signal's number for one that was killed, as a shell has it. */
  readonly status: number
  /** From its start to its end, with the 5 ms or so that entering the machine takes. */
  readonly milliseconds: number
  readonly stdout: string
  readonly stderr: string
}

/** How {@link Host.run} runs a command. */
export interface RunOptions {
  /** In addition to `PATH`, `HOME` and `LANG=C`. */
  readonly environment?: Readonly<Record<string, string>>
  readonly input?: string
}

/** A machine, its platform and the commands on it. */
export interface Host {
  /** Runs a command as root in `/`, to its end. */
  readonly run: (command: ReadonlyArray<string>, options?: RunOptions) => Promise<Outcome>
  /** Runs a script of sh; rejects when its status is not 0. Gives back standard output. */
  readonly shell: (script: string, input?: string) => Promise<string>
  /** Writes a file, its directory too, owner root. */
  readonly write: (path: string, content: string, mode?: string) => Promise<void>
  /** The file's bytes; rejects when there is none. */
  readonly read: (path: string) => Promise<Uint8Array>
  /** The platform does this from now on, from the beginning. */
  readonly play: (playbook: Playbook) => Promise<void>
  /** What the platform has been asked since the start or the last {@link Host.forget}, oldest first. */
  readonly transcript: () => ReadonlyArray<TranscriptEntry>
  /** Begins a new transcript. */
  readonly forget: () => void
  /** All processes end at once, `/run` and `/tmp` are empty; with another VM id, it is a clone of this machine that boots. */
  readonly reboot: (vmId?: string) => Promise<void>
  /** Ends everything on the machine, and leaves nothing of it. */
  readonly stop: () => Promise<void>
}

const namespaces = ["--mount", "--uts", "--ipc", "--net", "--pid"]

const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

const collect = (stream: Readable): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const parts: Array<Buffer> = []
    stream.on("data", (part: Buffer) => parts.push(part)).on("end", () => resolve(Buffer.concat(parts)))
      .on("error", reject)
  })

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
  const tried = spawnSync("unshare", [...namespaces, "--fork", "mount", "-t", "tmpfs", "try", "/mnt"], {
    encoding: "utf8"
  })
  return tried.status === 0
    ? []
    : [
      `Namespaces and mounts are not permitted here (${tried.stderr.trim()}): start the container with --privileged, or use a virtual machine.`
    ]
}

const write = (file: string, content: string): void => {
  mkdirSync(join(file, ".."), { recursive: true })
  writeFileSync(file, content)
}

/** What machine.sh wants to find in its directory. */
const prepare = async (directory: string, { disc, vmId }: HostOptions): Promise<void> => {
  writeFileSync(join(directory, "efi"), "")
  write(join(directory, "sys/class/dmi/id/product_uuid"), `${vmId ?? "9f1c7c3e-5a40-4b7e-9d0b-0f6f2c9a7e11"}\n`)
  write(join(directory, "sys/class/dmi/id/chassis_asset_tag"), "7783-7084-3265-9085-8269-3286-77\n")
  mkdirSync(join(directory, "sys/block"))
  if (disc === undefined) return
  // TYPE_ROM of SCSI, as the kernel shows it for an optical drive.
  write(join(directory, "sys/block/sr0/device/type"), "5\n")
  write(join(directory, "disc/ovf-env.xml"), disc)
  await writeDiscImage(join(directory, "disc.img"), disc)
}

/**
 * Starts a machine and its platform. The machine is a copy-on-write view of a root with fresh state, both of Azure's addresses on
 * its loopback interface and no other network, Azure's DMI, the KVP pool's directory, and `/dev/sr0` when there is a disc. It ends with
 * {@link Host.stop}, or with this process. Below `/.written` it shows what has been written to its disk.
 */
export const start = async (options: HostOptions): Promise<Host> => {
  const lacking = obstacles({ disc: options.disc !== undefined })
  if (lacking.length > 0) throw new Error(lacking.join(" "))
  const directory = mkdtempSync(join(tmpdir(), "azure-fabric-"))
  const uuid = join(directory, "sys/class/dmi/id/product_uuid")
  try {
    await prepare(directory, options)
  } catch (error) {
    rmSync(directory, { recursive: true, force: true })
    throw error
  }
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
    options.disk ?? "1g"
  ])
  const [, pid = "", keeper = ""] = (await machine.line()).split(" ")

  const platform = startPlatform(pid, join(directory, "transcript.jsonl"))

  const execute = async (command: ReadonlyArray<string>, { environment, input }: RunOptions = {}) => {
    const began = performance.now()
    const child = spawn("nsenter", ["--target", pid, ...namespaces, "--", ...command], {
      env: { PATH: path, HOME: "/root", LANG: "C", ...environment },
      stdio: ["pipe", "pipe", "pipe"]
    })
    child.stdin.on("error", () => {})
    child.stdin.end(input)
    const ended = new Promise<number>((resolve, reject) => {
      child.on("error", reject).on(
        "close",
        (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]))
      )
    })
    const [stdout, stderr, status] = await Promise.all([collect(child.stdout), collect(child.stderr), ended])
    return { status, milliseconds: performance.now() - began, stdout, stderr }
  }
  const run = async (command: ReadonlyArray<string>, how?: RunOptions): Promise<Outcome> => {
    const { stderr, stdout, ...rest } = await execute(command, how)
    return { ...rest, stdout: stdout.toString("utf8"), stderr: stderr.toString("utf8") }
  }
  const checked = async (command: ReadonlyArray<string>, how?: RunOptions) => {
    const ended = await execute(command, how)
    if (ended.status !== 0) {
      throw new Error(`${command.join(" ")}: status ${ended.status}: ${ended.stderr.toString("utf8")}`)
    }
    return ended.stdout
  }
  const stop = async () => {
    await platform.stop()
    await machine.stop()
  }

  try {
    await platform.play(options.playbook)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    run,
    shell: async (script, input) =>
      (await checked(["sh", "-c", script], input === undefined ? {} : { input })).toString("utf8"),
    write: async (file, content, mode = "0644") => {
      await checked([
        "sh",
        "-c",
        "mkdir -p \"$(dirname \"$1\")\" && cat >\"$1\" && chmod \"$2\" \"$1\"",
        "write",
        file,
        mode
      ], {
        input: content
      })
    },
    read: async (file) => await checked(["cat", "--", file]),
    play: platform.play,
    transcript: platform.transcript,
    forget: platform.forget,
    reboot: async (vmId) => {
      await checked(["sh", "-c", rebooting, "reboot", keeper])
      // In place: what the machine's overlay shows is this very file.
      if (vmId !== undefined) {
        const file = openSync(uuid, "r+")
        writeFileSync(file, `${vmId}\n`)
        closeSync(file)
      }
    },
    stop
  }
}

/** Everything but the first process and the one that it waits for is killed; then what a kernel does not keep is gone. */
const rebooting = `
for process in /proc/[0-9]*; do
  process=\${process#/proc/}
  case $process in 1 | "$1" | $$) ;; *) kill -KILL "$process" 2>/dev/null ;; esac
done
while mountpoint -q /run/azure-init/media; do umount /run/azure-init/media; done
find /run /tmp -mindepth 1 -maxdepth 1 ! -name disc ! -name mount.udf.log -exec rm -rf {} +
mkdir /run/lock /run/sshd
hostname "$(cat /etc/hostname)"
`
