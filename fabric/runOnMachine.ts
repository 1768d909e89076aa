/** `azure-fabric run --machine`: the command of a user on a throw-away machine of this one's files. */
import { existsSync, writeFileSync } from "node:fs"
import { resolve } from "node:path"
import { ovfEnvironment } from "./disc.ts"
import { start } from "./host.ts"
import type { Playbook } from "./playbook.ts"
import { summary } from "./summary.ts"

/** Begins in the directory of `$0` where the machine has it: /tmp and /run are the machine's own. */
const inDirectory = "cd -- \"$0\" 2>/dev/null || cd /; exec \"$@\""

/**
 * Runs a command on a machine with this platform, and with a provisioning disc where genisoimage can make one; gives
 * back its exit status. Every request becomes a line of the file `transcript`. Rejects with what keeps a machine from
 * being made here.
 */
export const runOnMachine = async (
  playbook: Playbook,
  command: ReadonlyArray<string>,
  transcript: string | undefined
): Promise<number> => {
  const file = transcript === undefined ? undefined : resolve(transcript)
  if (file !== undefined) writeFileSync(file, "")
  const disc = existsSync("/usr/bin/genisoimage") ? ovfEnvironment(playbook.instance) : undefined
  const host = await start({ playbook, disc, ...(file === undefined ? {} : { transcript: file }) })
  try {
    const status = await host.attach(["sh", "-c", inDirectory, process.cwd(), ...command])
    process.stderr.write(summary(host.transcript()))
    return status
  } finally {
    await host.stop()
  }
}
