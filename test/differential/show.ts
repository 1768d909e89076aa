import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"

/** A number, with what JSON has no words for. */
const number = (value: number): unknown =>
  Number.isFinite(value) && !Object.is(value, -0) ? value : { number: Object.is(value, -0) ? "-0" : String(value) }

/** A value as JSON can hold it, secrets and bytes in full; two values give the same exactly when they are the same. */
const plain = (value: unknown): unknown => {
  if (typeof value === "number") return number(value)
  if (value === null || typeof value === "string" || typeof value === "boolean") return value
  if (typeof value !== "object") return { [typeof value]: String(value) }
  if (Redacted.isRedacted(value)) return { redacted: plain(Redacted.value(value)) }
  if (Duration.isDuration(value)) return { duration: Duration.format(value) }
  if (value instanceof Uint8Array) return { bytes: Array.from(value) }
  if (Array.isArray(value)) return value.map(plain)
  if (value instanceof Map || value instanceof Set) return { [value.constructor.name]: [...value].map(plain) }
  const tag = "_tag" in value ? [["_tag", value._tag]] : []
  const message = value instanceof Error ? [["name", value.name], ["message", value.message]] : []
  const own = Object.entries(value).filter(([key]) => key !== "stack").map(([key, each]) => [key, plain(each)])
  return Object.fromEntries([...tag, ...message, ...own])
}

/** A value as one line of text, for comparison between engines. */
export const show = (value: unknown): string => JSON.stringify(plain(value))
