import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { PlanFailure } from "../domain/PlanFailure.ts"
import * as Plan from "../domain/ProvisioningPlan.ts"
import type { Reportable } from "../domain/Reportable.ts"
import * as SshPublicKey from "../domain/SshPublicKey.ts"
import type { GroupName } from "../domain/Username.ts"
import type { MediaError } from "../errors/MediaError.ts"
import { InvalidFieldError, NoAccessError, PasswordNotAllowedError, UsernameMissingError } from "../errors/PlanError.ts"
import { SettingsLoaded } from "../services/SettingsLoaded.ts"
import type { Environment } from "./environment.ts"

/**
 * The SSH keys of each source; the media's count only where IMDS has no usable one, and are not decoded otherwise. An
 * effect, since keys expire by the clock and the platform makes their fingerprints.
 */
const decodeKeys = Effect.fnUntraced(function*({ imds, media }: Environment) {
  const textsOf = (source: Option.Option<{ readonly publicKeys: ReadonlyArray<string> }>) =>
    Option.match(source, { onNone: () => [], onSome: (of) => of.publicKeys })
  const ofImds = yield* SshPublicKey.decodeAll(textsOf(Result.getSuccess(imds)))
  const ofMedia = yield* SshPublicKey.decodeAll(
    ofImds.keys.length > 0 ? [] : textsOf(Option.flatten(Result.getSuccess(media)))
  )
  return { IMDS: ofImds, media: ofMedia }
})

const toError = (failure: PlanFailure<MediaError>): Reportable => {
  switch (failure._tag) {
    case "UsernameMissing":
      return new UsernameMissingError({ imds: failure.imds, media: failure.media })
    case "InvalidField":
      return new InvalidFieldError(failure.problem)
    case "PasswordNotAllowed":
      return new PasswordNotAllowedError({ user: failure.user })
    case "NoAccess":
      return new NoAccessError({ user: failure.user, detail: failure.detail })
    case "MediaFailed":
      return failure.error
  }
}

/**
 * The plan for what the sources said, and what keeps the VM from being Ready, in the order of the report; logs the
 * plan's warnings.
 *
 * `groups` are those of the command line. Nothing of this touches the host.
 */
export const makePlan = Effect.fn("azure_init:get_username")(function*(
  environment: Environment,
  groups: ReadonlyArray<GroupName>
) {
  const { set, settings } = yield* SettingsLoaded
  const { createMissingGroups, groups: ofSettings } = settings.userProvisioners
  const sourceOf = (key: string) => set.has(key) ? "settings" : "default"
  const { failures, notices, plan } = Plan.make(
    { ...environment, keys: yield* decodeKeys(environment) },
    {
      groups: { value: ofSettings, source: sourceOf("user_provisioners.groups") },
      createMissingGroups: {
        value: createMissingGroups,
        source: sourceOf("user_provisioners.create_missing_groups")
      },
      allowPassword: settings.passwordProvisioners.allow
    },
    groups
  )
  yield* Effect.forEach(notices, ({ fields, message }) => Effect.logWarning(message, fields))
  return { plan, failures: failures.map(toError) }
})
