/** Every kind of machine that runs here, as one: run this command on a fresh one, and show what is left. */
import type { Outcome } from "../../../fabric/host.ts"
import { type Host, start } from "../../../fabric/host.ts"
import type { Playbook } from "../../../fabric/playbook.ts"
import type { TranscriptEntry } from "../../../fabric/transcript.ts"
import { startNspawn } from "./nspawn.ts"
import { root, suites } from "./roots.ts"
import { onUml } from "./uml.ts"

/** What the machine finds. */
export interface FreshOptions {
  readonly playbook: Playbook
  /** As Azure prints it. */
  readonly vmId: string
  /** The `ovf-env.xml` of the provisioning disc. */
  readonly disc: string
}

/** The machine after the command. */
export interface Seen {
  readonly status: number
  readonly output: string
  readonly transcript: ReadonlyArray<TranscriptEntry>
  /** The table of mounts. */
  readonly mounts: string
  readonly hostname: string
  /**
   * A file or directory: mode and owner (`600 1000:1000`) in the first line, then a file's text; `undefined` when there
   * is none.
   */
  readonly file: (path: string) => Promise<string | undefined>
}

/** A kind of machine. */
export interface Kind {
  readonly name: string
  /** Whether the machine sees this repository's Node, and has the libraries that it needs. */
  readonly hasNode: boolean
  /** Runs a command of sh on a fresh machine, hands over what is left of it, and leaves nothing. */
  readonly boot: (options: FreshOptions, command: string, look: (seen: Seen) => Promise<void>) => Promise<void>
}

const seenOn = async (host: Host, ended: Outcome): Promise<Seen> => ({
  status: ended.status,
  output: ended.stdout + ended.stderr,
  transcript: host.transcript(),
  mounts: await host.shell("cat /proc/self/mounts"),
  hostname: (await host.shell("hostname")).trim(),
  file: async (path) => {
    const found = await host.run([
      "sh",
      "-c",
      "stat -c '%a %u:%g' \"$1\" && { [ ! -f \"$1\" ] || cat \"$1\"; }",
      "file",
      `/${path}`
    ])
    return found.status === 0 ? found.stdout : undefined
  }
})

/** A kind of which commands can be run from outside. */
const entered = (name: string, make: (options: FreshOptions) => Promise<Host>): Kind => ({
  name,
  hasNode: true,
  boot: async (options, command, look) => {
    const host = await make(options)
    try {
      await look(await seenOn(host, await host.run(["sh", "-c", command])))
    } finally {
      await host.stop()
    }
  }
})

/** See {@link Kind}. The emulated VM is slower by far, and has tests of its own in test/vm. */
export const kinds: ReadonlyArray<Kind> = [
  entered("an overlay of this machine's root", start),
  ...suites.map((suite) => entered(`an overlay of ${suite}`, (options) => start({ ...options, root: root(suite) }))),
  ...suites.map((suite) => entered(`systemd of ${suite}`, (options) => startNspawn({ ...options, suite }))),
  {
    name: "a kernel of its own on bookworm",
    hasNode: false,
    boot: (options, command, look) =>
      onUml(options, command, 1, async ({ boots, written }) => {
        const [boot] = boots
        if (boot === undefined) throw new Error("There is one boot")
        await look({
          ...boot,
          mounts: boot.said("mounts"),
          hostname: boot.said("hostname").trim(),
          file: (path) => Promise.resolve(written(path))
        })
      })
  }
]
