import type { Natives, UrlParts } from "../../../../runtime/natives.d.ts"
import { make as makeSearchParams } from "./searchParams.ts"

/** `URL` and `URLSearchParams` of the URL Standard; parsing and the setters are the runtime's. */
export const make = (system: Pick<Natives, "encodeUtf8" | "decodeUtf8" | "parseUrl" | "setUrl">) => {
  const URLSearchParams = makeSearchParams(system)

  class URL {
    #parts: UrlParts
    #searchParams: InstanceType<typeof URLSearchParams> | undefined

    constructor(text: string | URL, base?: string | URL) {
      const parts = system.parseUrl(String(text), base === undefined ? undefined : String(base))
      if (parts === null) {
        throw Object.assign(new TypeError("Invalid URL"), { code: "ERR_INVALID_URL", input: String(text) })
      }
      this.#parts = parts
    }

    static parse(text: string | URL, base?: string | URL): URL | null {
      return URL.canParse(text, base) ? new URL(text, base) : null
    }

    static canParse(text: string | URL, base?: string | URL): boolean {
      return system.parseUrl(String(text), base === undefined ? undefined : String(base)) !== null
    }

    #set(property: keyof UrlParts, value: string): void {
      const parts = system.setUrl(this.#parts.href, property, String(value))
      if (parts === null) {
        if (property === "href") {
          throw Object.assign(new TypeError("Invalid URL"), { code: "ERR_INVALID_URL", input: value })
        }
        return
      }
      this.#parts = parts
      if (property === "href" || property === "search") this.#searchParams?.replaceUnsafe(parts.search)
    }

    get searchParams(): InstanceType<typeof URLSearchParams> {
      if (this.#searchParams === undefined) {
        const parameters = new URLSearchParams(this.#parts.search)
        parameters.onChange = (text) => {
          this.#parts = system.setUrl(this.#parts.href, "search", text) ?? this.#parts
        }
        this.#searchParams = parameters
      }
      return this.#searchParams
    }

    get href(): string {
      return this.#parts.href
    }
    set href(value: string) {
      this.#set("href", value)
    }
    get origin(): string {
      return this.#parts.origin
    }
    get protocol(): string {
      return this.#parts.protocol
    }
    set protocol(value: string) {
      this.#set("protocol", value)
    }
    get username(): string {
      return this.#parts.username
    }
    set username(value: string) {
      this.#set("username", value)
    }
    get password(): string {
      return this.#parts.password
    }
    set password(value: string) {
      this.#set("password", value)
    }
    get host(): string {
      return this.#parts.host
    }
    set host(value: string) {
      this.#set("host", value)
    }
    get hostname(): string {
      return this.#parts.hostname
    }
    set hostname(value: string) {
      this.#set("hostname", value)
    }
    get port(): string {
      return this.#parts.port
    }
    set port(value: string) {
      this.#set("port", value)
    }
    get pathname(): string {
      return this.#parts.pathname
    }
    set pathname(value: string) {
      this.#set("pathname", value)
    }
    get search(): string {
      return this.#parts.search
    }
    set search(value: string) {
      this.#set("search", value)
    }
    get hash(): string {
      return this.#parts.hash
    }
    set hash(value: string) {
      this.#set("hash", value)
    }

    toString(): string {
      return this.#parts.href
    }

    toJSON(): string {
      return this.#parts.href
    }
  }

  return { URL, URLSearchParams }
}
