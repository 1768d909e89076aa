import type { Natives } from "../../../../runtime/natives.d.ts"

type Init = string | Iterable<readonly [string, string]> | Readonly<Record<string, string>>

const isIterable = (init: object): init is Iterable<readonly [string, string]> => Symbol.iterator in init

const digits = "0123456789ABCDEF"

/** `URLSearchParams` of the URL Standard. */
export const make = (system: Pick<Natives, "encodeUtf8" | "decodeUtf8">) => {
  /** A text of `application/x-www-form-urlencoded`, decoded. */
  const decode = (text: string): string => {
    if (!/[%+]/.test(text)) return text
    const bytes = system.encodeUtf8(text.replaceAll("+", " "))
    let length = 0
    for (let i = 0; i < bytes.length; i++) {
      const code = bytes[i] === 0x25
        ? /^[0-9a-f]{2}$/i.exec(String.fromCharCode(bytes[i + 1] ?? 0, bytes[i + 2] ?? 0))
        : null
      bytes[length++] = code === null ? bytes[i] ?? 0 : Number.parseInt(code[0], 16)
      if (code !== null) i += 2
    }
    return system.decodeUtf8(bytes.subarray(0, length), false) ?? ""
  }

  const encode = (text: string): string => {
    if (/^[\w*.-]*$/.test(text)) return text
    let encoded = ""
    for (const byte of system.encodeUtf8(text)) {
      const character = String.fromCharCode(byte)
      if (byte === 0x20) encoded += "+"
      else if (/[\w*.-]/.test(character)) encoded += character
      else encoded += `%${digits[byte >> 4]}${digits[byte & 15]}`
    }
    return encoded
  }

  const parse = (text: string): Array<[string, string]> =>
    text.split("&").filter((part) => part !== "").map((part) => {
      const equals = part.indexOf("=")
      return equals < 0 ? [decode(part), ""] : [decode(part.slice(0, equals)), decode(part.slice(equals + 1))]
    })

  return class URLSearchParams {
    #list: Array<[string, string]>
    /** Told of every change: how the URL that these are the parameters of keeps up. */
    onChange: ((text: string) => void) | undefined

    constructor(init: Init = "") {
      if (typeof init === "string") this.#list = parse(init.replace(/^\?/, "").toWellFormed())
      else {
        const entries = isIterable(init) ? [...init] : Object.entries(init)
        this.#list = entries.map(([name, value]) => [wellFormed(name), wellFormed(value)])
      }
    }

    /** What the URL says now. */
    replaceUnsafe(search: string): void {
      this.#list = parse(search.replace(/^\?/, ""))
    }

    #changed(): void {
      this.onChange?.(this.toString())
    }

    get size(): number {
      return this.#list.length
    }

    append(name: string, value: string): void {
      this.#list.push([wellFormed(name), wellFormed(value)])
      this.#changed()
    }

    delete(name: string, value?: string): void {
      this.#list = this.#list.filter((entry) => entry[0] !== name || (value !== undefined && entry[1] !== value))
      this.#changed()
    }

    get(name: string): string | null {
      return this.#list.find((entry) => entry[0] === name)?.[1] ?? null
    }

    getAll(name: string): Array<string> {
      return this.#list.filter((entry) => entry[0] === name).map((entry) => entry[1])
    }

    has(name: string, value?: string): boolean {
      return this.#list.some((entry) => entry[0] === name && (value === undefined || entry[1] === value))
    }

    set(name: string, value: string): void {
      const first = this.#list.findIndex((entry) => entry[0] === name)
      if (first < 0) this.#list.push([wellFormed(name), wellFormed(value)])
      else {
        this.#list = this.#list.filter((entry, index) => entry[0] !== name || index === first)
        this.#list[first] = [wellFormed(name), wellFormed(value)]
      }
      this.#changed()
    }

    sort(): void {
      this.#list.sort(([left], [right]) => left < right ? -1 : left > right ? 1 : 0)
      this.#changed()
    }

    forEach(work: (value: string, name: string) => void): void {
      for (const [name, value] of this.#list) work(value, name)
    }

    *entries(): IterableIterator<[string, string]> {
      for (let index = 0; index < this.#list.length; index++) {
        const entry = this.#list[index]
        if (entry !== undefined) yield [entry[0], entry[1]]
      }
    }

    *keys(): IterableIterator<string> {
      for (const [name] of this.entries()) yield name
    }

    *values(): IterableIterator<string> {
      for (const [, value] of this.entries()) yield value
    }

    [Symbol.iterator](): IterableIterator<[string, string]> {
      return this.entries()
    }

    toString(): string {
      return this.#list.map(([name, value]) => `${encode(name)}=${encode(value)}`).join("&")
    }
  }
}

const wellFormed = (text: string): string => String(text).toWellFormed()
