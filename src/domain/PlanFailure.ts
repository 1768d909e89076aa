import type { PlatformSource, SourceFailure } from "./PlanSources.ts"

/** A field of a source that Linux cannot use. */
export interface InvalidField {
  /** The field as its source names it: `compute.osProfile.adminUsername`, `HostName`. */
  readonly field: string
  readonly source: PlatformSource
  /** The value, or its beginning. */
  readonly found: string
  /** How many characters the whole value has. */
  readonly length: number
  readonly expected: string
}

/** `SOURCE: FIELD: found …, expected …`. */
export const formatInvalidField = ({ expected, field, found, length, source }: InvalidField): string => {
  const shown = Array.from(found).length
  const cut = shown < length ? ` (the first ${shown} of ${length} characters)` : ""
  return `${source}: ${field}: found ${JSON.stringify(found)}${cut}, expected ${expected}`
}

/** What keeps a VM with this plan from being Ready; the errors of the same names say it to Azure. */
export type PlanFailure<E extends SourceFailure = never> =
  /** No source names the administrator; a sentence about each. */
  | { readonly _tag: "UsernameMissing"; readonly imds: string; readonly media: string }
  | { readonly _tag: "InvalidField"; readonly problem: InvalidField }
  /** The password is the only credential, and the settings do not allow it. */
  | { readonly _tag: "PasswordNotAllowed"; readonly user: string }
  | { readonly _tag: "NoAccess"; readonly user: string; readonly detail: string }
  /** Azure promises a password, and the media that holds it failed. */
  | { readonly _tag: "MediaFailed"; readonly error: E }

/** A warning for the log: it keeps nothing from being Ready. */
export interface Notice {
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** A part of the plan, what keeps the VM from being Ready, and what the log warns of. */
export interface Decided<A, E extends SourceFailure = never> {
  readonly value: A
  readonly failures: ReadonlyArray<PlanFailure<E>>
  readonly notices: ReadonlyArray<Notice>
}
