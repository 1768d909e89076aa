/** A machine whose first process is systemd, behind a network cable: see nspawn.sh for how it is made. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { companion } from "../../../fabric/companion.ts"
import { changeProductUuid, writeHardware } from "../../../fabric/hardware.ts"
import { type Host, type HostOptions, type Outcome, repository } from "../../../fabric/host.ts"
import { hostOf, newMark, runIn, runOnNetworkOf } from "../../../fabric/hostOf.ts"
import type { KeyPair } from "../../../fabric/login.ts"
import { startPlatform } from "../../../fabric/platformProcess.ts"
import { swapByteOrder } from "../../../src/domain/VmId.ts"
import { root, type Suite, tools } from "./roots.ts"

/** What {@link startNspawn} builds. */
export interface NspawnOptions extends Pick<HostOptions, "playbook" | "disc"> {
  /** As Azure prints it. */
  readonly vmId: string
  readonly suite: Suite
  /** The directory of the machine's root file system; that of the suite when absent. */
  readonly image?: string
  /** A program that runs beside the platform, in its network, and ends when its standard input does. */
  readonly beside?: ReadonlyArray<string>
  /**
   * A script of sh that makes the image's own changes, run in the directory of the machine's root before it starts;
   * paths are relative.
   */
  readonly prepare?: string
}

/** A machine with systemd, and what is seen of it from outside. */
export interface NspawnHost extends Host {
  /** A login over the network with nothing but this key, as user at host; status 255 when it is refused. */
  readonly ssh: (username: string, key: KeyPair, command: string) => Promise<Outcome>
  /** What the machine has said on its console. */
  readonly console: () => string
}

const namespaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"]

/**
 * Where the machine's systemd gets its cgroups: of version 2, in a directory of their own, which is removed in the end.
 */
const cgroupRoot = existsSync("/sys/fs/cgroup/unified") ? "/sys/fs/cgroup/unified" : "/sys/fs/cgroup"

/** A VM id as the firmware of a machine that sees this one's `/sys` shows it: without UEFI, in the other byte order. */
const asFirmware = (vmId: string): string => existsSync("/sys/firmware/efi") ? vmId : swapByteOrder(vmId)

/** Starts a machine; its systemd answers when this resolves, its boot goes on. */
export const startNspawn = async (options: NspawnOptions): Promise<NspawnHost> => {
  const image = options.image ?? root(options.suite)
  const [programs, libraries] = [tools(), root("bookworm")]
  const directory = mkdtempSync(join(tmpdir(), "azure-host-"))
  try {
    await writeHardware(directory, asFirmware(options.vmId), options.disc)
  } catch (error) {
    rmSync(directory, { recursive: true, force: true })
    throw error
  }
  const cgroup = join(cgroupRoot, directory.replaceAll("/", "-").replace(/^-/, ""))
  mkdirSync(cgroup)
  writeFileSync(join(directory, "prepare"), options.prepare ?? "")
  const mark = newMark()
  const outside = companion("sh", [
    "-c",
    // The shell itself stays where it is, to remove what the others leave.
    `
    sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$@"
    status=$?
    find "$1" -depth -type d -exec rmdir {} +
    rm -rf -- "$0"
    exit $status`,
    directory,
    cgroup,
    "unshare",
    ...namespaces,
    "--fork",
    "--kill-child",
    "--propagation",
    "private",
    "sh",
    join(import.meta.dirname, "nspawn.sh"),
    directory,
    repository,
    image,
    programs,
    libraries,
    mark
  ])
  const [, pid = ""] = (await outside.line()).split(" ")
  const platform = startPlatform(pid, join(directory, "transcript.jsonl"))
  const beside = options.beside === undefined
    ? undefined
    : companion("nsenter", ["--target", pid, "--net", "--", ...options.beside])
  const stop = async () => {
    await beside?.stop()
    await outside.stop()
  }
  const console = () => readFileSync(join(directory, "console"), "utf8")

  let leader = ""
  const execute: Parameters<typeof hostOf>[0]["execute"] = (command, how) =>
    runIn({ pid: leader, namespaces, mark }, command, how)

  const boot = async () => {
    outside.say("boot")
    const [said, pid = ""] = (await outside.line()).split(" ")
    if (said !== "booted") throw new Error(`systemd-nspawn: ${console()}`)
    leader = pid
    for (let tries = 0; tries < 1000; tries++) {
      const { status } = await execute(["systemctl", "show", "--property=Version"], {})
      if (status === 0) return
      await sleep(20)
    }
    throw new Error(`no systemd after 20 s: ${console()}`)
  }
  try {
    await platform.play(options.playbook)
    await boot()
  } catch (error) {
    await platform.stop()
    await stop()
    throw error
  }
  return {
    ...hostOf({
      execute,
      platform,
      stop,
      reboot: async (vmId) => {
        await execute(["systemctl", "poweroff"], {})
        const said = await outside.line()
        if (said !== "off 0") throw new Error(`power off: ${said}: ${console()}`)
        if (vmId !== undefined) changeProductUuid(directory, asFirmware(vmId))
        await boot()
      }
    }),
    console,
    ssh: async (username, key, command) => {
      const began = performance.now()
      const file = join(directory, "key")
      writeFileSync(file, key.privateKey, { mode: 0o600 })
      const settings = [
        "BatchMode=yes",
        "IdentitiesOnly=yes",
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
        "LogLevel=ERROR",
        "ConnectTimeout=5"
      ].flatMap((setting) => ["-o", setting])
      const { status, stderr, stdout } = await runOnNetworkOf(pid, [
        "ssh",
        "-F",
        "none",
        "-i",
        file,
        ...settings,
        `${username}@10.0.0.4`,
        command
      ])
      return {
        status,
        milliseconds: performance.now() - began,
        stdout: stdout.toString("utf8"),
        stderr: stderr.toString("utf8")
      }
    }
  }
}
