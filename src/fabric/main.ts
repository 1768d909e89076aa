/**
 * An Azure platform for a network namespace: IMDS and WireServer on their real addresses.
 *
 *     node src/fabric/main.ts TRANSCRIPT
 *
 * Every line of standard input is a playbook (JSON, see playbook.ts) that is in force from then on, and answered by `ready` or `refused:` and what
 * is wrong with it. Every request becomes a line of the file TRANSCRIPT (JSON, see transcript.ts) before its answer goes out. The end
 * of standard input ends the program.
 */
import * as DateTime from "effect/DateTime"
import * as Result from "effect/Result"
import { appendFileSync, readFileSync } from "node:fs"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { createInterface } from "node:readline"
import { setTimeout as sleep } from "node:timers/promises"
import { addresses, answer, type Endpoint, type Received } from "./platform.ts"
import { type Answer, decode, type Playbook } from "./playbook.ts"
import { encode, type TranscriptEntry } from "./transcript.ts"

/** What a namespace without a way out may have; the tunnels are those that some kernels put into every new one, down. */
const harmless = /^(lo|veth.*|tap.*|tunl0|sit0|gre0|gretap0|erspan0|ip_vti0|ip6_vti0|ip6tnl0|ip6gre0)$/

const give = (problem: string): never => {
  process.stderr.write(`azure-fabric: ${problem}\n`)
  process.exit(1)
}

const transcript = process.argv[2] ?? give("usage: node src/fabric/main.ts TRANSCRIPT")

const interfaces = readFileSync("/proc/self/net/dev", "utf8").split("\n").slice(2)
  .map((line) => line.slice(0, Math.max(0, line.indexOf(":"))).trim()).filter((name) => name !== "")
const wayOut = interfaces.find((name) => !harmless.test(name))
if (wayOut !== undefined) {
  give(
    `refusing to start: this network namespace has the interface ${wayOut}, behind which a real Azure may be; start it with unshare --net`
  )
}

let playbook: Playbook | undefined
let answered: Record<Endpoint, number> = { imds: 0, health: 0 }

const read = async (request: IncomingMessage): Promise<string> => {
  const parts: Array<Buffer> = []
  for await (const part of request) parts.push(part)
  return Buffer.concat(parts).toString("utf8")
}

const pairs = (raw: ReadonlyArray<string>): ReadonlyArray<readonly [string, string]> =>
  raw.flatMap((name, index) => index % 2 === 0 ? [[name, raw[index + 1] ?? ""] as const] : [])

const serve = async (endpoint: Endpoint, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const arrived = DateTime.nowUnsafe()
  const received: Received = {
    endpoint,
    method: request.method ?? "",
    target: request.url ?? "",
    headers: pairs(request.rawHeaders),
    body: await read(request)
  }
  if (playbook === undefined) return void response.socket?.resetAndDestroy()
  const script = playbook[endpoint]
  const turn: Answer = script[Math.min(answered[endpoint]++, script.length - 1)] ?? {}
  const usual = answer(received, playbook.instance)
  const { body, headers, status } = { ...usual, ...turn }
  if (turn.delay_ms !== undefined) await sleep(turn.delay_ms)
  const entry: TranscriptEntry = {
    ...received,
    time: DateTime.formatIso(arrived),
    answered: turn.hang === true ? "hang" : turn.reset === true ? "reset" : status
  }
  appendFileSync(transcript, `${encode(entry)}\n`)
  if (turn.hang === true) return
  if (turn.reset === true) return void response.socket?.resetAndDestroy()
  response.writeHead(status, { "content-length": Buffer.byteLength(body), ...headers }).end(body)
}

const listen = (endpoint: Endpoint): void => {
  const server = createServer((request, response) => {
    // A client that has gone away is none of our business.
    serve(endpoint, request, response).catch(() => response.destroy())
  })
  server.on("error", (error) => give(`cannot listen on ${addresses[endpoint]}: ${error.message}`))
  server.listen(80, addresses[endpoint])
}

listen("imds")
listen("health")

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const decoded = decode(line)
    if (Result.isSuccess(decoded)) {
      playbook = decoded.success
      answered = { imds: 0, health: 0 }
    }
    process.stdout.write(Result.isSuccess(decoded) ? "ready\n" : `refused: ${decoded.failure}\n`)
  })
  .on("close", () => process.exit(0))
