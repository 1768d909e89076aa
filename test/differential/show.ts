import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import { system } from "../support/natives.ts"

/**
 * Of longer texts and bytes only the beginning is shown, and a digest of all: the boot runtime has no room for many
 * copies of 1 MiB.
 */
const longest = 16 * 1024

const digest = (bytes: Uint8Array): string =>
  `${bytes.length} bytes ${Array.from(system.sha256(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("")}`

const text = (value: string): string =>
  value.length > longest ? `${value.slice(0, 256)} ${digest(system.encodeUtf8(value))}` : value

const bytes = (value: Uint8Array): unknown =>
  value.length > longest ? { bytes: digest(value) } : { bytes: Array.from(value) }

/** A number, with what JSON has no words for. */
const number = (value: number): unknown =>
  Number.isFinite(value) && !Object.is(value, -0) ? value : { number: Object.is(value, -0) ? "-0" : String(value) }

/**
 * A value as one line of text, for comparison between engines: secrets and bytes in full, texts as `neutral` makes
 * them. Two values give the same exactly when they are the same.
 */
export const show = (value: unknown, neutral: (text: string) => string): string => {
  const plain = (value: unknown): unknown => {
    if (typeof value === "number") return number(value)
    if (typeof value === "string") return text(neutral(value))
    if (value === null || typeof value === "boolean") return value
    if (typeof value !== "object") return { [typeof value]: String(value) }
    if (Redacted.isRedacted(value)) return { redacted: plain(Redacted.value(value)) }
    if (Duration.isDuration(value)) return { duration: Duration.format(value) }
    if (value instanceof Uint8Array) return bytes(value)
    if (Array.isArray(value)) return value.map(plain)
    if (value instanceof Map || value instanceof Set) return { [value.constructor.name]: [...value].map(plain) }
    const tag = "_tag" in value ? [["_tag", value._tag]] : []
    const message = value instanceof Error ? [["name", value.name], ["message", plain(value.message)]] : []
    const own = Object.entries(value).filter(([key]) => key !== "stack").map(([key, each]) => [key, plain(each)])
    return Object.fromEntries([...tag, ...message, ...own])
  }
  return JSON.stringify(plain(value))
}
