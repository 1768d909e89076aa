import * as Result from "effect/Result"
import { appendFileSync } from "node:fs"
import { createInterface } from "node:readline"
import { wayOut } from "./network.ts"
import { addresses, type Place } from "./platform.ts"
import { decode } from "./playbook.ts"
import { azure, type Fabric, type Listen, startFabric } from "./server.ts"
import { encode, type TranscriptEntry } from "./transcript.ts"

/** Appends requests to a file, one line of JSON for each. */
export const recorder = (file: string) => (entry: TranscriptEntry): void => appendFileSync(file, `${encode(entry)}\n`)

/**
 * What speaks against being the platform there: Azure's own addresses are for network namespaces from which the real
 * one can't be reached, and so is DHCP.
 */
export const objectionTo = (listens: Readonly<Record<Place, Listen>>, dhcp = false): string | undefined => {
  const own: ReadonlyArray<string> = Object.values(addresses)
  if (!dhcp && !Object.values(listens).some(({ host }) => own.includes(host))) return undefined
  const interfaceName = wayOut()
  return interfaceName === undefined
    ? undefined
    : `refusing to start: this network namespace has the interface ${interfaceName}, behind which a real Azure may be; start it with unshare --net`
}

/**
 * Takes playbooks from standard input, line by line, and answers each with `ready` or `refused:` and why; ends with
 * standard input.
 */
export const obey = async (fabric: Fabric): Promise<void> => {
  for await (const line of createInterface({ input: process.stdin })) {
    const decoded = decode(line)
    const refusal = Result.isFailure(decoded)
      ? decoded.failure
      : await fabric.play(decoded.success).then(
        () => undefined,
        (error: unknown) => error instanceof Error ? error.message : String(error)
      )
    process.stdout.write(refusal === undefined ? "ready\n" : `refused: ${refusal.replaceAll("\n", " ")}\n`)
  }
}

/** The platform that a program scripts, see main.ts; gives back the exit status. */
export const control = async (transcript: string): Promise<number> => {
  const objection = objectionTo(azure)
  if (objection !== undefined) throw new Error(objection)
  await obey(await startFabric(azure, recorder(transcript)))
  return 0
}
