import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { Natives } from "../../../../runtime/natives.d.ts"

/** Something went wrong with a connection, in the words and with the codes of `node:http`. */
export class SocketError extends Data.TaggedError("SocketError")<{
  /** An errno name, or `HPE_` and what is wrong with a response, as of llhttp. */
  readonly code: string
  readonly message: string
}> {}

/** How much is read at once, in bytes. */
const portion = 64 * 1024

/** A TCP connection of one exchange. */
export class Socket {
  readonly #system: Natives
  readonly #fd: number
  #open = true

  constructor(system: Natives, fd: number) {
    this.#system = system
    this.#fd = fd
  }

  /** Closes the connection; what waits for it is not told, since it is interrupted or done. */
  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#system.unwatch(this.#fd)
    this.#system.close(this.#fd)
  }

  /** Tries until the call does not answer EAGAIN, whenever the socket is ready for `events`. */
  #whenReady<A>(events: number, call: () => A | undefined): Effect.Effect<A, SocketError> {
    return Effect.callback((resume) => {
      if (!this.#open) return resume(Effect.fail(new SocketError({ code: "ECONNRESET", message: "aborted" })))
      const ready = () => {
        const result = call()
        if (result === undefined) return false
        this.#system.unwatch(this.#fd)
        resume(Effect.succeed(result))
        return true
      }
      if (!ready()) this.#system.watch(this.#fd, events, ready)
      return Effect.sync(() => {
        if (this.#open) this.#system.unwatch(this.#fd)
      })
    })
  }

  #again(status: number): boolean {
    return status === -(this.#system.constants["EAGAIN"] ?? 0)
  }

  /**
   * Sends all of the bytes. A peer that does not want them any more may have answered all the same, so that it has
   * closed is left to the reader to find out.
   */
  send(bytes: Uint8Array): Effect.Effect<void, SocketError> {
    let sent = 0
    return this.#whenReady(this.#system.constants["POLLOUT"] ?? 0, () => {
      while (sent < bytes.length) {
        const count = this.#system.write(this.#fd, bytes.subarray(sent))
        if (this.#again(count)) return undefined
        if (count < 0) return true
        sent += count
      }
      return true
    })
  }

  /** What has arrived; no bytes at the end, an errno after a failure. */
  receive(): Effect.Effect<Uint8Array | number, SocketError> {
    return this.#whenReady(this.#system.constants["POLLIN"] ?? 0, () => {
      const result = this.#system.read(this.#fd, portion)
      return typeof result === "number" && this.#again(result) ? undefined : result
    })
  }
}

/** Connects to a numeric address, or `localhost`; the runtime looks no names up. */
export const connect = (
  system: Natives,
  host: string,
  port: number,
  timeoutMillis: number
): Effect.Effect<Socket, SocketError> =>
  Effect.callback((resume) => {
    const address = host === "localhost" ? "127.0.0.1" : host.replace(/^\[|\]$/g, "")
    if (!/^[\d.]+$|:/.test(address)) {
      const message = `cannot look up ${host}: only numeric addresses are supported`
      return resume(Effect.fail(new SocketError({ code: "ENOTFOUND", message })))
    }
    const refused = (status: number) => {
      const code = system.errorName(status)
      return Effect.fail(new SocketError({ code, message: `connect ${code} ${address}:${port}` }))
    }
    const fd = system.connect(address, port)
    if (fd < 0) return resume(refused(fd))
    const socket = new Socket(system, fd)
    const timer = system.setTimer(timeoutMillis, false, () => {
      socket.close()
      const message = `no connection within ${timeoutMillis / 1000} s`
      resume(Effect.fail(new SocketError({ code: "ETIMEDOUT", message })))
    })
    system.watch(fd, system.constants["POLLOUT"] ?? 0, () => {
      system.cancel(timer)
      const status = system.socketError(fd)
      if (status !== 0) {
        socket.close()
        return resume(refused(status))
      }
      system.unwatch(fd)
      resume(Effect.succeed(socket))
    })
    return Effect.sync(() => {
      system.cancel(timer)
      socket.close()
    })
  })
