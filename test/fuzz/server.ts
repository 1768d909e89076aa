import * as Net from "node:net"

/**
 * A server on a port of its own of this machine; says its URL. Each connection gets what `answer` gives then, after its
 * first bytes.
 */
export const serve = (answer: () => Uint8Array): Promise<{ readonly origin: string; readonly close: () => void }> =>
  new Promise((resolve) => {
    const server = Net.createServer((socket) => {
      socket.once("data", () => socket.end(answer()))
      // The client may go away before it has read everything.
      socket.on("error", () => socket.destroy())
    })
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      resolve({ origin: `http://127.0.0.1:${port}`, close: () => void server.close() })
    })
  })
