import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { HttpHead, Natives } from "../../../../runtime/natives.d.ts"
import { type Socket, SocketError } from "./socket.ts"

/** The largest head, trailer and line of a chunk's size, in bytes: `--max-http-header-size` of Node. */
const maximumHead = 16 * 1024

/** What Node reads of a header that comes more than once: the first value. Others are joined. */
const firstCounts = new Set([
  "age",
  "authorization",
  "content-length",
  "content-type",
  "etag",
  "expires",
  "from",
  "host",
  "if-modified-since",
  "if-unmodified-since",
  "last-modified",
  "location",
  "max-forwards",
  "proxy-authorization",
  "referer",
  "retry-after",
  "server",
  "user-agent"
])

/** The head of a response: names of headers are in lower case. */
export interface Head {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
}

const parseError = (code: string, message: string) =>
  new SocketError({ code: `HPE_${code}`, message: `Parse Error: ${message}` })
const hungUp = new SocketError({ code: "ECONNRESET", message: "socket hang up" })
const aborted = new SocketError({ code: "ECONNRESET", message: "aborted" })

/** A field behind the last chunk (RFC 9112, 7.1.2): a token, a colon, and a value without control characters. */
const trailerField = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r\n$/

const carriageReturn = 13
const lineFeed = 10
const semicolon = 59

