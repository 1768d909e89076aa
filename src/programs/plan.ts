import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { Hostname } from "../domain/Hostname.ts"
import type { InstanceMetadata } from "../domain/InstanceMetadata.ts"
import type { OvfEnvironment } from "../domain/OvfEnvironment.ts"
import type { PasswordPlan, ProvisioningPlan, RejectedKey, Source, Sourced } from "../domain/ProvisioningPlan.ts"
import type { Reportable } from "../domain/Reportable.ts"
import * as SshPublicKey from "../domain/SshPublicKey.ts"
import { type GroupName, Username } from "../domain/Username.ts"
import type { ImdsError } from "../errors/ImdsError.ts"
import type { MediaError } from "../errors/MediaError.ts"
import { InvalidFieldError, NoAccessError, PasswordNotAllowedError, UsernameMissingError } from "../errors/PlanError.ts"
import { CurrentSettings } from "../services/CurrentSettings.ts"
import { Imds } from "../services/Imds.ts"
import { ProvisioningMedia } from "../services/ProvisioningMedia.ts"

/** What the two sources said. */
export interface Environment {
  readonly imds: Result.Result<InstanceMetadata, ImdsError>
  readonly media: Result.Result<Option.Option<OvfEnvironment>, MediaError>
}

/** A plan, as far as one can be made, and what stands in the way of Ready. */
export interface Planned {
  /** `none` when nobody is named: nothing but the hostname could be done then. */
  readonly plan: Option.Option<ProvisioningPlan>
  readonly hostname: Option.Option<Sourced<Hostname>>
  readonly failures: ReadonlyArray<Reportable>
}

/** Asks IMDS and the provisioning media at the same time; the trouble of either is an answer, not a failure. */
export const getEnvironment: Effect.Effect<Environment, never, Imds | ProvisioningMedia> = Effect.gen(function*() {
  const imds = yield* Imds
  const media = yield* ProvisioningMedia
  const environment = yield* Effect.all(
    {
      imds: Effect.result(imds.instance),
      media: Effect.result(media.environment).pipe(Effect.withSpan("azure_init:get_environment"))
    },
    { concurrency: "unbounded" }
  )
  if (Result.isFailure(environment.imds)) {
    yield* Effect.logWarning("No metadata from IMDS, going on with the provisioning media", {
      error: environment.imds.failure.message
    })
  }
  if (Result.isFailure(environment.media)) {
    yield* Effect.logWarning("The provisioning media is of no use, going on with IMDS", {
      error: environment.media.failure.message
    })
  } else if (Option.isNone(environment.media.success)) {
    yield* Effect.logInfo("There is no provisioning media, going on with IMDS alone")
  }
  return environment
})

/** One source's text for a field; `none` when the source is not there or the text is blank. */
interface Candidate {
  readonly source: Source
  readonly field: string
  readonly text: Option.Option<string>
}

const nonBlank = (text: string): Option.Option<string> => text.trim() === "" ? Option.none() : Option.some(text.trim())

const shownLength = 64

/** The first candidate that decodes; the ones before it that do not are returned as problems. */
const firstValid = <A>(
  candidates: ReadonlyArray<Candidate>,
  decode: (text: string) => Option.Option<A>,
  expected: string
): { readonly value: Option.Option<Sourced<A>>; readonly problems: ReadonlyArray<InvalidFieldError> } => {
  const problems: Array<InvalidFieldError> = []
  for (const { field, source, text } of candidates) {
    if (Option.isNone(text)) continue
    const decoded = decode(text.value)
    if (Option.isSome(decoded)) return { value: Option.some({ value: decoded.value, source }), problems }
    problems.push(new InvalidFieldError({ field, source, found: text.value.slice(0, shownLength), expected }))
  }
  return { value: Option.none(), problems }
}

const decodeUsername = Schema.decodeOption(Username)
const decodeHostname = Schema.decodeOption(Hostname)

