import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { LoginState } from "../../domain/LoginAccess.ts"
import type { SshPublicKey } from "../../domain/SshPublicKey.ts"
import type { UserAccount } from "../../domain/UserAccount.ts"
import type { LoginRefusedError } from "../../errors/LoginRefusedError.ts"
import type { SshdConfigError, SshKeysError, SshKeysUnreadError } from "../../errors/SshError.ts"
import { SshProvisioner } from "../../services/SshProvisioner.ts"

/** What the fake does instead of succeeding. */
export interface Script {
  /** The key file below the home; `.ssh/authorized_keys` when absent. */
  readonly keysFile?: string
  /** Every `installKeys` with keys fails with this. */
  readonly keysError?: SshKeysError | SshKeysUnreadError
  /** Every `allowPasswords` fails with this. */
  readonly passwordsError?: SshdConfigError
  /** What keeps the owner of an account out, by its name. */
  readonly loginRefusals?: Readonly<Record<string, ReadonlyArray<LoginRefusedError>>>
}

/** One call, in the order in which they came. */
export type Call =
  | { readonly _tag: "prepare" }
  | { readonly _tag: "installKeys"; readonly account: UserAccount; readonly keys: ReadonlyArray<SshPublicKey> }
  | { readonly _tag: "allowPasswords"; readonly allowed: boolean }
  | {
    readonly _tag: "loginRefusals"
    readonly account: UserAccount
    readonly credentials: LoginState["credentials"]
  }

/**
 * A scriptable {@link SshProvisioner} that touches nothing.
 *
 * `calls` has every call, failed ones included. `installed` has what key files would hold now, by path;
 * `passwordsAllowed` tells what sshd would be set to, `undefined` before the first call.
 */
export const make = (script: Script = {}): {
  readonly layer: Layer.Layer<SshProvisioner>
  readonly calls: ReadonlyArray<Call>
  readonly installed: ReadonlyMap<string, ReadonlyArray<SshPublicKey>>
  readonly passwordsAllowed: () => boolean | undefined
} => {
  const calls: Array<Call> = []
  const installed = new Map<string, ReadonlyArray<SshPublicKey>>()
  let passwords: boolean | undefined
  const service = SshProvisioner.of({
    prepare: Effect.sync(() => void calls.push({ _tag: "prepare" })),
    installKeys: (account, keys) =>
      Effect.suspend(() => {
        calls.push({ _tag: "installKeys", account, keys })
        const path = `${account.home}/${script.keysFile ?? ".ssh/authorized_keys"}`
        if (keys.length === 0) return Effect.succeed(path)
        if (script.keysError !== undefined) return Effect.fail(script.keysError)
        installed.set(path, keys)
        return Effect.succeed(path)
      }),
    allowPasswords: (allowed) =>
      Effect.suspend(() => {
        calls.push({ _tag: "allowPasswords", allowed })
        if (script.passwordsError !== undefined) return Effect.fail(script.passwordsError)
        passwords = allowed
        return Effect.void
      }),
    loginRefusals: (account, credentials) =>
      Effect.sync(() => {
        calls.push({ _tag: "loginRefusals", account, credentials })
        return script.loginRefusals?.[account.name] ?? []
      })
  })
  return { layer: Layer.succeed(SshProvisioner, service), calls, installed, passwordsAllowed: () => passwords }
}
