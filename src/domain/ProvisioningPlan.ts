import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { Hostname } from "./Hostname.ts"
import type { InstanceMetadata } from "./InstanceMetadata.ts"
import { isPreprovisioned, type OvfEnvironment, refusesPasswords } from "./OvfEnvironment.ts"
import type { Decided, Notice, PlanFailure } from "./PlanFailure.ts"
import { decideHostname, decideUsername } from "./PlannedNames.ts"
import type { PlanSettings, PlanSources, PlatformSource, Sourced, SourceFailure } from "./PlanSources.ts"
import { placeOf, type RejectedLine, type SshPublicKey } from "./SshPublicKey.ts"
import type { GroupName, Username } from "./Username.ts"

/** What the account's password is to be. */
export type PasswordPlan =
  | { readonly _tag: "Lock" }
  | { readonly _tag: "Set"; readonly password: Redacted.Redacted<string> }
  /**
   * Azure gave a password, and the settings do not allow to set one: the account is locked, its keys let the owner in.
   */
  | { readonly _tag: "Withheld" }

/** What the administrator's account is to be, and who may log in to it. */
export interface AccountPlan {
  readonly username: Sourced<Username, PlatformSource>
  readonly groups: Sourced<ReadonlyArray<GroupName>>
  readonly createMissingGroups: Sourced<boolean>
  readonly keys: Sourced<ReadonlyArray<SshPublicKey>>
  readonly password: Sourced<PasswordPlan>
  /** Whether sshd is to accept passwords, as Azure asked. */
  readonly allowPasswords: Sourced<boolean>
}

/** Everything the agent is going to do, decoded and checked, each field with its source. */
export interface ProvisioningPlan {
  /** `none` when neither source names the host: it keeps the image's name. */
  readonly hostname: Option.Option<Sourced<Hostname, PlatformSource>>
  /** `none` when neither source names the administrator: the host name is all that can be set then. */
  readonly account: Option.Option<AccountPlan>
}

/** A plan, as far as one can be made, what keeps the VM from being Ready, and what the log warns of. */
export interface MadePlan<E extends SourceFailure> {
  readonly plan: ProvisioningPlan
  /** In the order of the report: user name, credentials, host name. */
  readonly failures: ReadonlyArray<PlanFailure<E>>
  /** In the order of the log: host name, user name, keys, credentials, pre-provisioning. */
  readonly notices: ReadonlyArray<Notice>
}

/** A key that sshd would not accept; `index` is that of the key in its source. */
interface RejectedKey extends RejectedLine {
  readonly source: PlatformSource
}

/** The account's credentials, and the keys that are none. */
interface Credentials extends Pick<AccountPlan, "keys" | "password" | "allowPasswords"> {
  readonly rejected: ReadonlyArray<RejectedKey>
}

/** The usable keys of IMDS, or of the media when IMDS has none, and those that sshd would not accept. */
const decideKeys = ({ keys: { IMDS, media } }: PlanSources): Pick<Credentials, "keys" | "rejected"> => {
  const ofImds = IMDS.rejected.map((each) => ({ ...each, source: "IMDS" as const }))
  if (IMDS.keys.length > 0) return { keys: { value: IMDS.keys, source: "IMDS" }, rejected: ofImds }
  return {
    keys: { value: media.keys, source: media.keys.length > 0 ? "media" : "default" },
    rejected: [...ofImds, ...media.rejected.map((each) => ({ ...each, source: "media" as const }))]
  }
}

const leftOut = ({ fingerprint, index, line, source, why }: RejectedKey): Notice => ({
  message: "Left out an SSH key that sshd would not take",
  fields: { source, index, ...(line === undefined ? {} : { line }), fingerprint, why }
})

const decidePassword = (media: Option.Option<OvfEnvironment>, allowed: boolean): Sourced<PasswordPlan> =>
  Option.match(Option.flatMap(media, (of) => of.password), {
    onNone: () => ({ value: { _tag: "Lock" }, source: "default" }),
    onSome: (password) => ({ value: allowed ? { _tag: "Set", password } : { _tag: "Withheld" }, source: "media" })
  })

/** Whether sshd is to accept passwords. Media with neither a flag nor a password say nothing of it. */
const decideAllowPasswords = (
  imds: Option.Option<InstanceMetadata>,
  media: Option.Option<OvfEnvironment>
): Sourced<boolean> =>
  Option.match(imds, {
    onSome: (of) => ({ value: !of.disablePasswordAuthentication, source: "IMDS" }),
    onNone: () =>
      Option.match(
        Option.filter(media, (of) => Option.isSome(of.disablePasswordAuthentication) || Option.isSome(of.password)),
        {
          onSome: (of) => ({ value: !refusesPasswords(of), source: "media" }),
          onNone: () => ({ value: false, source: "default" })
        }
      )
  })