/** Why the sources gave no key. */
const troubleOf = ({ imds, media }: Environment): string => {
  const ofImds = Result.match(imds, { onSuccess: () => "it gives none", onFailure: (error) => error.message })
  const ofMedia = Result.match(media, {
    onFailure: (error) => error.message,
    onSuccess: Option.match({
      onNone: () => "there is none",
      onSome: ({ publicKeysWithoutValue }) =>
        publicKeysWithoutValue === 0 ? "it holds none" : `it names ${publicKeysWithoutValue} by fingerprint only`
    })
  })
  return `IMDS: ${ofImds}; media: ${ofMedia}`
}

/**
 * What to report when there is neither a usable key nor a password that counts; `none` when that is what Azure wants: both sources
 * could be asked and neither has, or promises, any.
 */
const whyNobodyGetsIn = (
  environment: Environment,
  user: string,
  password: PasswordPlan,
  rejected: ReadonlyArray<RejectedKey>,
  passwordsDisabled: boolean
): Option.Option<PasswordNotAllowedError | NoAccessError> => {
  if (password._tag === "Withheld") return Option.some(new PasswordNotAllowedError({ user }))
  const because = (detail: string) => Option.some(new NoAccessError({ user, detail }))
  if (rejected.length > 0) {
    const keys = rejected.map((key) =>
      `${key.source} key ${SshPublicKey.placeOf(key)} (${key.fingerprint}): ${key.why}`
    )
    return because(`none of the SSH keys can be used: ${keys.join("; ")}`)
  }
  if (password._tag === "Set") return because("Azure gave a password and no SSH key, and bars logins by password")
  const asked = Result.isSuccess(environment.imds) && Result.isSuccess(environment.media)
    && Option.match(environment.media.success, {
      onNone: () => true,
      onSome: (of) => of.publicKeysWithoutValue === 0
    })
  if (asked && passwordsDisabled) return Option.none()
  return because(
    `there is no SSH key${passwordsDisabled ? "" : ", nor the password that Azure promises"}: ${troubleOf(environment)}`
  )
}

/**
 * Merges what the sources said, field by field, IMDS first, into one decoded plan.
 *
 * `groups` are those of the command line; the settings' when there are none. Nothing of this touches the host.
 */
