import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { ProvisioningPlan } from "../domain/ProvisioningPlan.ts"
import { exitStatusOf, type Reportable } from "../domain/Reportable.ts"
import { renderSettings } from "../domain/SettingsDocument.ts"
import type { GroupName } from "../domain/Username.ts"
import { build } from "../domain/Version.ts"
import { unknownVmId, type VmId } from "../domain/VmId.ts"
import { ProvisioningFailed } from "../errors/ProvisioningFailed.ts"
import { formatProblem, SettingsError, type SettingsProblem } from "../errors/SettingsError.ts"
import { UnhandledError } from "../errors/UnhandledError.ts"
import { UserError } from "../errors/UserError.ts"
import { ProvisioningMedia } from "../services/ProvisioningMedia.ts"
import { ProvisioningState } from "../services/ProvisioningState.ts"
import { SettingsLoaded } from "../services/SettingsLoaded.ts"
import type { LoadedSettings } from "../services/SettingsSource.ts"
import { SshProvisioner } from "../services/SshProvisioner.ts"
import { VmIdentity } from "../services/VmIdentity.ts"
import { applyPlan, failuresOf } from "./apply.ts"
import { getEnvironment } from "./environment.ts"
import { makePlan } from "./plan.ts"
import { reportFailure, reportInProgress, reportReady } from "./report.ts"

/**
 * An agent that finds another one at work waits this long for it; a first boot takes well under a minute when Azure
 * answers.
 */
const lockWait = "60 seconds"

/** What is reported of the names in the environment that no group can have. */
const wrongGroupsOf = ({ account }: ProvisioningPlan, wrongGroups: ReadonlyArray<string>): ReadonlyArray<UserError> =>
  wrongGroups.length === 0 ? [] : [
    new UserError({
      user: Option.match(account, { onNone: () => "nobody", onSome: ({ username }) => username.value }),
      operation: `join the groups ${wrongGroups.join(", ")}`,
      detail: "AZURE_INIT_USER_GROUPS: expected names of 1 to 32 letters, digits, '_', '.' or '-', separated by commas"
    })
  ]

/**
 * From the first request to the durable marker of a configured VM; returns what failed, nothing when the VM is as Azure
 * wants it.
 *
 * The order is that of the report: the plan, the groups of the environment, the work, the provisioning media.
 */
const configure = Effect.fn("azure_init:provision")(function*(
  vmId: VmId,
  groups: ReadonlyArray<GroupName>,
  wrongGroups: ReadonlyArray<string>
) {
  const state = yield* ProvisioningState
  const ssh = yield* SshProvisioner
  yield* ssh.prepare
  const identity = yield* VmIdentity
  const { kernel, os } = yield* identity.software
  yield* Effect.logInfo(`Kernel Version: ${kernel}, OS Version: ${os}, Azure-Init Version: ${build.version}`)
  const environment = yield* getEnvironment
  const { failures: planned, plan } = yield* makePlan(environment, groups)
  const media = yield* ProvisioningMedia
  const failures = [
    ...planned,
    ...wrongGroupsOf(plan, wrongGroups),
    ...yield* applyPlan(plan),
    ...yield* failuresOf(media.released)
  ]
  return failures.length === 0 ? yield* failuresOf(state.markConfigured(vmId)) : failures
})

/** Logs the failures at once, reports them, and ends the agent with their exit status. */
const fail = Effect.fnUntraced(function*(vmId: VmId, failures: Arr.NonEmptyReadonlyArray<Reportable>) {
  const detail = failures.map((failure) => failure.message).join("; ")
  yield* Effect.logError(`Provisioning failed: ${detail}`)
  yield* reportFailure(vmId, failures).pipe(
    Effect.catch((error) => Effect.logError("Azure does not know of the failure", { error: error.message }))
  )
  return yield* new ProvisioningFailed({ status: exitStatusOf(failures), detail })
})

/** Ends the agent without a word to Azure, who has heard from this VM or is about to. */
const leave = Effect.fnUntraced(function*(why: string, detail: string) {
  yield* Effect.logError(why, { error: detail })
  return yield* new ProvisioningFailed({ status: 1, detail: `${why}: ${detail}` })
})

const formatAll = (problems: ReadonlyArray<SettingsProblem>): string => problems.map(formatProblem).join("; ")

