// @effect-diagnostics globalTimers:off globalDate:off
import { createHash, randomBytes } from "node:crypto"
import { writeSync } from "node:fs"
import type { Natives, UrlParts } from "../../runtime/natives.d.ts"

/** The natives that the Web's globals are made of, by Node's own; on the boot runtime, its natives. */

type Used = Pick<
  Natives,
  | "cancel"
  | "decodeUtf8"
  | "encodeUtf8"
  | "getrandom"
  | "monotonicMs"
  | "parseUrl"
  | "realtime"
  | "setImmediate"
  | "setTimer"
  | "setUrl"
  | "sha256"
  | "write"
>

const partsOf = (
  { hash, host, hostname, href, origin, password, pathname, port, protocol, search, username }: URL
): UrlParts => ({
  hash,
  host,
  hostname,
  href,
  origin,
  password,
  pathname,
  port,
  protocol,
  search,
  username
})

const fake = (): Used => {
  const timers = new Map<number, () => void>()
  let last = 0
  const keep = (cancel: () => void): number => {
    timers.set(++last, cancel)
    return last
  }
  return {
    encodeUtf8: (text) => new TextEncoder().encode(text),
    decodeUtf8: (bytes, fatal) => {
      try {
        return new TextDecoder("utf-8", { fatal, ignoreBOM: true }).decode(bytes)
      } catch {
        return null
      }
    },
    parseUrl: (text, base) => {
      const url = URL.parse(text, base ?? undefined)
      return url === null ? null : partsOf(url)
    },
    setUrl: (href, property, value) => {
      const url = new URL(href)
      try {
        Reflect.set(url, property, value)
      } catch {
        return null
      }
      return partsOf(url)
    },
    sha256: (bytes) => createHash("sha256").update(bytes).digest(),
    getrandom: (length) => randomBytes(length),
    monotonicMs: () => performance.now(),
    realtime: () => BigInt(Date.now()) * 1_000_000n,
    setTimer: (milliseconds, repeat, callback) => {
      const timer = repeat ? setInterval(callback, milliseconds) : setTimeout(callback, milliseconds)
      return keep(() => clearTimeout(timer))
    },
    setImmediate: (callback) => {
      const immediate = setImmediate(callback)
      return keep(() => clearImmediate(immediate))
    },
    cancel: (ticket) => timers.get(ticket)?.(),
    write: (file, bytes) => typeof bytes === "string" ? writeSync(file, bytes) : writeSync(file, bytes)
  }
}

export const system: Used = "natives" in globalThis ? natives : fake()
