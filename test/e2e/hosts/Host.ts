/** The kinds of machine that a first boot is tried on. All are a {@link Host}: what is run on one and seen on one is the same for all. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { constants, tmpdir } from "node:os"
import { join } from "node:path"
import type { Readable } from "node:stream"
import { writeDiscImage } from "../../../src/fabric/discImage.ts"
import type { Host, RunOptions } from "../../../src/fabric/host.ts"
import type { Platform } from "../../../src/fabric/platformProcess.ts"
import type { Playbook } from "../../../src/fabric/playbook.ts"

/** What every kind of machine is made of. */
export interface MachineOptions {
  readonly playbook: Playbook
  /** As Azure prints it. */
  readonly vmId: string
  /** The `ovf-env.xml` of the provisioning disc; no disc without it. */
  readonly disc?: string
}

/** The environment of commands on a machine. */
export const environment = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  HOME: "/root",
  LANG: "C"
}

/** How a command ended, with its output as it came. */
export interface Ended {
  /** The exit status; 128 and the signal's number for one that was killed, as a shell has it. */
  readonly status: number
  readonly stdout: Buffer
  readonly stderr: Buffer
}

/** What a kind of machine brings along; {@link hostOf} makes a {@link Host} of it. */
export interface Machine {
  readonly execute: (command: ReadonlyArray<string>, options: RunOptions) => Promise<Ended>
  readonly platform: Platform
  readonly reboot: Host["reboot"]
  /** Ends the machine, when the platform has ended. */
  readonly stop: () => Promise<void>
}

/** Everything that has been written to a stream, when it has ended. */
export const collect = (stream: Readable): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const parts: Array<Buffer> = []
    stream.on("data", (part: Buffer) => parts.push(part)).on("end", () => resolve(Buffer.concat(parts)))
      .on("error", reject)
  })

/** The status of a shell for how a child of this process ended. */
export const statusOf = (code: number | null, signal: NodeJS.Signals | null): number =>
  code ?? 128 + (signal === null ? 0 : constants.signals[signal])

/** A host on this machine. */
export const hostOf = ({ execute, platform, reboot, stop }: Machine): Host => {
  const checked = async (command: ReadonlyArray<string>, input?: string): Promise<Buffer> => {
    const { status, stderr, stdout } = await execute(command, input === undefined ? {} : { input })
    if (status !== 0) throw new Error(`${command.join(" ")}: status ${status}: ${stderr.toString("utf8")}`)
    return stdout
  }
  return {
    run: async (command, options = {}) => {
      const began = performance.now()
      const { status, stderr, stdout } = await execute(command, options)
      return {
        status,
        milliseconds: performance.now() - began,
        stdout: stdout.toString("utf8"),
        stderr: stderr.toString("utf8")
      }
    },
    shell: async (script, input) => (await checked(["sh", "-c", script], input)).toString("utf8"),
    write: async (file, content, mode = "0644") => {
      const script = "mkdir -p \"$(dirname \"$1\")\" && cat >\"$1\" && chmod \"$2\" \"$1\""
      await checked(["sh", "-c", script, "write", file, mode], content)
    },
    read: (file) => checked(["cat", "--", file]),
    play: platform.play,
    transcript: platform.transcript,
    forget: platform.forget,
    reboot,
    stop: async () => {
      await platform.stop()
      await stop()
    }
  }
}

const write = (file: string, content: string): void => {
  mkdirSync(join(file, ".."), { recursive: true })
  writeFileSync(file, content)
}

/** A VM id as the firmware of a machine without UEFI shows it: the first three groups in the other byte order (Azure's generation 1). */
export const asOldFirmware = (vmId: string): string =>
  vmId.split("-").map((group, index) => index < 3 ? group.match(/../g)?.toReversed().join("") : group).join("-")

/** A VM id as the firmware of a machine that sees this one's `/sys` shows it. */
export const asFirmware = (vmId: string): string => existsSync("/sys/firmware/efi") ? vmId : asOldFirmware(vmId)

/**
 * What Azure gives a machine besides its network, in a new directory: `sys/`, to be laid over `/sys/class` and `/sys/block`, and, with a disc,
 * `disc.img` and its content in `disc/`.
 */
export const azureOf = async ({ disc, vmId }: MachineOptions): Promise<string> => {
  const directory = mkdtempSync(join(tmpdir(), "azure-host-"))
  try {
    write(uuidFile(directory), `${asFirmware(vmId)}\n`)
    write(join(directory, "sys/class/dmi/id/chassis_asset_tag"), "7783-7084-3265-9085-8269-3286-77\n")
    mkdirSync(join(directory, "sys/block"))
    if (disc === undefined) return directory
    // TYPE_ROM of SCSI, as the kernel shows it for an optical drive.
    write(join(directory, "sys/block/sr0/device/type"), "5\n")
    write(join(directory, "disc/ovf-env.xml"), disc)
    await writeDiscImage(join(directory, "disc.img"), disc)
    return directory
  } catch (error) {
    rmSync(directory, { recursive: true, force: true })
    throw error
  }
}

/** The file of the VM id, below a directory of {@link azureOf}. */
export const uuidFile = (directory: string): string => join(directory, "sys/class/dmi/id/product_uuid")
