import type { Natives } from "../../../../runtime/natives.d.ts"
import { DOMException } from "./abort.ts"

/** The most that is drawn at once, in bytes (Web Cryptography, `getRandomValues`). */
const mostRandom = 65536

/** `crypto` of the Web Cryptography API: random values, and SHA-256, which fingerprints of keys need. */
export const make = (system: Pick<Natives, "getrandom" | "sha256">) => ({
  getRandomValues: <A extends ArrayBufferView>(view: A): A => {
    if (view.byteLength > mostRandom) {
      throw new DOMException(`The requested length exceeds ${mostRandom} bytes`, "QuotaExceededError")
    }
    new Uint8Array(view.buffer, view.byteOffset, view.byteLength).set(system.getrandom(view.byteLength))
    return view
  },

  /** RFC 9562, version 4. */
  randomUUID: (): string => {
    const bytes = system.getrandom(16)
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
    const digits = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")
    return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")
  },

  subtle: {
    digest: (
      algorithm: string | { readonly name: string },
      data: ArrayBufferView | ArrayBuffer
    ): Promise<ArrayBuffer> => {
      const name = typeof algorithm === "string" ? algorithm : algorithm.name
      if (name.toUpperCase() !== "SHA-256") {
        return Promise.reject(new DOMException("Unrecognized algorithm name", "NotSupportedError"))
      }
      const bytes = ArrayBuffer.isView(data)
        ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
        : new Uint8Array(data)
      const digest = system.sha256(bytes)
      return Promise.resolve(digest.slice().buffer)
    }
  }
})