/** Reports Ready until Azure has accepted it, then writes the marker that keeps later boots from doing anything. */
const finish = Effect.fnUntraced(function*(vmId: VmId) {
  const state = yield* ProvisioningState
  yield* reportReady(vmId).pipe(
    Effect.catch((error) => leave("The VM is configured, but not reported: the next boot reports again", error.message))
  )
  yield* state.markReported(vmId).pipe(
    Effect.catch((error) => leave("Azure has accepted Ready, and the next boot will report it again", error.message))
  )
  yield* Effect.logInfo("Provisioning is complete")
})

/** The VM's id; the one of azure-init for an unknown VM, with a warning, where the firmware shows none. */
const identify = Effect.gen(function*() {
  const identity = yield* VmIdentity
  const { platform, vmId } = yield* Effect.all({
    vmId: identity.vmId.pipe(
      Effect.catch((error) =>
        Effect.as(
          Effect.logWarning("This VM's id is unknown: its marker counts for its clones as well", {
            error: error.message
          }),
          unknownVmId
        )
      )
    ),
    platform: identity.platform
  }, { concurrency: "unbounded" })
  if (platform === "other") yield* Effect.logWarning("The chassis asset tag is not Azure's: going on all the same")
  return vmId
})

/** Logs what is wrong in the settings files, before anything that could wait for the platform or for another agent. */
const announceSettings = Effect.fnUntraced(function*({ errors, files, settings, warnings }: LoadedSettings) {
  yield* Effect.forEach(
    errors,
    (problem) => Effect.logError("A setting is wrong, nothing is provisioned", { problem: formatProblem(problem) })
  )
  yield* Effect.logInfo("The settings in force", { files: files.join(" "), settings: renderSettings(settings) })
  yield* Effect.forEach(
    warnings,
    (problem) => Effect.logWarning("A setting is not known and has no effect", { problem: formatProblem(problem) })
  )
})

/** Keeps other agents out, then tells how far this VM has come; fails when the settings are wrong. */
const begin = Effect.fnUntraced(function*(vmId: VmId) {
  const { errors } = yield* SettingsLoaded
  const state = yield* ProvisioningState
  yield* state.lock(lockWait).pipe(
    Effect.catch((error) =>
      error.code === "EWOULDBLOCK"
        ? leave("Another agent is at work on this VM: leaving it to that one", error.message)
        : Effect.logWarning("Cannot keep a second agent out, going on", { error: error.message })
    )
  )
  const progress = yield* state.progress(vmId)
  if (!Arr.isReadonlyArrayNonEmpty(errors)) return progress
  return progress === "reported"
    ? yield* leave("The settings are wrong, and this VM is provisioned already", formatAll(errors))
    : yield* fail(vmId, [new SettingsError({ problems: errors })])
})

/** Reports a defect like any other failure. Only before Ready: nothing may reach Azure after it has accepted that. */
const beforeReady = <A, E, R>(vmId: VmId, work: Effect.Effect<A, E, R>) =>
  Effect.catchCauseIf(
    work,
    Cause.hasDies,
    (cause) => fail(vmId, [new UnhandledError({ detail: Cause.pretty(cause) })])
  )

/** Configures the VM, beside the in-progress report; fails, with everything reported, when a part of it does. */
const configureOrFail = Effect.fnUntraced(function*(
  vmId: VmId,
  groups: ReadonlyArray<GroupName>,
  wrongGroups: ReadonlyArray<string>
) {
  const failures = yield* Effect.scoped(
    Effect.andThen(reportInProgress(vmId), configure(vmId, groups, wrongGroups))
  )
  if (Arr.isReadonlyArrayNonEmpty(failures)) return yield* fail(vmId, failures)
})

/**
 * The agent: provisions this VM once, and reports it once.
 *
 * A VM that has been reported is left alone, one that has been configured is only reported. `groups` are the
 * administrator's groups from the command line or the environment, `wrongGroups` what the environment names and no
 * group can be called. Fails, with everything reported and logged, as {@link ProvisioningFailed}.
 */
export const provision = Effect.fnUntraced(
  function*(groups: ReadonlyArray<GroupName>, wrongGroups: ReadonlyArray<string> = []) {
    yield* announceSettings(yield* SettingsLoaded)
    const vmId = yield* identify
    const progress = yield* beforeReady(vmId, begin(vmId))
    switch (progress) {
      case "reported":
        return
      case "configured":
        return yield* finish(vmId)
      case "unprovisioned":
        yield* beforeReady(vmId, configureOrFail(vmId, groups, wrongGroups))
        return yield* finish(vmId)
    }
  },
  // The lock is held until Azure has accepted Ready.
  Effect.scoped
)
