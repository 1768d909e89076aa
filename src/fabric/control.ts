import * as Result from "effect/Result"
import { appendFileSync } from "node:fs"
import { createInterface } from "node:readline"
import { wayOut } from "./network.ts"
import { addresses, type Place } from "./platform.ts"
import { decode } from "./playbook.ts"
import { azure, type Fabric, type Listen, startFabric } from "./server.ts"
import { encode, type TranscriptEntry } from "./transcript.ts"

/** Says what is wrong and ends the program. */
export const give = (problem: string): never => {
  process.stderr.write(`azure-fabric: ${problem}\n`)
  process.exit(1)
}

/** Appends requests to a file, one line of JSON for each. */
export const recorder = (file: string) => (entry: TranscriptEntry): void => appendFileSync(file, `${encode(entry)}\n`)

/** What speaks against listening there: Azure's own addresses are for namespaces from which the real one can't be reached. */
export const objectionTo = (listens: Readonly<Record<Place, Listen>>): string | undefined => {
  const own: ReadonlyArray<string> = Object.values(addresses)
  if (!Object.values(listens).some(({ host }) => own.includes(host))) return undefined
  const interfaceName = wayOut()
  return interfaceName === undefined
    ? undefined
    : `refusing to start: this network namespace has the interface ${interfaceName}, behind which a real Azure may be; start it with unshare --net`
}

/** Takes playbooks from standard input, line by line, and answers each with `ready` or `refused:` and why; ends with standard input. */
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

/** The platform that a program scripts, see main.ts. */
export const control = async (transcript: string): Promise<void> => {
  const objection = objectionTo(azure)
  if (objection !== undefined) give(objection)
  const fabric = await startFabric(azure, recorder(transcript)).catch((error: unknown) =>
    give(error instanceof Error ? error.message : String(error))
  )
  await obey(fabric)
  process.exit(0)
}
