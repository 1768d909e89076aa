import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Tracer from "effect/Tracer"
import type { ProvisioningPlan } from "../domain/ProvisioningPlan.ts"
import type { Reportable } from "../domain/Reportable.ts"
import { renderSettings } from "../domain/Settings.ts"
import type { UserAccount } from "../domain/UserAccount.ts"
import type { GroupName } from "../domain/Username.ts"
import { version } from "../domain/Version.ts"
import { unknownVmId, type VmId } from "../domain/VmId.ts"
import { ProvisioningFailed } from "../errors/ProvisioningFailed.ts"
import { formatProblem, SettingsError, type SettingsProblem } from "../errors/SettingsError.ts"
import { UnhandledError } from "../errors/UnhandledError.ts"
import { UserError } from "../errors/UserError.ts"
import { CurrentSettings } from "../services/CurrentSettings.ts"
import { HostnameProvisioner } from "../services/HostnameProvisioner.ts"
import { PasswordProvisioner } from "../services/PasswordProvisioner.ts"
import { ProvisioningMedia } from "../services/ProvisioningMedia.ts"
import { ProvisioningState } from "../services/ProvisioningState.ts"
import { SettingsLoaded } from "../services/SettingsLoaded.ts"
import { SshProvisioner } from "../services/SshProvisioner.ts"
import { UserProvisioner } from "../services/UserProvisioner.ts"
import { VmIdentity } from "../services/VmIdentity.ts"
import { getEnvironment, makePlan } from "./plan.ts"
import { reportFailure, reportInProgress, reportReady } from "./report.ts"

/** An agent that finds another one at work waits this long for it; a first boot takes well under a minute when Azure answers. */
const lockWait = "60 seconds"

/** Runs one branch to its end; what fails in it, a defect included, is kept with the others' failures and does not cut those off. */
const branch = Effect.fnUntraced(function*<A, E extends Reportable, R>(
  failures: Array<Reportable>,
  work: Effect.Effect<A, E, R>
) {
  const exit = yield* Effect.exit(work)
  if (Exit.isSuccess(exit)) return Option.some(exit.value)
  const error = Option.getOrElse(
    Cause.findErrorOption(exit.cause),
    () => new UnhandledError({ detail: Cause.pretty(exit.cause) })
  )
  yield* Effect.logError("A part of provisioning failed", { error: error.message })
  failures.push(error)
  return Option.none<A>()
})

/** What an account needs to let its owner in: password, keys and sudo, together. */
const provisionAccess = Effect.fnUntraced(function*(
  failures: Array<Reportable>,
  plan: ProvisioningPlan,
  account: UserAccount,
  outer: Tracer.AnySpan | undefined
) {
  const password = yield* PasswordProvisioner
  const ssh = yield* SshProvisioner
  const users = yield* UserProvisioner
  yield* Effect.all([
    branch(
      failures,
      plan.password._tag === "Set"
        ? password.set(account.name, plan.password.password)
        : password.lock(account.name)
    ),
    branch(
      failures,
      plan.keys.length === 0
        ? Effect.void
        : ssh.installKeys(account, plan.keys).pipe(Effect.withSpan("provision:provision_ssh_keys", { parent: outer }))
    ),
    branch(failures, users.grantSudo(account.name))
  ], { concurrency: "unbounded", discard: true })
})

/** Does all that the plan says, every branch at once and to its end, and returns what failed. */
const applyPlan = Effect.fn("provision:provision")(function*(planned: {
  readonly plan: Option.Option<ProvisioningPlan>
  readonly hostname: ProvisioningPlan["hostname"]
}) {
  const settings = yield* CurrentSettings
  const hostnames = yield* HostnameProvisioner
  const users = yield* UserProvisioner
  const ssh = yield* SshProvisioner
  const failures: Array<Reportable> = []
  const outer = Option.getOrUndefined(yield* Effect.option(Effect.currentSpan))

  const hostname = Option.match(planned.hostname, {
    onNone: () => Effect.void,
    onSome: ({ value }) => branch(failures, hostnames.set(value).pipe(Effect.withSpan("provision:set_hostname")))
  })
  const user = Option.match(planned.plan, {
    onNone: () => Effect.void,
    onSome: (plan) =>
      Effect.gen(function*() {
        const account = yield* branch(
          failures,
          users.ensure({
            name: plan.username.value,
            groups: plan.groups,
            createMissingGroups: plan.createMissingGroups
          }).pipe(Effect.withSpan("provision:create_user"))
        )
        if (Option.isNone(account)) return
        for (const problem of account.value.problems) yield* branch(failures, Effect.fail(problem))
        yield* provisionAccess(failures, plan, account.value.account, outer)
      })
  })
  const sshd = Option.match(planned.plan, {
    onNone: () => Effect.void,
    onSome: (plan) =>
      settings.ssh.configure_sshd_password_authentication
        ? branch(
          failures,
          ssh.allowPasswords(plan.allowPasswords).pipe(Effect.withSpan("provision:update_ssh_config"))
        )
        : Effect.void
  })
  // The spans are nested as azure-init's, although the work is not.
  const core = Effect.all([hostname, user], { concurrency: "unbounded", discard: true }).pipe(
    Effect.withSpan("provision:provision_core")
  )
  yield* Effect.all([core, sshd], { concurrency: "unbounded", discard: true })
  return failures
})

