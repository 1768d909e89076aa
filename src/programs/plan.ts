import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { Hostname } from "../domain/Hostname.ts"
import type { InstanceMetadata } from "../domain/InstanceMetadata.ts"
import { isPreprovisioned, type OvfEnvironment, refusesPasswords } from "../domain/OvfEnvironment.ts"
import type { PasswordPlan, ProvisioningPlan, RejectedKey, Sourced } from "../domain/ProvisioningPlan.ts"
import type { Reportable } from "../domain/Reportable.ts"
import * as SshPublicKey from "../domain/SshPublicKey.ts"
import type { GroupName, Username } from "../domain/Username.ts"
import { NoAccessError, PasswordNotAllowedError } from "../errors/PlanError.ts"
import { CurrentSettings } from "../services/CurrentSettings.ts"
import type { Environment } from "./environment.ts"
import { type Decided, decideHostname, decideUsername, type Notice } from "./names.ts"

/** A plan, as far as one can be made, and what stands in the way of Ready. */
export interface Planned {
  /** `none` when nobody is named: nothing but the hostname could be done then. */
  readonly plan: Option.Option<ProvisioningPlan>
  readonly hostname: Option.Option<Sourced<Hostname>>
  /** In the order of the report: user name, a way in, host name. */
  readonly failures: ReadonlyArray<Reportable>
}

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

/** The keys of IMDS, or of the media when IMDS has no usable one, and those that sshd would not take. */
const decideKeys = Effect.fnUntraced(function*(
  imds: Option.Option<InstanceMetadata>,
  media: Option.Option<OvfEnvironment>
) {
  const textsOf = (source: Option.Option<{ readonly publicKeys: ReadonlyArray<string> }>) =>
    Option.match(source, { onNone: () => [], onSome: (of) => of.publicKeys })
  const fromImds = yield* SshPublicKey.decodeAll(textsOf(imds))
  const fromMedia = yield* SshPublicKey.decodeAll(fromImds.keys.length > 0 ? [] : textsOf(media))
  const rejected: ReadonlyArray<RejectedKey> = [
    ...fromImds.rejected.map((each) => ({ ...each, source: "IMDS" as const })),
    ...fromMedia.rejected.map((each) => ({ ...each, source: "media" as const }))
  ]
  return {
    keys: fromImds.keys.length > 0 ? fromImds.keys : fromMedia.keys,
    rejected,
    notices: rejected.map(({ fingerprint, index, line, source, why }): Notice => ({
      message: "Left out an SSH key that sshd would not take",
      fields: { source, index, ...(line === undefined ? {} : { line }), fingerprint, why }
    }))
  }
})

/** What the account's password is to be, and whether sshd refuses passwords. */
const decidePassword = (
  imds: Option.Option<InstanceMetadata>,
  media: Option.Option<OvfEnvironment>,
  allowed: boolean
): { readonly password: PasswordPlan; readonly disabled: boolean } => ({
  password: Option.match(Option.flatMap(media, (of) => of.password), {
    onNone: () => ({ _tag: "Lock" }),
    onSome: (password) => allowed ? { _tag: "Set", password } : { _tag: "Withheld" }
  }),
  disabled: Option.match(imds, {
    onSome: (of) => of.disablePasswordAuthentication,
    onNone: () => Option.match(media, { onNone: () => true, onSome: refusesPasswords })
  })
})

/** Whether the owner can log in with the keys or the password, and has all that Azure promises. */
const decideAccess = (
  environment: Environment,
  { disabled, keys, password, passwordsAllowed, rejected, user }: {
    readonly user: Username
    readonly keys: ReadonlyArray<SshPublicKey.SshPublicKey>
    readonly rejected: ReadonlyArray<RejectedKey>
    readonly password: PasswordPlan
    readonly disabled: boolean
    readonly passwordsAllowed: boolean
  }
): Omit<Decided<void>, "value"> => {
  const fine = { failures: [], notices: [] }
  if (keys.length === 0 && (password._tag !== "Set" || disabled)) {
    const barred = whyNobodyGetsIn(environment, user, password, rejected, disabled)
    if (Option.isSome(barred)) return { failures: [barred.value], notices: [] }
    const message = "Azure gave neither an SSH key nor a password: nobody can log in as the administrator yet"
    return { failures: [], notices: [{ message, fields: { username: user } }] }
  }
  if (password._tag === "Withheld") {
    const message =
      "Azure gave a password, which this image does not allow: the account is locked, its SSH keys let the owner in"
    return { failures: [], notices: [{ message, fields: { username: user } }] }
  }
  // The keys let the owner in; the password that Azure has for this VM is missing all the same.
  return passwordsAllowed && !disabled && Result.isFailure(environment.media)
    ? { failures: [environment.media.failure], notices: [] }
    : fine
}

const preprovisioned = (disc: OvfEnvironment): ReadonlyArray<Notice> =>
  isPreprovisioned(disc)
    ? [{
      message:
        "This VM says that it is pre-provisioned, which this agent does not handle: provisioning it as any other",
      fields: { type: disc.preprovisionedVmType }
    }]
    : []

/** Merges what the sources said, field by field, IMDS first, into one decoded plan, with what the log has to say. */
const decide = Effect.fnUntraced(function*(
  environment: Environment,
  groups: ReadonlyArray<GroupName>
): Effect.fn.Return<Decided<Omit<Planned, "failures">>, never, CurrentSettings> {
  const settings = yield* CurrentSettings
  const imds = Result.getSuccess(environment.imds)
  const media = Option.flatten(Result.getSuccess(environment.media))
  const hostname = decideHostname(environment)
  const username = decideUsername(environment)
  if (Option.isNone(username.value)) {
    return {
      value: { plan: Option.none(), hostname: hostname.value },
      failures: [...username.failures, ...hostname.failures],
      notices: hostname.notices
    }
  }
  const { keys, notices, rejected } = yield* decideKeys(imds, media)
  const passwordsAllowed = settings.passwordProvisioners.allow
  const { disabled, password } = decidePassword(imds, media, passwordsAllowed)
  const user = username.value.value.value
  const access = decideAccess(environment, { user, keys, rejected, password, disabled, passwordsAllowed })
  const plan: ProvisioningPlan = {
    username: username.value.value,
    groups: groups.length > 0 ? groups : settings.userProvisioners.groups,
    createMissingGroups: settings.userProvisioners.createMissingGroups,
    hostname: hostname.value,
    keys,
    password,
    allowPasswords: !disabled
  }
  return {
    value: { plan: Option.some(plan), hostname: hostname.value },
    failures: [...access.failures, ...hostname.failures],
    notices: [
      ...hostname.notices,
      ...username.notices,
      ...notices,
      ...access.notices,
      ...Option.match(media, { onNone: () => [], onSome: preprovisioned })
    ]
  }
})

/**
 * The plan for what the sources said, with its warnings logged.
 *
 * `groups` are those of the command line; the settings' when there are none. Nothing of this touches the host.
 */
export const makePlan = Effect.fn("azure_init:get_username")(function*(
  environment: Environment,
  groups: ReadonlyArray<GroupName>
): Effect.fn.Return<Planned, never, CurrentSettings> {
  const { failures, notices, value } = yield* decide(environment, groups)
  yield* Effect.forEach(notices, ({ fields, message }) => Effect.logWarning(message, fields))
  return { ...value, failures }
})
