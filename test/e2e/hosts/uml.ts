/** A machine with a kernel of its own and a real udf driver, User-mode Linux: see uml.sh for how it is made. */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { writeDiscImage } from "../../../fabric/discImage.ts"
import { writeHardware } from "../../../fabric/hardware.ts"
import { agents, repository } from "../../../fabric/host.ts"
import type { Playbook } from "../../../fabric/playbook.ts"
import { decodeAll, type TranscriptEntry } from "../../../fabric/transcript.ts"
import { swapByteOrder } from "../../../src/domain/VmId.ts"
import { root, tools } from "./roots.ts"

/** What the machine finds. */
export interface UmlOptions {
  readonly playbook: Playbook
  /** As Azure prints it. */
  readonly vmId: string
  /** The `ovf-env.xml` of the provisioning disc. */
  readonly disc: string
  /** Files of the machine, by their path. */
  readonly files?: Readonly<Record<string, string>>
}

/** One boot of the machine. */
export interface UmlBoot {
  /** Of the command, and what it printed. */
  readonly status: number
  readonly output: string
  readonly transcript: ReadonlyArray<TranscriptEntry>
  /** What the machine says at the end, by the names of `uml-init.sh`: `mounts`, `hostname`, `id`, `passwd`, `log`. */
  readonly said: (name: string) => string
}

/** The machine after its last boot. */
export interface UmlMachine {
  readonly boots: ReadonlyArray<UmlBoot>
  /**
   * A file that was written: kind, mode and owner as `stat` has them in the first line, then its text; `undefined` when
   * there is none.
   */
  readonly written: (path: string) => string | undefined
}

const write = (file: string, text: string, mode = 0o644): void => {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text, { mode })
}

/**
 * Runs a command of sh as the first process of the machine, at each of so many boots, and hands over what is left of it
 * to the test.
 */
export const onUml = async (
  options: UmlOptions,
  command: string,
  boots: number,
  test: (machine: UmlMachine) => Promise<void> | void
): Promise<void> => {
  const directory = mkdtempSync(join(tmpdir(), "azure-fabric-uml-"))
  try {
    const machine = join(directory, "machine")
    const uml = join(machine, "uml")
    // Without UEFI, as generation 1 is, whose firmware has the other byte order.
    await writeHardware(uml, swapByteOrder(options.vmId), undefined)
    write(join(machine, "var/lib/hyperv/.kvp_pool_1"), "")
    for (const [path, text] of Object.entries(options.files ?? {})) write(join(machine, path), text, 0o755)
    write(join(uml, "init"), readFileSync(join(import.meta.dirname, "uml-init.sh"), "utf8"), 0o755)
    write(join(uml, "playbook"), `${JSON.stringify(options.playbook)}\n`)
    write(join(uml, "command"), command)
    write(join(uml, "node"), agents.bundle[0])
    write(join(uml, "fabric"), join(repository, "fabric/main.ts"))
    await writeDiscImage(join(directory, "disc.iso"), options.disc)
    const programs = tools()
    const ended = spawnSync(
      "unshare",
      [
        "--mount",
        "--uts",
        "--ipc",
        "--net",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "--propagation",
        "private",
        "sh",
        join(import.meta.dirname, "uml.sh"),
        join(programs, "usr/bin/linux.uml"),
        join(programs, "usr/lib/uml/modules"),
        root("bookworm"),
        repository,
        directory,
        String(boots)
      ],
      { encoding: "utf8" }
    )
    if (ended.status !== 0) throw new Error(`uml.sh: status ${ended.status}: ${ended.stderr}`)

    const boot = (number: number): UmlBoot => {
      const said = (name: string) => {
        const file = join(directory, "results", String(number), name)
        return existsSync(file) ? readFileSync(file, "utf8") : ""
      }
      if (said("status") === "") throw new Error(`Boot ${number} did not get to the command: ${said("log")}`)
      return { status: Number(said("status")), output: said("output"), transcript: decodeAll(said("transcript")), said }
    }
    await test({
      boots: Array.from({ length: boots }, (_, index) => boot(index + 1)),
      written: (path) => {
        const file = join(directory, "written", path)
        if (!existsSync(file)) return undefined
        const { gid, mode, uid } = statSync(file)
        const status = `${(mode & 0o7777).toString(8)} ${uid}:${gid}\n`
        return statSync(file).isFile() ? status + readFileSync(file, "utf8") : status
      }
    })
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
