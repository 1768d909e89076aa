/** Debian roots of the hosts, and the programs that run some of them, made once and kept outside of the repository. */
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"

/** Debian's names of the releases that the hosts know: 12 and 13. */
export const suites = ["bookworm", "trixie"] as const

/** One of {@link suites}. */
export type Suite = typeof suites[number]

/**
 * Where roots and images are kept from one run to the next: `$AZURE_INIT_TEST_CACHE`, `~/.cache/azure-init-test`
 * without it.
 */
export const cache = process.env["AZURE_INIT_TEST_CACHE"] ?? join(homedir(), ".cache/azure-init-test")

/**
 * The directory that a script makes, called as `sh SCRIPT ...args DIRECTORY`, unless it is there. Its name has a hash
 * of the script, so that another recipe makes another directory. Throws with what the script complained of.
 */
export const made = (name: string, script: string, ...args: ReadonlyArray<string>): string => {
  const file = join(import.meta.dirname, script)
  const key = createHash("sha256").update(readFileSync(file)).digest("hex").slice(0, 16)
  const directory = join(cache, `${name}-${key}`)
  const ended = spawnSync("sh", [file, ...args, directory], { encoding: "utf8" })
  if (ended.status !== 0) throw new Error(`${script} ${args.join(" ")}: ${ended.error?.message ?? ended.stderr}`)
  return directory
}

/**
 * The directory of a Debian root with systemd, sshd, sudo and what else a cloud image has; neither a kernel nor the
 * agent is in it. It belongs to all tests, which must not write there. Making it needs root, debootstrap and a Debian
 * mirror, and takes up to a minute.
 */
export const root = (suite: Suite): string => made(`root-${suite}`, "root.sh", suite)

/**
 * The directory with the unpacked packages that run hosts, made to run on bookworm's libraries: systemd-container and
 * user-mode-linux. Nothing of it is installed on this machine.
 */
export const tools = (): string => made("tools", "tools.sh", root("bookworm"))