export const makePlan = Effect.fnUntraced(function*(
  environment: Environment,
  groups: ReadonlyArray<GroupName>
): Effect.fn.Return<Planned, never, CurrentSettings> {
  const settings = yield* CurrentSettings
  const imds = Result.getSuccess(environment.imds)
  const media = Option.flatten(Result.getSuccess(environment.media))
  const failures: Array<Reportable> = []

  const hostname = firstValid(
    [
      {
        source: "IMDS",
        field: "compute.osProfile.computerName",
        text: Option.flatMap(imds, (of) => nonBlank(of.computerName))
      },
      { source: "media", field: "HostName", text: Option.flatMap(media, (of) => Option.flatMap(of.hostname, nonBlank)) }
    ],
    decodeHostname,
    "a host name of at most 64 letters, digits, '-' and '.'"
  )
  if (Option.isNone(hostname.value)) failures.push(...hostname.problems)

  const username = firstValid(
    [
      {
        source: "IMDS",
        field: "compute.osProfile.adminUsername",
        text: Option.flatMap(imds, (of) => nonBlank(of.adminUsername))
      },
      { source: "media", field: "UserName", text: Option.flatMap(media, (of) => Option.flatMap(of.username, nonBlank)) }
    ],
    decodeUsername,
    "a user name of 1 to 32 letters, digits, '_', '.' or '-', starting with a letter or '_'"
  )
  yield* Effect.forEach(
    [
      ...(Option.isSome(hostname.value) ? hostname.problems : []),
      ...(Option.isSome(username.value) ? username.problems : [])
    ],
    (problem) => Effect.logWarning("Took the other source's value for a field", { error: problem.message })
  )

  if (Option.isNone(username.value)) {
    const trouble = username.problems.length > 0
      ? username.problems
      : [
        new UsernameMissingError({
          imds: Result.match(environment.imds, {
            onSuccess: () => "compute.osProfile.adminUsername is empty",
            onFailure: (error) => error.message
          }),
          media: Result.match(environment.media, {
            onSuccess: Option.match({ onNone: () => "there is none", onSome: () => "it has no UserName" }),
            onFailure: (error) => error.message
          })
        })
      ]
    return { plan: Option.none(), hostname: hostname.value, failures: [...trouble, ...failures] }
  }
  const { source: userSource, value: user } = username.value.value

  const fromImds = yield* SshPublicKey.decodeAll(Option.match(imds, {
    onNone: () => [],
    onSome: (of) => of.publicKeys
  }))
  const fromMedia = fromImds.keys.length > 0
    ? { keys: [], rejected: [] }
    : yield* SshPublicKey.decodeAll(Option.match(media, { onNone: () => [], onSome: (of) => of.publicKeys }))
  const keys = fromImds.keys.length > 0 ? fromImds.keys : fromMedia.keys
  const rejectedKeys = [
    ...fromImds.rejected.map((rejected) => ({ ...rejected, source: "IMDS" as const })),
    ...fromMedia.rejected.map((rejected) => ({ ...rejected, source: "media" as const }))
  ]
  for (const rejected of rejectedKeys) {
    yield* Effect.logWarning("Left out an SSH key that sshd would not take", {
      source: rejected.source,
      index: rejected.index,
      ...(rejected.line === undefined ? {} : { line: rejected.line }),
      fingerprint: rejected.fingerprint,
      why: rejected.why
    })
  }

  const given = Option.flatMap(media, (of) => of.password)
  const password: PasswordPlan = Option.match(given, {
    onNone: () => ({ _tag: "Lock" as const }),
    onSome: (secret) =>
      settings.password_provisioners.allow
        ? { _tag: "Set" as const, password: secret }
        : { _tag: "Withheld" as const }
  })
  const passwordsDisabled = Option.match(imds, {
    onSome: (of) => of.disablePasswordAuthentication,
    onNone: () =>
      Option.getOrElse(Option.flatMap(media, (of) => of.disablePasswordAuthentication), () => Option.isNone(given))
  })

  const passwordCounts = password._tag === "Set" && !passwordsDisabled
  if (password._tag === "Withheld" && keys.length > 0) {
    yield* Effect.logWarning(
      "Azure gave a password, which this image does not allow: the account is locked, its SSH keys let the owner in",
      { username: user }
    )
  }
  if (keys.length === 0 && !passwordCounts) {
    const barred = whyNobodyGetsIn(environment, user, password, rejectedKeys, passwordsDisabled)
    if (Option.isSome(barred)) failures.push(barred.value)
    else {
      yield* Effect.logWarning(
        "Azure gave neither an SSH key nor a password: nobody can log in as the administrator yet",
        { username: user }
      )
    }
  } else if (settings.password_provisioners.allow && !passwordsDisabled && Result.isFailure(environment.media)) {
    // The keys let the owner in; the password that Azure has for this VM is missing all the same.
    failures.push(environment.media.failure)
  }
  if (Option.isNone(hostname.value) && hostname.problems.length === 0) {
    yield* Effect.logWarning("Neither source names the host: it keeps its name")
  }
  yield* Option.match(media, {
    onNone: () => Effect.void,
    onSome: (of) =>
      of.preprovisionedVm
        ? Effect.logWarning(
          "This VM says that it is pre-provisioned, which this agent does not handle: going on as usual",
          {
            type: of.preprovisionedVmType
          }
        )
        : Effect.void
  })

  return {
    plan: Option.some({
      username: { value: user, source: userSource },
      groups: groups.length > 0 ? groups : settings.user_provisioners.groups,
      createMissingGroups: settings.user_provisioners.create_missing_groups,
      hostname: hostname.value,
      keys,
      password,
      allowPasswords: !passwordsDisabled
    }),
    hostname: hostname.value,
    failures
  }
}, Effect.withSpan("azure_init:get_username"))
