import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type { Username } from "../domain/Username.ts"
import { PasswordError } from "../errors/PasswordError.ts"
import { buildAll, firstSuccess } from "./firstOf.ts"

/**
 * The account's password: `lock` bars every password login (and calls nothing when that is so already), `set` sets one.
 */
export class PasswordProvisioner extends Context.Service<PasswordProvisioner, {
  readonly lock: (name: Username) => Effect.Effect<void, PasswordError>
  readonly set: (name: Username, password: Redacted.Redacted<string>) => Effect.Effect<void, PasswordError>
}>()("azure-init/services/PasswordProvisioner") {
  /** The first of the given layers that succeeds, in their order, at each call; all causes when none does. */
  static readonly firstOf = <E, R>(
    layers: ReadonlyArray<Layer.Layer<PasswordProvisioner, E, R>>
  ): Layer.Layer<PasswordProvisioner, E, R> =>
    Layer.effect(
      PasswordProvisioner,
      Effect.gen(function*() {
        const backends = yield* buildAll(PasswordProvisioner, layers)
        const none = (user: string, operation: "lock" | "set") => (failures: ReadonlyArray<PasswordError>) =>
          new PasswordError({
            user,
            operation,
            detail: failures.map((failure) => failure.detail).join("; ") || "no backend is configured"
          })
        return PasswordProvisioner.of({
          lock: (name) => firstSuccess(backends, (b) => b.lock(name), none(name, "lock")),
          set: (name, password) => firstSuccess(backends, (b) => b.set(name, password), none(name, "set"))
        })
      })
    )
}