/** Why neither source gave a key. */
const whyNoKey = ({ imds, media }: PlanSources): string => {
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
 * Why nobody could log in with neither a usable key nor a password that counts; `none` when that is what Azure wants:
 * both sources answered, and neither has or promises any.
 */
const whyNoAccess = (
  sources: PlanSources,
  user: Username,
  { allowPasswords, password, rejected }: Credentials
): Option.Option<PlanFailure> => {
  if (password.value._tag === "Withheld") return Option.some({ _tag: "PasswordNotAllowed", user })
  const because = (detail: string) => Option.some<PlanFailure>({ _tag: "NoAccess", user, detail })
  if (rejected.length > 0) {
    const keys = rejected.map((key) => `${key.source} key ${placeOf(key)} (${key.fingerprint}): ${key.why}`)
    return because(`none of the SSH keys can be used: ${keys.join("; ")}`)
  }
  if (password.value._tag === "Set") {
    return because("Azure gave a password and no SSH key, and bars logins by password")
  }
  const answered = Result.isSuccess(sources.imds) && Result.isSuccess(sources.media)
    && Option.match(sources.media.success, { onNone: () => true, onSome: (of) => of.publicKeysWithoutValue === 0 })
  if (answered && !allowPasswords.value) return Option.none()
  const promised = allowPasswords.value ? ", nor the password that Azure promises" : ""
  return because(`there is no SSH key${promised}: ${whyNoKey(sources)}`)
}

/** Whether the owner can log in with the credentials, and has all that Azure promises. */
const decideAccess = <E extends SourceFailure>(
  sources: PlanSources<E>,
  user: Username,
  credentials: Credentials,
  allowPassword: boolean
): Omit<Decided<void, E>, "value"> => {
  const { allowPasswords, keys, password } = credentials
  const warning = (message: string) => ({ failures: [], notices: [{ message, fields: { username: user } }] })
  if (keys.value.length === 0 && (password.value._tag !== "Set" || !allowPasswords.value)) {
    return Option.match(whyNoAccess(sources, user, credentials), {
      onSome: (failure) => ({ failures: [failure], notices: [] }),
      onNone: () => warning("Azure gave neither an SSH key nor a password: nobody can log in as the administrator yet")
    })
  }
  if (password.value._tag === "Withheld") {
    return warning(
      "Azure gave a password, which this image does not allow: the account is locked, its SSH keys let the owner in"
    )
  }
  // The keys let the owner in; the password that Azure has for this VM is missing all the same.
  return allowPassword && allowPasswords.value && Result.isFailure(sources.media)
    ? { failures: [{ _tag: "MediaFailed", error: sources.media.failure }], notices: [] }
    : { failures: [], notices: [] }
}

const preprovisioned = (media: OvfEnvironment): Notice => ({
  message: "This VM says that it is pre-provisioned, which this agent does not handle: provisioning it like any other",
  fields: { type: media.preprovisionedVmType }
})

/**
 * Merges what the sources said, field by field, IMDS before the media, into one decoded plan.
 *
 * `groups` are those of the command line; the settings' count when there are none.
 */
export const make = <E extends SourceFailure>(
  sources: PlanSources<E>,
  settings: PlanSettings,
  groups: ReadonlyArray<GroupName>
): MadePlan<E> => {
  const imds = Result.getSuccess(sources.imds)
  const media = Option.flatten(Result.getSuccess(sources.media))
  const hostname = decideHostname(sources)
  const username = decideUsername(sources)
  if (Option.isNone(username.value)) {
    return {
      plan: { hostname: hostname.value, account: Option.none() },
      failures: [...username.failures, ...hostname.failures],
      notices: hostname.notices
    }
  }
  const { keys, rejected } = decideKeys(sources)
  const password = decidePassword(media, settings.allowPassword)
  const allowPasswords = decideAllowPasswords(imds, media)
  const credentials = { keys, rejected, password, allowPasswords }
  const access = decideAccess(sources, username.value.value.value, credentials, settings.allowPassword)
  const account: AccountPlan = {
    username: username.value.value,
    groups: groups.length > 0 ? { value: groups, source: "command line" } : settings.groups,
    createMissingGroups: settings.createMissingGroups,
    keys,
    password,
    allowPasswords
  }
  return {
    plan: { hostname: hostname.value, account: Option.some(account) },
    failures: [...access.failures, ...hostname.failures],
    notices: [
      ...hostname.notices,
      ...username.notices,
      ...rejected.map(leftOut),
      ...access.notices,
      ...Option.toArray(Option.filter(media, isPreprovisioned)).map(preprovisioned)
    ]
  }
}
