import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** What became of an input: a value, or an error of a known type. Anything else is a finding. */
export type Outcome =
  | { readonly _tag: "Value"; readonly detail: string; readonly whole: unknown }
  | { readonly _tag: "Refused"; readonly error: string; readonly detail: string; readonly whole: unknown }

/** A server on this machine that answers every connection with the same bytes. */
export interface Server {
  /** Its URL, without a path. */
  readonly origin: string
  /** Says what it answers from now on. */
  readonly answer: (bytes: Uint8Array) => void
}

/** One decoder of the agent, from bytes on. */
export interface Target {
  readonly name: string
  /** Whole documents to start from. */
  readonly documents: () => ReadonlyArray<Uint8Array>
  /** Pieces that mean something in this format. */
  readonly words: ReadonlyArray<string>
  /**
   * Starts what the decoder needs below a directory of its own, and gives the decoder. A promise about the answer that
   * is broken, such as a key that does not decode to itself, is thrown as an error.
   */
  readonly open: (
    directory: string,
    server: Server
  ) => Effect.Effect<(bytes: Uint8Array<ArrayBuffer>) => Effect.Effect<Outcome, never, Scope.Scope>, never, Scope.Scope>
}

/**
 * The input was taken; `detail` tells kinds of answers apart, to keep inputs that lead to new ones. `whole` is all that
 * the decoder gave and left behind, in which two engines have to agree.
 */
export const value = (detail = "", whole: unknown = undefined): Outcome => ({ _tag: "Value", detail, whole })

/** The input was refused with an error of this type. */
export const refused = (error: string, detail: string, whole: unknown = undefined): Outcome => ({
  _tag: "Refused",
  error,
  detail,
  whole
})
