import * as Context from "effect/Context"
import * as Redacted from "effect/Redacted"
import * as Redaction from "../domain/Redaction.ts"

/** The secrets that this process has met, so that no helper's output can carry one out. */
export interface Secrets {
  /** Remembers a secret, from the moment when it is read. */
  readonly add: (secret: Redacted.Redacted<string>) => void
  /** Remembers what a helper is given on its standard input. */
  readonly addInput: (input: Redacted.Redacted<string>) => void
  /** The text without any of them. */
  readonly redact: (text: string) => string
}

/**
 * Secrets with none in them. They are taken apart only when there is a text to look through: custom data may have 64
 * KiB, and on most boots no helper says anything.
 */
export const make = (): Secrets => {
  const needles = Redaction.nothing()
  const waiting: Array<() => void> = []
  return {
    add: (secret) => void waiting.push(() => Redaction.hide(needles, Redacted.value(secret))),
    addInput: (input) => void waiting.push(() => Redaction.hideInput(needles, Redacted.value(input))),
    redact: (text) => {
      if (text.trim() === "") return text
      for (const hide of waiting.splice(0)) hide()
      return Redaction.redact(text, needles)
    }
  }
}

/** The secrets of the process; what was one stays one. */
export const Secrets = Context.Reference<Secrets>("azure-init/services/Secrets", { defaultValue: make })
