// @effect-diagnostics globalTimers:off
/**
 * `rawServer.ts ANSWERS`: a server on loopback that writes bytes, whether they are HTTP or not, for clients that cannot
 * have it in their own process. ANSWERS is a record in JSON: the path of a request, without the slash, to what is
 * written, a character for a byte. After that the connection is ended; `hang:` before it leaves it open, `reset:`
 * resets it. `/seen` answers with the request before, as it came. Prints its port.
 */
import { createServer } from "node:net"

const answers: Readonly<Record<string, string>> = JSON.parse(process.argv[2] ?? "{}")
let seen = ""

const server = createServer((socket) => {
  let request = ""
  socket.on("error", () => {})
  socket.on("data", (data) => {
    request += data.toString("latin1")
    const [head = "", body] = request.split("\r\n\r\n")
    const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0)
    if (body === undefined || body.length < length) return
    const name = /^\S+ \/(\w*)/.exec(head)?.[1] ?? ""
    if (name === "seen") {
      socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${seen.length}\r\n\r\n${seen}`, "latin1")
      return
    }
    seen = request
    const answer = answers[name] ?? ""
    if (answer.startsWith("hang:")) socket.write(answer.slice(5), "latin1")
    else if (answer.startsWith("reset:")) {
      socket.write(answer.slice(6), "latin1", () => setTimeout(() => socket.resetAndDestroy(), 50))
    } else socket.end(answer, "latin1")
  })
})
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  process.stdout.write(`${typeof address === "object" ? address?.port : ""}\n`)
})
// With the one who has started it.
process.stdin.resume().on("end", () => process.exit(0))
