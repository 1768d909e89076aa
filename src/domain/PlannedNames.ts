import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Hostname from "./Hostname.ts"
import { type Decided, formatInvalidField, type InvalidField, type Notice, type PlanFailure } from "./PlanFailure.ts"
import type { PlanSources, PlatformSource, Sourced } from "./PlanSources.ts"
import { Username } from "./Username.ts"

/** What the platform said of names, or why it said nothing. */
type NameSources = Pick<PlanSources, "imds" | "media">

/** One source's text for a field; `none` when the source is not there or the text is blank. */
interface Candidate {
  readonly source: PlatformSource
  readonly field: string
  readonly text: Option.Option<string>
}

const nonBlank = (text: string): Option.Option<string> => text.trim() === "" ? Option.none() : Option.some(text.trim())

/** So much of a wrong value is shown, in characters. */
const shownLength = 64

const invalidField = (field: string, source: PlatformSource, text: string, expected: string): InvalidField => {
  const characters = Array.from(text)
  const found = characters.slice(0, shownLength).join("")
  return { field, source, found, length: characters.length, expected }
}

/** The first candidate that decodes, and what is wrong with the ones before it. */
const firstValid = <A>(
  candidates: ReadonlyArray<Candidate>,
  decode: (text: string) => Option.Option<A>,
  expected: string
): {
  readonly value: Option.Option<Sourced<A, PlatformSource> & { readonly text: string }>
  readonly problems: ReadonlyArray<InvalidField>
} => {
  const problems: Array<InvalidField> = []
  for (const { field, source, text } of candidates) {
    if (Option.isNone(text)) continue
    const decoded = decode(text.value)
    if (Option.isSome(decoded)) {
      return { value: Option.some({ value: decoded.value, source, text: text.value }), problems }
    }
    problems.push(invalidField(field, source, text.value, expected))
  }
  return { value: Option.none(), problems }
}

const tookOther = (problem: InvalidField): Notice => ({
  message: "Took the other source's value for a field",
  fields: { error: formatInvalidField(problem) }
})

const failed = (problem: InvalidField): PlanFailure => ({ _tag: "InvalidField", problem })

const parts = ({ imds, media }: NameSources) => ({
  imds: Result.getSuccess(imds),
  media: Option.flatten(Result.getSuccess(media))
})

/** What the VM is to be called; `none` when no source names it: it keeps its name. */
export const decideHostname = (
  sources: NameSources
): Decided<Option.Option<Sourced<Hostname.Hostname, PlatformSource>>> => {
  const { imds, media } = parts(sources)
  const { problems, value } = firstValid(
    [
      {
        source: "IMDS",
        field: "compute.osProfile.computerName",
        text: Option.flatMap(imds, (of) => nonBlank(of.computerName))
      },
      { source: "media", field: "HostName", text: Option.flatMap(media, (of) => Option.flatMap(of.hostname, nonBlank)) }
    ],
    Hostname.fromName,
    `a host name of at most ${Hostname.maximumHostname} letters, digits, '-' and '.'`
  )
  if (Option.isNone(value)) {
    const notices = [{ message: "Neither source names the host: it keeps its name", fields: {} }]
    return { value, failures: problems.map(failed), notices: problems.length === 0 ? notices : [] }
  }
  const { source, text, value: hostname } = value.value
  return {
    value: Option.some({ value: hostname, source }),
    failures: [],
    notices: [
      ...problems.map(tookOther),
      ...(text.length <= Hostname.maximumHostname ? [] : [{
        message: "The domain name is longer than a host name of Linux, using its first label",
        fields: { source, name: text, length: text.length, hostname }
      }])
    ]
  }
}

/** What the administrator is to be called; `none` when no source has a name that Linux takes. */
export const decideUsername = (sources: NameSources): Decided<Option.Option<Sourced<Username, PlatformSource>>> => {
  const { imds, media } = parts(sources)
  const { problems, value } = firstValid(
    [
      {
        source: "IMDS",
        field: "compute.osProfile.adminUsername",
        text: Option.flatMap(imds, (of) => nonBlank(of.adminUsername))
      },
      { source: "media", field: "UserName", text: Option.flatMap(media, (of) => Option.flatMap(of.username, nonBlank)) }
    ],
    Schema.decodeOption(Username),
    "a user name of 1 to 32 letters, digits, '_', '.' or '-', starting with a letter or '_'"
  )
  if (Option.isSome(value)) {
    const { source, value: username } = value.value
    return { value: Option.some({ value: username, source }), failures: [], notices: problems.map(tookOther) }
  }
  return { value, failures: problems.length > 0 ? problems.map(failed) : [usernameMissing(sources)], notices: [] }
}

const usernameMissing = ({ imds, media }: NameSources): PlanFailure => ({
  _tag: "UsernameMissing",
  imds: Result.match(imds, {
    onSuccess: () => "compute.osProfile.adminUsername is empty",
    onFailure: (error) => error.message
  }),
  media: Result.match(media, {
    onSuccess: Option.match({ onNone: () => "there is none", onSome: () => "it has no UserName" }),
    onFailure: (error) => error.message
  })
})
