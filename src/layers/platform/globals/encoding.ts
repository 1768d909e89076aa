import type { Natives } from "../../../../runtime/natives.d.ts"

/** The names of UTF-8 in the Encoding Standard. */
const labels = new Set(["unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "utf-8", "utf8", "x-unicode20utf8"])

type Bytes = ArrayBufferView | ArrayBuffer

const bytesOf = (input: Bytes): Uint8Array =>
  input instanceof Uint8Array
    ? input
    : ArrayBuffer.isView(input)
    ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
    : new Uint8Array(input)

/** How many bytes the character that this byte begins has; 1 for what begins none. */
const lengthOf = (lead: number): number => lead < 0xc2 || lead > 0xf4 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4

/** Whether a character can begin with these two bytes (Unicode, table 3-7). */
const begins = (lead: number, second: number): boolean =>
  second >= (lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80)
  && second <= (lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf)

/** How many bytes at the end begin a character that the next portion may finish. */
const unfinished = (bytes: Uint8Array): number => {
  const last = bytes.length - 1
  for (let back = 0; back < 3 && back <= last; back++) {
    const byte = bytes[last - back] ?? 0
    if ((byte & 0xc0) === 0x80) continue
    if (lengthOf(byte) <= back + 1) return 0
    return back === 0 || begins(byte, bytes[last - back + 1] ?? 0) ? back + 1 : 0
  }
  return 0
}

/** `TextEncoder` and `TextDecoder` of the Encoding Standard, for UTF-8. */
export const make = (system: Pick<Natives, "encodeUtf8" | "decodeUtf8">) => {
  class TextEncoder {
    get encoding(): string {
      return "utf-8"
    }

    encode(text = ""): Uint8Array {
      return system.encodeUtf8(String(text))
    }

    encodeInto(text: string, target: Uint8Array): { readonly read: number; readonly written: number } {
      const bytes = system.encodeUtf8(text)
      let written = Math.min(bytes.length, target.length)
      // Only whole characters.
      while (written < bytes.length && ((bytes[written] ?? 0) & 0xc0) === 0x80) written--
      target.set(bytes.subarray(0, written))
      const read = written === bytes.length
        ? text.length
        : (system.decodeUtf8(bytes.subarray(0, written), false) ?? "").length
      return { read, written }
    }
  }

  class TextDecoder {
    readonly fatal: boolean
    readonly ignoreBOM: boolean
    #rest = new Uint8Array()
    #begun = false

    constructor(label = "utf-8", options: { readonly fatal?: boolean; readonly ignoreBOM?: boolean } = {}) {
      if (!labels.has(label.trim().toLowerCase())) throw new RangeError(`The "${label}" encoding is not supported`)
      this.fatal = options.fatal === true
      this.ignoreBOM = options.ignoreBOM === true
    }

    get encoding(): string {
      return "utf-8"
    }

    decode(input?: Bytes, options: { readonly stream?: boolean } = {}): string {
      let bytes = input === undefined ? new Uint8Array() : bytesOf(input)
      if (this.#rest.length > 0) {
        const joined = new Uint8Array(this.#rest.length + bytes.length)
        joined.set(this.#rest)
        joined.set(bytes, this.#rest.length)
        bytes = joined
        this.#rest = new Uint8Array()
      }
      if (options.stream === true) {
        const kept = unfinished(bytes)
        if (kept > 0) {
          this.#rest = bytes.slice(bytes.length - kept)
          bytes = bytes.subarray(0, bytes.length - kept)
        }
      }
      const text = system.decodeUtf8(bytes, this.fatal)
      if (text === null) {
        this.#rest = new Uint8Array()
        this.#begun = false
        throw new TypeError("The encoded data was not valid for encoding utf-8")
      }
      const first = !this.#begun
      this.#begun = options.stream === true && (this.#begun || text.length > 0)
      return first && !this.ignoreBOM && text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
    }
  }

  return { TextEncoder, TextDecoder }
}
