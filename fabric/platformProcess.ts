import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { companion } from "./companion.ts"
import type { Playbook } from "./playbook.ts"
import { decodeAll, type TranscriptEntry } from "./transcript.ts"

/** An Azure platform in a network namespace that has both of its addresses. */
export interface Platform {
  /** It does this from now on, from the beginning; rejects when it refuses the playbook. */
  readonly play: (playbook: Playbook) => Promise<void>
  /** What it has been asked since the start or the last {@link Platform.forget}, oldest first. */
  readonly transcript: () => ReadonlyArray<TranscriptEntry>
  /** Begins a new transcript. */
  readonly forget: () => void
  readonly stop: () => Promise<void>
}

/**
 * Starts a platform in the network namespace of the process `pid`; it answers nobody before its first playbook.
 * `transcript` is a file to make.
 */
export const startPlatform = (pid: string, transcript: string): Platform => {
  writeFileSync(transcript, "")
  const program = companion("nsenter", [
    "--target",
    pid,
    "--net",
    process.execPath,
    join(import.meta.dirname, "main.ts"),
    transcript
  ])
  return {
    play: async (playbook) => {
      program.say(JSON.stringify(playbook))
      const told = await program.line()
      if (told !== "ready") throw new Error(`The platform does not take the playbook: ${told}`)
    },
    transcript: () => decodeAll(readFileSync(transcript, "utf8")),
    forget: () => writeFileSync(transcript, ""),
    stop: program.stop
  }
}
