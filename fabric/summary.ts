import type { TranscriptEntry } from "./transcript.ts"

const row = ({ answered, endpoint, method, misbehaved, target }: TranscriptEntry): string =>
  `${endpoint.padEnd(13)} ${method.padEnd(4)} ${String(answered).padEnd(7)} ${
    (misbehaved ?? "").padEnd(14)
  } ${target}\n`

/** What the platform was asked, for people: a line for each request. */
export const summary = (entries: ReadonlyArray<TranscriptEntry>): string =>
  entries.length === 0
    ? "azure-fabric: no request\n"
    : `azure-fabric: ${entries.length === 1 ? "1 request" : `${entries.length} requests`}\n${entries.map(row).join("")}`
