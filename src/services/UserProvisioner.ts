import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { UserAccount, UserRequest } from "../domain/UserAccount.ts"
import type { Username } from "../domain/Username.ts"
import type { LoginRefusedError } from "../errors/LoginRefusedError.ts"
import { UserError, type UserMissingError } from "../errors/UserError.ts"
import { buildAll, firstSuccess } from "./firstOf.ts"

/**
 * The account, and what of the request could not be had without keeping the account from its owner: groups that do not
 * exist.
 */
export interface EnsuredAccount {
  readonly account: UserAccount
  readonly problems: ReadonlyArray<UserError>
}

/**
 * The administrator account.
 *
 * `ensure` creates the account with its home and groups; an account that exists is kept and gets the groups; a system
 * account is refused and not changed. `grantSudo` lets it run everything through sudo without a password. Both may be
 * repeated.
 */
export class UserProvisioner extends Context.Service<UserProvisioner, {
  readonly ensure: (request: UserRequest) => Effect.Effect<
    EnsuredAccount,
    UserError | UserMissingError | LoginRefusedError
  >
  readonly grantSudo: (name: Username) => Effect.Effect<void, UserError>
}>()("azure-init/services/UserProvisioner") {
  /** The first of the given layers that succeeds, in their order, at each call; all causes when none does. */
  static readonly firstOf = <E, R>(
    layers: ReadonlyArray<Layer.Layer<UserProvisioner, E, R>>
  ): Layer.Layer<UserProvisioner, E, R> =>
    Layer.effect(
      UserProvisioner,
      Effect.gen(function*() {
        const backends = yield* buildAll(UserProvisioner, layers)
        const none =
          (user: string, operation: string) =>
          (failures: ReadonlyArray<UserError | UserMissingError | LoginRefusedError>) =>
            // Every backend finds the same account, and what keeps its owner out has a reason of its own.
            failures.find((failure) => failure._tag === "LoginRefusedError")
              ?? (failures.length === 1 && failures[0] !== undefined
                ? failures[0]
                : new UserError({ user, operation, detail: detailOf(failures) }))
        return UserProvisioner.of({
          ensure: (request) =>
            firstSuccess(backends, (b) => b.ensure(request), none(request.name, "create the account")),
          grantSudo: (name) =>
            firstSuccess(backends, (b) => b.grantSudo(name), (failures) =>
              new UserError({ user: name, operation: "grant sudo", detail: detailOf(failures) }))
        })
      })
    )
}

const detailOf = (failures: ReadonlyArray<{ readonly message: string }>): string =>
  failures.length === 0 ? "no backend is configured" : failures.map((failure) => failure.message).join("; ")
