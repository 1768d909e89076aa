import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { LoginState } from "../domain/LoginAccess.ts"
import type { SshPublicKey } from "../domain/SshPublicKey.ts"
import type { UserAccount } from "../domain/UserAccount.ts"
import type { LoginRefusedError } from "../errors/LoginRefusedError.ts"
import type { SshdConfigError, SshKeysError, SshKeysUnreadError } from "../errors/SshError.ts"

/**
 * SSH access.
 *
 * `prepare` starts what takes time and does not depend on Azure's answers, in the background; it returns at once, and
 * nobody has to call it. `installKeys` puts exactly the given keys where sshd looks for them and returns the path of
 * the file; with no keys it does nothing and returns the path. Where sshd reads no file it writes nothing and fails.
 * `allowPasswords` makes sshd accept or refuse password logins, checked, and reloads a running sshd. `loginRefusals`
 * tells what keeps the owner out all the same, to be asked when the account is as it will be; empty when nothing is
 * known to.
 */
export class SshProvisioner extends Context.Service<SshProvisioner, {
  readonly prepare: Effect.Effect<void>
  readonly installKeys: (
    account: UserAccount,
    keys: ReadonlyArray<SshPublicKey>
  ) => Effect.Effect<string, SshKeysError | SshKeysUnreadError>
  readonly allowPasswords: (allowed: boolean) => Effect.Effect<void, SshdConfigError>
  readonly loginRefusals: (
    account: UserAccount,
    credentials: LoginState["credentials"]
  ) => Effect.Effect<ReadonlyArray<LoginRefusedError>>
}>()("azure-init/services/SshProvisioner") {}
