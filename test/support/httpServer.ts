import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"
import { Worker } from "node:worker_threads"

/** What a {@link serve}r has seen. */
export interface Served {
  /** `127.0.0.1:PORT`. */
  readonly address: string
  /** The bytes of each connection, as text. */
  readonly received: ReadonlyArray<string>
  /** Connections made, and of these the ones that are closed again. */
  readonly connections: { readonly opened: number; readonly closed: number }
}

/**
 * A server on loopback that writes the same bytes to every connection as soon as it has sent something, and leaves it
 * open: what a client sends is seen exactly as it is.
 */
export const serve = (answer: string): Effect.Effect<Served, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<{ readonly served: Served; readonly server: Net.Server }>((resume) => {
        const received: Array<string> = []
        const connections = { opened: 0, closed: 0 }
        const server = Net.createServer((socket) => {
          const index = connections.opened++
          received[index] = ""
          socket.on("data", (data) => {
            if (received[index] === "") socket.write(answer)
            received[index] += data.toString("latin1")
          })
          socket.on("error", () => {})
          socket.on("close", () => connections.closed++)
        })
        server.listen(0, "127.0.0.1", () => {
          const address = server.address()
          const port = typeof address === "object" ? address?.port : undefined
          resume(Effect.succeed({ server, served: { address: `127.0.0.1:${port}`, received, connections } }))
        })
      }),
      ({ server }) => Effect.sync(() => server.close())
    ),
    ({ served }) => served
  )

/**
 * The address of a server on loopback that accepts no connection, its queue of waiting ones full: the kernel leaves
 * a client that connects without an answer, as an address that is not there would.
 */
export const fullServer: Effect.Effect<string, never, Scope.Scope> = Effect.gen(function*() {
  const port = yield* Effect.map(
    Effect.acquireRelease(
      Effect.callback<{ readonly worker: Worker; readonly port: number }>((resume) => {
        // The thread listens and then stands still for good.
        const worker = new Worker(
          `const { parentPort } = require("node:worker_threads")
           const server = require("node:net").createServer().listen(0, "127.0.0.1", 1, () => {
             parentPort.postMessage(server.address().port)
             Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
           })`,
          { eval: true }
        )
        worker.once("message", (port) => resume(Effect.succeed({ worker, port: Number(port) })))
      }),
      ({ worker }) => Effect.promise(() => worker.terminate())
    ),
    (started) => started.port
  )
  yield* Effect.forEach([1, 2], () =>
    Effect.acquireRelease(
      Effect.callback<Net.Socket>((resume) => {
        const socket = Net.connect(port, "127.0.0.1", () => resume(Effect.succeed(socket)))
      }),
      (socket) => Effect.sync(() => socket.destroy())
    ))
  return `127.0.0.1:${port}`
})
