/** `DOMException`, as far as an abort needs it. */
// @effect-diagnostics-next-line extendsNativeError:off
export class DOMException extends Error {
  override readonly name: string

  constructor(message = "", name = "Error") {
    super(message)
    this.name = name
  }

  /** The number of old; only that of an abort is known here. */
  get code(): number {
    return this.name === "AbortError" ? 20 : 0
  }
}

/** The event of an abort. */
export class Event {
  readonly type: string
  readonly target: AbortSignal

  constructor(type: string, target: AbortSignal) {
    this.type = type
    this.target = target
  }
}

type Listener = ((event: Event) => void) | { readonly handleEvent: (event: Event) => void }

/** `AbortSignal` of the DOM Standard, with the event `abort` and no other. */
export class AbortSignal {
  #reason: unknown = undefined
  #aborted = false
  readonly #listeners = new Map<Listener, { readonly once: boolean }>()
  onabort: ((event: Event) => void) | null = null

  /** Only an {@link AbortController} aborts; the DOM keeps this out of reach. */
  static abortUnsafe(signal: AbortSignal, reason: unknown): void {
    if (signal.#aborted) return
    signal.#aborted = true
    signal.#reason = reason
    const event = new Event("abort", signal)
    signal.onabort?.(event)
    for (const [listener, { once }] of Array.from(signal.#listeners)) {
      if (!signal.#listeners.has(listener)) continue
      if (once) signal.#listeners.delete(listener)
      if (typeof listener === "function") listener.call(signal, event)
      else listener.handleEvent(event)
    }
  }

  static abort(reason: unknown = abortError()): AbortSignal {
    const signal = new AbortSignal()
    AbortSignal.abortUnsafe(signal, reason)
    return signal
  }

  get aborted(): boolean {
    return this.#aborted
  }

  get reason(): unknown {
    return this.#reason
  }

  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason
  }

  addEventListener(type: string, listener: Listener | null, options?: boolean | { readonly once?: boolean }): void {
    if (type !== "abort" || listener === null || this.#listeners.has(listener)) return
    this.#listeners.set(listener, { once: typeof options === "object" && options.once === true })
  }

  removeEventListener(type: string, listener: Listener | null): void {
    if (type === "abort" && listener !== null) this.#listeners.delete(listener)
  }
}

const abortError = () => new DOMException("This operation was aborted", "AbortError")

/** `AbortController` of the DOM Standard. */
export class AbortController {
  readonly signal = new AbortSignal()

  abort(reason: unknown = abortError()): void {
    AbortSignal.abortUnsafe(this.signal, reason)
  }
}
