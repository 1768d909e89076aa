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

/** Secrets with none in them. */
export const make = (): Secrets => {
  const needles = Redaction.nothing()
  return {
    add: (secret) => Redaction.hide(needles, Redacted.value(secret)),
    addInput: (input) => Redaction.hideInput(needles, Redacted.value(input)),
    redact: (text) => Redaction.redact(text, needles)
  }
}

/** The secrets of the process; what was one stays one. */
export const Secrets = Context.Reference<Secrets>("azure-init/services/Secrets", { defaultValue: make })
