import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { UserAccount, UserRequest } from "../../domain/UserAccount.ts"
import { LoginRefusedError } from "../../errors/LoginRefusedError.ts"
import { UserError, type UserMissingError } from "../../errors/UserError.ts"
import { UserProvisioner } from "../../services/UserProvisioner.ts"

/** What the host of a {@link make} user database is like. */
export interface Script {
  /** The groups that exist; every group when absent. */
  readonly groups?: ReadonlyArray<string>
  /** The accounts that are the system's own, which `ensure` refuses. */
  readonly systemAccounts?: ReadonlyArray<string>
  /** Every `ensure` fails with this. */
  readonly ensureError?: UserError | UserMissingError
  /** Every `grantSudo` fails with this. */
  readonly sudoError?: UserError
}

/**
 * A {@link UserProvisioner} in memory. `requests` are the accounts asked for, `sudoers` the names that may use sudo
 * now, `members` the groups of each account.
 */
export const make = (script: Script = {}): {
  readonly layer: Layer.Layer<UserProvisioner>
  readonly requests: ReadonlyArray<UserRequest>
  readonly sudoers: ReadonlySet<string>
  readonly members: ReadonlyMap<string, ReadonlySet<string>>
} => {
  const requests: Array<UserRequest> = []
  const sudoers = new Set<string>()
  const members = new Map<string, Set<string>>()
  const known = new Set(script.groups)
  const accountOf = (request: UserRequest): UserAccount => {
    const uid = 1000 + Math.max(0, [...members.keys()].indexOf(request.name))
    return { name: request.name, uid, gid: uid, home: `/home/${request.name}` }
  }
  const service = UserProvisioner.of({
    ensure: (request) =>
      Effect.suspend(() => {
        requests.push(request)
        const refusal = script.systemAccounts?.includes(request.name) === true
          ? new LoginRefusedError({ user: request.name, kind: "system account", detail: "it is a system account" })
          : script.ensureError
        if (refusal !== undefined) return Effect.fail(refusal)
        if (request.createMissingGroups) request.groups.forEach((group) => known.add(group))
        const missing = script.groups === undefined ? [] : request.groups.filter((group) => !known.has(group))
        const groups = members.get(request.name) ?? new Set()
        request.groups.filter((group) => !missing.includes(group)).forEach((group) => groups.add(group))
        members.set(request.name, groups)
        return Effect.succeed({
          account: accountOf(request),
          problems: missing.length === 0 ? [] : [
            new UserError({
              user: request.name,
              operation: `find the groups ${missing.join(", ")}`,
              detail: "they do not exist"
            })
          ]
        })
      }),
    grantSudo: (name) =>
      Effect.suspend(() => {
        if (script.sudoError !== undefined) return Effect.fail(script.sudoError)
        sudoers.add(name)
        return Effect.void
      })
  })
  return { layer: Layer.succeed(UserProvisioner, service), requests, sudoers, members }
}
