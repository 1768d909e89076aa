import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Tracer from "effect/Tracer"
import type { AccountPlan, ProvisioningPlan } from "../domain/ProvisioningPlan.ts"
import type { Reportable } from "../domain/Reportable.ts"
import type { UserAccount } from "../domain/UserAccount.ts"
import { UnhandledError } from "../errors/UnhandledError.ts"
import { CurrentSettings } from "../services/CurrentSettings.ts"
import { HostnameProvisioner } from "../services/HostnameProvisioner.ts"
import { PasswordProvisioner } from "../services/PasswordProvisioner.ts"
import { SshProvisioner } from "../services/SshProvisioner.ts"
import { UserProvisioner } from "../services/UserProvisioner.ts"

/** What failed, in the order of the report; empty when all is well. */
export type Failures = ReadonlyArray<Reportable>

/** Logs what failed in a step, a defect included, and fails with it. */
const loggedStep = <A, E extends Reportable, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, Reportable, R> =>
  Effect.catchCause(work, (cause) => {
    const error: Reportable = Option.getOrElse(
      Cause.findErrorOption(cause),
      () => new UnhandledError({ detail: Cause.pretty(cause) })
    )
    return Effect.andThen(
      Effect.logError("A part of provisioning failed", { error: error.message }),
      Effect.fail(error)
    )
  })

/**
 * Runs one step to its end. Its failure, a defect included, is logged and returned; it does not interrupt the others.
 */
export const failuresOf = <A, E extends Reportable, R>(
  work: Effect.Effect<A, E, R>
): Effect.Effect<Failures, never, R> =>
  Effect.match(loggedStep(work), { onSuccess: () => [], onFailure: (error) => [error] })

const nothing: Effect.Effect<Failures> = Effect.succeed([])

/** Runs every step at once and to its end; returns what failed in the order of the list, whichever failed first. */
const failuresOfAll = <R>(
  steps: ReadonlyArray<Effect.Effect<unknown, Reportable, R>>
): Effect.Effect<Failures, never, R> =>
  Effect.map(Effect.all(steps.map(loggedStep), { concurrency: "unbounded", mode: "result" }), Arr.getFailures)

/** What an account needs to let its owner in: password, keys and sudo. `outer` is the span of the whole. */
const provisionAccess = Effect.fnUntraced(function*(
  plan: AccountPlan,
  account: UserAccount,
  outer: Tracer.AnySpan | undefined
) {
  const password = yield* PasswordProvisioner
  const ssh = yield* SshProvisioner
  const users = yield* UserProvisioner
  return yield* failuresOfAll([
    plan.password.value._tag === "Set"
      ? password.set(account.name, plan.password.value.password)
      : password.lock(account.name),
    plan.keys.value.length === 0
      ? Effect.void
      : ssh.installKeys(account, plan.keys.value).pipe(
        Effect.withSpan("provision:provision_ssh_keys", { parent: outer })
      ),
    users.grantSudo(account.name)
  ])
})

/** What the account came to; no account when there is none in the end. */
interface Provisioned {
  readonly failures: Failures
  readonly account: Option.Option<UserAccount>
}

/** The account, and then what it needs. `outer` is the span of the whole. */
const provisionUser = Effect.fnUntraced(function*(plan: AccountPlan, outer: Tracer.AnySpan | undefined) {
  const users = yield* UserProvisioner
  const ensured = yield* Effect.result(loggedStep(
    users.ensure({
      name: plan.username.value,
      groups: plan.groups.value,
      createMissingGroups: plan.createMissingGroups.value
    }).pipe(Effect.withSpan("provision:create_user"))
  ))
  if (Result.isFailure(ensured)) return { failures: [ensured.failure], account: Option.none() } satisfies Provisioned
  const { account, problems } = ensured.success
  const flaws = yield* Effect.forEach(problems, (problem) => failuresOf(Effect.fail(problem)))
  const failures = [...flaws.flat(), ...yield* provisionAccess(plan, account, outer)]
  return { failures, account: Option.some(account) } satisfies Provisioned
})

/** What keeps the owner out of an account that is as it will be. */
const refusalsOf = Effect.fnUntraced(function*(plan: AccountPlan, account: UserAccount) {
  const ssh = yield* SshProvisioner
  const refusals = yield* ssh.loginRefusals(account, {
    key: plan.keys.value.length > 0,
    password: plan.password.value._tag === "Set" && plan.allowPasswords.value
  })
  const failures = yield* Effect.forEach(refusals, (refusal) => failuresOf(Effect.fail(refusal)))
  return failures.flat()
})

/**
 * Does all that the plan says, every branch at once and to its end, and returns what failed.
 *
 * The order is that of the report, since alerts are keyed on its first reason: user, password, keys, sudo, sshd, what
 * keeps the owner out all the same, hostname.
 */
export const applyPlan = Effect.fn("provision:provision")(function*(plan: ProvisioningPlan) {
  const settings = yield* CurrentSettings
  const hostnames = yield* HostnameProvisioner
  const ssh = yield* SshProvisioner
  const outer = Option.getOrUndefined(yield* Effect.option(Effect.currentSpan))

  const nobody: Effect.Effect<Provisioned> = Effect.succeed({ failures: [], account: Option.none() })
  const user = Option.match(plan.account, { onNone: () => nobody, onSome: (account) => provisionUser(account, outer) })
  const sshd = Option.match(plan.account, {
    onNone: () => nothing,
    onSome: ({ allowPasswords }) =>
      settings.ssh.configureSshdPasswordAuthentication
        ? failuresOf(ssh.allowPasswords(allowPasswords.value).pipe(Effect.withSpan("provision:update_ssh_config")))
        : nothing
  })
  const hostname = Option.match(plan.hostname, {
    onNone: () => nothing,
    onSome: ({ value }) => failuresOf(hostnames.set(value).pipe(Effect.withSpan("provision:set_hostname")))
  })
  // The spans are nested as azure-init's, although the work is not.
  const core = Effect.all({ hostname, user }, { concurrency: "unbounded" }).pipe(
    Effect.withSpan("provision:provision_core")
  )
  const failed = yield* Effect.all({ core, sshd }, { concurrency: "unbounded" })
  const { hostname: named, user: provisioned } = failed.core
  const refusals = yield* Option.match(Option.all([plan.account, provisioned.account]), {
    onNone: () => nothing,
    onSome: ([planned, account]) => refusalsOf(planned, account)
  })
  return [...provisioned.failures, ...failed.sshd, ...refusals, ...named]
})
