/** How an answer goes out on a connection, well or badly. */
import type { ServerResponse } from "node:http"
import { setTimeout as sleep } from "node:timers/promises"
import { namedDocument } from "./documents.ts"
import type { Reply } from "./platform.ts"
import type { Answer, Instance } from "./playbook.ts"
import type { TranscriptEntry } from "./transcript.ts"

/** What has to be cut off or dripped needs to be there; most of WireServer's answers are empty. */
const standIn = "{\"comment\":\"Azure's own answer has no body\"}"

/**
 * Milliseconds before a reset in the body, so that what went before it is read and not thrown away with the connection.
 */
const pause = 50

/** The same noise each time, from a linear congruential generator (the constants of Numerical Recipes). */
const noise = (count: number): Buffer => {
  const bytes = Buffer.alloc(count)
  let state = 168_63
  for (let index = 0; index < count; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[index] = state >>> 24
  }
  return bytes
}

/** What goes out where a playbook's answer is laid over Azure's own. */
export const compose = (usual: Reply, answer: Answer, instance: Instance): Reply => {
  const document = answer.document === undefined ? undefined : namedDocument(answer.document, instance)
  const inBody = answer.hang === "body" || answer.reset === "body" || answer.truncate === true
    || answer.drip_ms !== undefined || answer.content_length !== undefined
  const said = answer.body ?? document?.body
  const body = said ?? (answer.redirect === undefined ? usual.body : "")
  const given = { ...document?.headers, ...(answer.redirect === undefined ? {} : { location: answer.redirect }) }
  const own = new Set(Object.keys(answer.headers ?? {}).map((name) => name.toLowerCase()))
  return {
    status: answer.status ?? (answer.redirect === undefined ? usual.status : 302),
    headers: {
      ...Object.fromEntries(Object.entries({ ...usual.headers, ...given }).filter(([name]) => !own.has(name))),
      ...answer.headers
    },
    body: inBody && said === undefined && body === "" ? standIn : body
  }
}

/** What a transcript says of an answer. */
export const outcome = (answer: Answer, status: number): Pick<TranscriptEntry, "answered" | "misbehaved"> => {
  if (answer.raw !== undefined) return { answered: "raw" }
  if (answer.garbage !== undefined) return { answered: "garbage" }
  if (answer.hang === "headers") return { answered: "hang" }
  if (answer.reset === "headers") return { answered: "reset" }
  const misbehaved = answer.hang === "body"
    ? "hang"
    : answer.reset === "body"
    ? "reset"
    : answer.truncate === true
    ? "truncate"
    : answer.drip_ms !== undefined
    ? "drip"
    : answer.content_length === undefined
    ? undefined
    : "content_length"
  return { answered: status, ...(misbehaved === undefined ? {} : { misbehaved }) }
}

/** Sends a reply in the way of the answer; ends when all is said, or the client has gone away. */
export const send = async (response: ServerResponse, reply: Reply, answer: Answer): Promise<void> => {
  const { socket } = response
  if (socket === null) return
  if (answer.hang === "headers") return
  if (answer.reset === "headers") return void socket.resetAndDestroy()
  if (answer.raw !== undefined) return void socket.end(Buffer.from(answer.raw, "latin1"))
  if (answer.garbage !== undefined) return void socket.end(noise(answer.garbage))

  const body = Buffer.from(reply.body)
  const chunked = Object.keys(reply.headers).some((name) => name.toLowerCase() === "transfer-encoding")
  response.writeHead(reply.status, {
    ...(chunked ? {} : { "content-length": answer.content_length ?? body.length }),
    ...(answer.content_length === undefined ? {} : { connection: "close" }),
    ...reply.headers
  })
  if (answer.drip_ms !== undefined) {
    response.flushHeaders()
    for (const byte of body) {
      await sleep(answer.drip_ms)
      if (socket.destroyed) return
      response.write(Buffer.of(byte))
    }
    return void response.end()
  }
  if (answer.hang !== "body" && answer.reset !== "body" && answer.truncate !== true) return void response.end(body)

  response.flushHeaders()
  await new Promise((resolve) => response.write(body.subarray(0, Math.floor(body.length / 2)), resolve))
  if (answer.truncate === true) return void socket.end()
  if (answer.reset === "body") {
    await sleep(pause)
    socket.resetAndDestroy()
  }
}
