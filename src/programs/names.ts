import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Hostname from "../domain/Hostname.ts"
import type { Source, Sourced } from "../domain/ProvisioningPlan.ts"
import type { Reportable } from "../domain/Reportable.ts"
import { Username } from "../domain/Username.ts"
import { InvalidFieldError, UsernameMissingError } from "../errors/PlanError.ts"
import type { Environment } from "./environment.ts"

/** Something for the log that stands in nobody's way. */
export interface Notice {
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** A part of the plan, what keeps the VM from being ready, and what the log has to say. */
export interface Decided<A> {
  readonly value: A
  readonly failures: ReadonlyArray<Reportable>
  readonly notices: ReadonlyArray<Notice>
}

/** One source's text for a field; `none` when the source is not there or the text is blank. */
interface Candidate {
  readonly source: Source
  readonly field: string
  readonly text: Option.Option<string>
}

const nonBlank = (text: string): Option.Option<string> => text.trim() === "" ? Option.none() : Option.some(text.trim())

/** So much of a wrong value is shown, in characters. */
const shownLength = 64

const invalidField = (field: string, source: Source, text: string, expected: string) => {
  const characters = Array.from(text)
  const found = characters.slice(0, shownLength).join("")
  return new InvalidFieldError({ field, source, found, length: characters.length, expected })
}

/** The first candidate that decodes, and what is wrong with the ones before it. */
const firstValid = <A>(
  candidates: ReadonlyArray<Candidate>,
  decode: (text: string) => Option.Option<A>,
  expected: string
): {
  readonly value: Option.Option<Sourced<A> & { readonly text: string }>
  readonly problems: ReadonlyArray<InvalidFieldError>
} => {
  const problems: Array<InvalidFieldError> = []
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

const tookOther = (problem: InvalidFieldError): Notice => ({
  message: "Took the other source's value for a field",
  fields: { error: problem.message }
})

const parts = (environment: Environment) => ({
  imds: Result.getSuccess(environment.imds),
  media: Option.flatten(Result.getSuccess(environment.media))
})

/** What the VM is to be called; `none` when no source names it: it keeps its name. */
export const decideHostname = (environment: Environment): Decided<Option.Option<Sourced<Hostname.Hostname>>> => {
  const { imds, media } = parts(environment)
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
    return { value, failures: problems, notices: problems.length === 0 ? notices : [] }
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
export const decideUsername = (environment: Environment): Decided<Option.Option<Sourced<Username>>> => {
  const { imds, media } = parts(environment)
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
  return { value, failures: problems.length > 0 ? problems : [usernameMissing(environment)], notices: [] }
}

const usernameMissing = ({ imds, media }: Environment) =>
  new UsernameMissingError({
    imds: Result.match(imds, {
      onSuccess: () => "compute.osProfile.adminUsername is empty",
      onFailure: (error) => error.message
    }),
    media: Result.match(media, {
      onSuccess: Option.match({ onNone: () => "there is none", onSome: () => "it has no UserName" }),
      onFailure: (error) => error.message
    })
  })