/** The request's head: the headers as they are given, then those that Node adds, in its spelling. */
export const requestHead = (
  method: string,
  target: string,
  host: string,
  headers: Readonly<Record<string, string>>,
  emptyBody: boolean
): string | SocketError => {
  const lines = [`${method} ${target} HTTP/1.1`]
  for (const [name, value] of Object.entries(headers)) {
    if (/[^!#$%&'*+.^_`|~0-9A-Za-z-]/.test(name) || /[^\t\x20-\x7e]/.test(value)) {
      return new SocketError({ code: "ERR_INVALID_CHAR", message: `Invalid character in header content ["${name}"]` })
    }
    lines.push(`${name}: ${value}`)
  }
  if (headers["host"] === undefined) lines.push(`Host: ${host}`)
  lines.push("Connection: close")
  if (emptyBody && headers["content-length"] === undefined) lines.push("Content-Length: 0")
  return `${lines.join("\r\n")}\r\n\r\n`
}

/** Reads the response of a connection: its head, then its body in portions. Stricter than httparse where llhttp is. */
export class ResponseReader {
  readonly #system: Natives
  readonly #socket: Socket
  #buffer = new Uint8Array()
  #state: "length" | "untilClose" | "size" | "chunk" | "chunkEnd" | "trailer" | "ended" = "ended"
  /** Bytes left of the body, or of the chunk. */
  #left = 0

  constructor(system: Natives, socket: Socket) {
    this.#system = system
    this.#socket = socket
  }

  /** Adds what arrives next to the buffer; `false` at the end. */
  #fill(onReset: SocketError): Effect.Effect<boolean, SocketError> {
    return Effect.flatMap(this.#socket.receive(), (received) => {
      if (typeof received === "number") {
        if (onReset === aborted) return Effect.fail(aborted)
        const code = this.#system.errorName(received)
        return Effect.fail(new SocketError({ code, message: `read ${code}` }))
      }
      if (received.length === 0) return Effect.succeed(false)
      if (this.#buffer.length === 0) this.#buffer = received.slice()
      else {
        const joined = new Uint8Array(this.#buffer.length + received.length)
        joined.set(this.#buffer)
        joined.set(received, this.#buffer.length)
        this.#buffer = joined
      }
      return Effect.succeed(true)
    })
  }

  /** The head of the response, after any informational ones. */
  head(method: string): Effect.Effect<Head, SocketError> {
    return Effect.suspend(() => {
      this.#skipEmptyLines()
      const head = this.#system.parseHttpHead(this.#buffer)
      if (typeof head === "string") return Effect.fail(parseError("INVALID_HEADER_TOKEN", head))
      if (head === null) {
        if (this.#buffer.length > maximumHead) return Effect.fail(parseError("HEADER_OVERFLOW", "Header overflow"))
        return Effect.flatMap(this.#fill(hungUp), (more) => more ? this.head(method) : Effect.fail(hungUp))
      }
      const wrong = this.#lineEnds(head.length)
      if (wrong !== undefined) return Effect.fail(wrong)
      this.#buffer = this.#buffer.subarray(head.length)
      // 101 is final: no other protocol was asked for, so nothing follows it.
      if (head.status < 200 && head.status !== 101) return this.head(method)
      return this.#begin(method, head)
    })
  }

  #skipEmptyLines(): void {
    let at = 0
    while (this.#buffer[at] === carriageReturn && this.#buffer[at + 1] === lineFeed) at += 2
    if (at > 0) this.#buffer = this.#buffer.subarray(at)
  }

  #lineEnds(length: number): SocketError | undefined {
    if (length > maximumHead) return parseError("HEADER_OVERFLOW", "Header overflow")
    for (let at = this.#buffer.indexOf(lineFeed); at >= 0 && at < length; at = this.#buffer.indexOf(lineFeed, at + 1)) {
      if (this.#buffer[at - 1] !== carriageReturn) return parseError("CR_EXPECTED", "Missing expected CR")
    }
    return undefined
  }

  #begin(method: string, head: HttpHead): Effect.Effect<Head, SocketError> {
    if (head.status < 100) return Effect.fail(parseError("INVALID_STATUS", "Invalid status code"))
    const headers: Record<string, string> = {}
    let lengths = 0
    for (const [name, value] of head.headers) {
      const key = name.toLowerCase()
      const known = headers[key]
      if (key === "content-length") lengths++
      headers[key] = known === undefined ? value : firstCounts.has(key) ? known : `${known}, ${value}`
    }
    const { "content-length": contentLength, "transfer-encoding": encoding } = headers
    if (lengths > 1) return Effect.fail(parseError("UNEXPECTED_CONTENT_LENGTH", "Duplicate Content-Length"))
    if (contentLength !== undefined && encoding !== undefined) {
      const detail = "Transfer-Encoding can't be present with Content-Length"
      return Effect.fail(parseError("INVALID_TRANSFER_ENCODING", detail))
    }
    if (contentLength !== undefined && (!/^\d+$/.test(contentLength) || !Number.isSafeInteger(Number(contentLength)))) {
      return Effect.fail(parseError("INVALID_CONTENT_LENGTH", "Invalid Content-Length"))
    }
    const length = Number(contentLength ?? 0)
    const none = method === "HEAD" || head.status === 101 || head.status === 204 || head.status === 304
    if (none || contentLength !== undefined && length === 0) this.#end()
    else if (contentLength !== undefined) this.#enter("length", length)
    else if (encoding !== undefined && /(?:^|,)[ \t]*chunked$/i.test(encoding)) this.#state = "size"
    else this.#state = "untilClose"
    return Effect.succeed({ status: head.status, headers })
  }

  #enter(state: "length" | "chunk", left: number): void {
    this.#state = state
    this.#left = left
  }

  #end(): void {
    this.#state = "ended"
    this.#socket.close()
  }

  /** The next portion of the body, not empty; ends with `Cause.Done`. */
  readonly pull: Effect.Effect<Uint8Array, SocketError | Cause.Done> = Effect.suspend(() => this.#pull())

  #pull(): Effect.Effect<Uint8Array, SocketError | Cause.Done> {
    for (;;) {
      if (this.#state === "ended") return Cause.done()
      if (this.#state === "untilClose" && this.#buffer.length > 0) {
        return Effect.succeed(this.#take(this.#buffer.length))
      }
      if (this.#buffer.length === 0) return this.#more
      if (this.#state === "length" || this.#state === "chunk") return Effect.succeed(this.#takeLeft())
      const line = this.#line()
      if (line instanceof SocketError) return Effect.fail(line)
      if (!line) return this.#more
    }
  }

  get #more(): Effect.Effect<Uint8Array, SocketError | Cause.Done> {
    return Effect.flatMap(this.#fill(aborted), (more) => {
      if (more) return this.#pull()
      if (this.#state !== "untilClose") return Effect.fail(aborted)
      this.#end()
      return Cause.done()
    })
  }

  #take(length: number): Uint8Array {
    const bytes = this.#buffer.subarray(0, length)
    this.#buffer = this.#buffer.subarray(length)
    return bytes
  }

  #takeLeft(): Uint8Array {
    const bytes = this.#take(this.#left)
    this.#left -= bytes.length
    if (this.#left > 0) return bytes
    if (this.#state === "chunk") this.#state = "chunkEnd"
    else this.#end()
    return bytes
  }

  /** Takes a line between the chunks; whether it was there, or what is wrong with it. */
  #line(): boolean | SocketError {
    const end = this.#buffer.indexOf(lineFeed)
    if (end < 0) return this.#buffer.length > maximumHead ? parseError("CHUNK_EXTENSIONS_OVERFLOW", "Overflow") : false
    if (this.#buffer[end - 1] !== carriageReturn) return parseError("CR_EXPECTED", "Missing expected CR")
    if (this.#state === "size") return this.#chunkSize(end + 1)
    const line = this.#take(end + 1)
    if (this.#state === "chunkEnd") {
      this.#state = "size"
      return line.length === 2 || parseError("STRICT", "Expected LF after chunk data")
    }
    this.#left += line.length
    if (this.#left > maximumHead) return parseError("HEADER_OVERFLOW", "Header overflow")
    if (line.length === 2) this.#end()
    else if (!trailerField.test(this.#system.decodeLatin1(line))) {
      return parseError("INVALID_HEADER_TOKEN", "Invalid header token")
    }
    return true
  }

  #chunkSize(length: number): true | SocketError {
    const wrong = parseError("INVALID_CHUNK_SIZE", "Invalid character in chunk size")
    const size = this.#system.parseHttpChunkSize(this.#buffer.subarray(0, length))
    // httparse lets blanks stand behind the size.
    const digits = this.#buffer.findIndex((byte) => !isHexDigit(byte))
    const strict = this.#buffer[digits] === carriageReturn || this.#buffer[digits] === semicolon
    if (size === null || typeof size === "string" || !strict) return wrong
    this.#take(length)
    if (size[1] > 0) this.#enter("chunk", size[1])
    else {
      this.#state = "trailer"
      this.#left = 0
    }
    return true
  }
}

const isHexDigit = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66)