/** From the first request to the durable marker of a configured VM; returns what failed, nothing when the VM is as Azure wants it. */
const configure = Effect.fn("azure_init:provision")(function*(
  vmId: VmId,
  groups: ReadonlyArray<GroupName>,
  wrongGroups: ReadonlyArray<string>
) {
  const state = yield* ProvisioningState
  const identity = yield* VmIdentity
  const { kernel, os } = yield* identity.software
  yield* Effect.logInfo(`Kernel Version: ${kernel}, OS Version: ${os}, Azure-Init Version: ${version}`)
  const environment = yield* getEnvironment
  const planned = yield* makePlan(environment, groups)
  const wrong = wrongGroups.length === 0 ? [] : [
    new UserError({
      user: Option.match(planned.plan, { onNone: () => "nobody", onSome: (plan) => plan.username.value }),
      operation: `join the groups ${wrongGroups.join(", ")}`,
      detail: "AZURE_INIT_USER_GROUPS: expected names of 1 to 32 letters, digits, '_', '.' or '-', separated by commas"
    })
  ]
  const failures = [...planned.failures, ...wrong, ...yield* applyPlan(planned)]
  const media = yield* ProvisioningMedia
  yield* branch(failures, media.released)
  if (failures.length === 0) yield* branch(failures, state.markConfigured(vmId))
  return failures
})

/** The exit statuses of azure-init (`main.rs`): 78 when the user is missing or a password is not allowed, otherwise 1. */
const statusOf = (failures: ReadonlyArray<Reportable>): number =>
  failures.some((failure) => failure._tag === "UserMissingError" || failure._tag === "PasswordNotAllowedError") ? 78 : 1

/** Reports the failures, logs them, and ends the agent with their exit status. */
const fail = Effect.fnUntraced(function*(vmId: VmId, failures: Arr.NonEmptyReadonlyArray<Reportable>) {
  yield* reportFailure(vmId, failures).pipe(
    Effect.catch((error) => Effect.logError("Azure does not know of the failure", { error: error.message }))
  )
  const detail = failures.map((failure) => failure.message).join("; ")
  yield* Effect.logError(`Provisioning failed: ${detail}`)
  return yield* new ProvisioningFailed({ status: statusOf(failures), detail })
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

/**
 * The agent: provisions this VM once, and reports it once.
 *
 * A VM that has been reported is left alone, one that has been configured is only reported. `groups` are the administrator's groups
 * from the command line or the environment, `wrongGroups` what the environment names and no group can be called. Fails, with everything reported and logged, as {@link ProvisioningFailed}.
 */
export const provision = Effect.fnUntraced(function*(
  groups: ReadonlyArray<GroupName>,
  wrongGroups: ReadonlyArray<string> = []
) {
  const loaded = yield* SettingsLoaded
  const state = yield* ProvisioningState
  yield* Effect.logInfo("The settings in force", {
    files: loaded.files.join(" "),
    settings: renderSettings(loaded.settings)
  })
  const vmId = yield* identify
  yield* Effect.forEach(
    loaded.warnings,
    (problem) => Effect.logWarning("A setting is not known and has no effect", { problem: formatProblem(problem) })
  )

  /** Ends with `true` when all is done and only Ready is left to say. */
  const work = Effect.gen(function*() {
    yield* state.lock(lockWait).pipe(
      Effect.catch((error) =>
        error.code === "EWOULDBLOCK"
          ? leave("Another agent is at work on this VM: leaving it to that one", error.message)
          : Effect.logWarning("Cannot keep a second agent out, going on", { error: error.message })
      )
    )
    const progress = yield* state.progress(vmId)
    if (progress === "reported") {
      return Arr.isReadonlyArrayNonEmpty(loaded.errors)
        ? yield* leave("The settings are wrong, and this VM is provisioned already", formatAll(loaded.errors))
        : false
    }
    if (Arr.isReadonlyArrayNonEmpty(loaded.errors)) {
      return yield* fail(vmId, [new SettingsError({ problems: loaded.errors })])
    }
    if (progress === "unprovisioned") {
      const failures = yield* Effect.scoped(
        Effect.andThen(reportInProgress(vmId), configure(vmId, groups, wrongGroups))
      )
      if (Arr.isReadonlyArrayNonEmpty(failures)) return yield* fail(vmId, failures)
    }
    return true
  })

  yield* work.pipe(
    // Only here: nothing may reach Azure after it has accepted Ready.
    Effect.catchCause((cause) =>
      Cause.hasDies(cause)
        ? fail(vmId, [new UnhandledError({ detail: Cause.pretty(cause) })])
        : Effect.failCause(cause)
    ),
    Effect.flatMap((ready) => ready ? finish(vmId) : Effect.void),
    Effect.scoped
  )
})
