/** Who is measured, and what each needs of a machine. */
import { statSync } from "node:fs"
import { join } from "node:path"
import { repository } from "../fabric/host.ts"
import type { TranscriptEntry } from "../fabric/transcript.ts"

/** One agent. */
export interface Agent {
  readonly name: string
  /** What a boot runs, on the machine. */
  readonly command: ReadonlyArray<string>
  /** In addition to the environment of a machine's commands. */
  readonly environment: Readonly<Record<string, string>>
  /** A script of sh, run in the directory of the machine's root before it starts. */
  readonly prepare: string
  /** A script of sh, run on the machine before the boot is measured. */
  readonly before: string
  /** Whether this request says that the VM is ready. */
  readonly isReady: (entry: TranscriptEntry) => boolean
  /** MiB of the executable, `undefined` for what consists of many files. */
  readonly size: number | undefined
  /** Whether the command ends when it has provisioned; one that does not is ended after Ready. */
  readonly ends: boolean
  /** Whether it has `azure-init --version`, markers and settings as azure-init does. */
  readonly azureInit: boolean
}

const ready = ({ answered, body, endpoint }: TranscriptEntry): boolean =>
  endpoint === "health" && body.includes("\"Ready\"") && answered === 200

const legacyReady = ({ body, endpoint }: TranscriptEntry): boolean =>
  endpoint === "legacy_health" && body.includes("<State>Ready</State>")

const mebibytes = (file: string): number | undefined => {
  const status = statSync(file, { throwIfNoEntry: false })
  return status === undefined ? undefined : status.size / 1024 / 1024
}

/** An agent that is one executable and understands azure-init's command line; `file` is a path on this machine. */
export const azureInit = (name: string, file: string, interpreter: ReadonlyArray<string> = []): Agent => {
  // A machine sees the repository; whatever lies elsewhere is copied into its root.
  const outside = !file.startsWith(`${repository}/`)
  const at = outside ? `/opt/bench/${name.replaceAll(/[^A-Za-z0-9.-]/g, "-")}` : file
  return {
    name,
    command: [...interpreter, at],
    environment: { AZURE_INIT_USER_GROUPS: "adm,sudo" },
    prepare: outside ? `install -D -m 0755 '${file}' '.${at}'` : "",
    before: "",
    isReady: ready,
    size: mebibytes(file),
    ends: true,
    azureInit: true
  }
}

const node = join(repository, "node_modules/.bin/node")

/** Our executable, our bundle on Node, and the Node that runs it. */
export const ours = {
  node,
  executable: azureInit("azure-init, executable", join(repository, "dist/azure-init")),
  bundle: azureInit("azure-init.mjs on Node", join(repository, "dist/azure-init.mjs"), [node])
}

/**
 * cloud-init's stages one after the other, as its units run them; it says Ready in the first, before there is an
 * account.
 */
const cloudInit: Agent = {
  name: "cloud-init (Debian 13)",
  command: [
    "sh",
    "-c",
    "cloud-init init --local; cloud-init init; cloud-init modules --mode=config; cloud-init modules --mode=final"
  ],
  environment: {},
  prepare: "",
  // It looks for the interface that IMDS names, and wants to configure it itself.
  before:
    "ip address flush dev eth0; ip link set eth0 down; ip link set eth0 address 00:0d:3a:11:22:33; ip link set eth0 up",
  isReady: legacyReady,
  size: undefined,
  ends: true,
  azureInit: false
}

/** WALinuxAgent's daemon, which goes on for ever. */
const waagent: Agent = {
  name: "WALinuxAgent (Debian 13)",
  command: ["/usr/sbin/waagent", "-daemon"],
  environment: {},
  prepare: "",
  before: "",
  isReady: legacyReady,
  size: undefined,
  ends: false,
  azureInit: false
}

/** The agents of Debian's archive, which the benchmark's root has installed. */
export const peers: ReadonlyArray<Agent> = [cloudInit, waagent]
