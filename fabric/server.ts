/** The platform's servers: a playbook in force, and a transcript of what came. */
import * as DateTime from "effect/DateTime"
import { once } from "node:events"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { setTimeout as sleep } from "node:timers/promises"
import { silence } from "./network.ts"
import { addresses, answer, endpointOf, type Place, type Received } from "./platform.ts"
import { type Playbook, turn } from "./playbook.ts"
import type { Endpoint, TranscriptEntry } from "./transcript.ts"
import { compose, outcome, send } from "./wire.ts"

/** Where a server listens. */
export interface Listen {
  readonly host: string
  /** 0 for any that is free. */
  readonly port: number
}

/** A platform that can be asked. */
export interface Fabric {
  /**
   * Does this from now on, from the beginning; rejects with what can't be done. Not to be called again before it has
   * ended.
   */
  readonly play: (playbook: Playbook) => Promise<void>
  /** Where it listens. */
  readonly listens: Readonly<Record<Place, Listen>>
  /** Ends its connections and listens no more. */
  readonly stop: () => Promise<void>
}

/** The platform as every VM on Azure sees it. */
export const azure: Readonly<Record<Place, Listen>> = {
  imds: { host: addresses.imds, port: 80 },
  wireserver: { host: addresses.wireserver, port: 80 }
}

const places = ["imds", "wireserver"] as const

const noAnswers = (): Record<Endpoint, number> => ({
  imds: 0,
  health: 0,
  goal_state: 0,
  versions: 0,
  legacy_health: 0,
  wireserver: 0
})

const read = async (request: IncomingMessage): Promise<string> => {
  const parts: Array<Buffer> = []
  for await (const part of request) parts.push(part)
  return Buffer.concat(parts).toString("utf8")
}

const pairs = (raw: ReadonlyArray<string>): ReadonlyArray<readonly [string, string]> =>
  raw.flatMap((name, index) => index % 2 === 0 ? [[name, raw[index + 1] ?? ""] as const] : [])

const listen = async (server: Server, { host, port }: Listen): Promise<Listen> => {
  server.listen(port, host)
  await once(server, "listening").catch((error: unknown) => {
    throw new Error(`cannot listen on ${host}: ${error instanceof Error ? error.message : String(error)}`)
  })
  const address = server.address()
  return { host, port: address === null || typeof address === "string" ? port : address.port }
}

const close = async (server: Server): Promise<void> => {
  server.closeAllConnections()
  if (!server.listening) return
  server.close()
  await once(server, "close")
}

/** A server, where it listens, and whether its packets vanish. */
interface Listener {
  readonly server: Server
  readonly at: Listen
  silent: boolean
}

/** Makes a server answer, refuse connections, or swallow packets. */
const reach = async (
  place: Place,
  listener: Listener,
  how: "answers" | "refused" | "silent"
): Promise<void> => {
  const { at, server } = listener
  if ((how === "silent") !== listener.silent) {
    if (at.host !== addresses[place]) throw new Error(`network.${place}: only ${addresses[place]} can be silent`)
    await silence(at.host, how === "silent").catch((error: unknown) => {
      throw new Error(
        `network.${place}: silent needs iproute2 and a network namespace of the fabric's own (${
          error instanceof Error ? error.message.trim() : String(error)
        })`
      )
    })
    listener.silent = how === "silent"
  }
  if (how === "refused") await close(server)
  else if (how === "answers" && !server.listening) await listen(server, at)
}

/**
 * Starts a platform. Before its first playbook it resets every connection on which it is asked. `record` is called with
 * each request, in the order in which they came, and with what the playbook does about it, before that is done and
 * before any delay.
 */
export const startFabric = async (
  wanted: Readonly<Record<Place, Listen>>,
  record: (entry: TranscriptEntry) => void
): Promise<Fabric> => {
  let playbook: Playbook | undefined
  let counts = noAnswers()
  /** Settles when every request that came before is recorded. */
  let recorded: Promise<void> = Promise.resolve()

  const serve = async (place: Place, request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const arrived = DateTime.nowUnsafe()
    const target = request.url ?? ""
    const received: Received = {
      endpoint: endpointOf(place, target),
      method: request.method ?? "",
      target,
      headers: pairs(request.rawHeaders),
      body: await read(request)
    }
    if (playbook === undefined) return void response.socket?.resetAndDestroy()
    const { endpoint } = received
    const { after_last, instance } = playbook
    const script = endpoint === "wireserver" ? [] : playbook[endpoint] ?? []
    const given = turn(script, counts[endpoint]++, after_last) ?? {}
    const composed = answer(received, instance).then((usual) => compose(usual, given, instance))
    const own = Promise.all([composed, recorded]).then(([{ status }]) =>
      record({ time: DateTime.formatIso(arrived), ...received, ...outcome(given, status) })
    )
    recorded = own.catch(() => {})
    await own
    if (given.delay_ms !== undefined) await sleep(given.delay_ms)
    await send(response, await composed, given)
  }

  const serverOf = (place: Place): Server =>
    createServer((request, response) => {
      // A client that has gone away is none of our business.
      serve(place, request, response).catch(() => response.destroy())
    })
  const start = async (place: Place): Promise<Listener> => {
    const server = serverOf(place)
    return { server, at: await listen(server, wanted[place]), silent: false }
  }
  const listeners = { imds: await start("imds"), wireserver: await start("wireserver") }

  return {
    play: async (next) => {
      for (const place of places) {
        await reach(place, listeners[place], next.network?.[place] ?? "answers")
      }
      playbook = next
      counts = noAnswers()
    },
    listens: { imds: listeners.imds.at, wireserver: listeners.wireserver.at },
    stop: async () => {
      for (const place of places) await close(listeners[place].server)
    }
  }
}
