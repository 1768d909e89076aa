import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as LoginAccess from "../../domain/LoginAccess.ts"
import type { UserAccount } from "../../domain/UserAccount.ts"
import { LoginRefusedError } from "../../errors/LoginRefusedError.ts"
import { Paths } from "../../services/Paths.ts"
import type { Subprocess } from "../../services/Subprocess.ts"
import { files } from "../linux/files.ts"
import * as AccountDatabase from "./accountDatabase.ts"
import type { Sshd } from "./sshd.ts"
import { makeShellFile } from "./useraddDefaults.ts"

/** The keywords for which the names of the account's groups have to be known. */
const groupLists = ["allowgroups", "denygroups"]

/** A `Match` block for some connections only, by where the client or the port is (sshd_config(5)). */
const forSomeConnections = /^\s*Match\s.*\b(?:Address|Host|LocalAddress|LocalPort|RDomain)\b/i

/**
 * What keeps the owner of an account out, by the files of the host and by what sshd has answered already. No process is
 * started, except for an account that is kept elsewhere (getent), for sshd's lists of groups (id), and where a `Match`
 * block may shut out one connection and let in another: what sshd says without a connection has to shut the owner out
 * as well then, since it is not known from where the owner will come.
 */
export const make = Effect.fnUntraced(function*(
  run: Subprocess["Service"]["run"],
  { configuration, known, placesOf }: Pick<Sshd["Service"], "configuration" | "known" | "placesOf">
) {
  const paths = yield* Paths
  const host = yield* files
  const shellFile = yield* makeShellFile
  const accounts = AccountDatabase.make(paths, host, run)

  const groupsOf = (account: UserAccount, sshd: LoginAccess.LoginState["sshd"]) =>
    groupLists.some((keyword) => sshd?.has(keyword))
      ? Effect.map(run({ command: "id", args: ["-Gn", account.name] }), ({ stdout }) => stdout.trim().split(/\s+/))
      : Effect.succeed([])

  return Effect.fnUntraced(function*(account: UserAccount, credentials: LoginAccess.LoginState["credentials"]) {
    const answer = known(account.name)
    const sshd = answer?._tag === "InForce" ? answer.lists : undefined
    const { shadow, shell } = yield* accounts.loginEntries(account.name)
    const elsewhere = (sshd?.get("chrootdirectory")?.[0] ?? "none") !== "none"
    const state: LoginAccess.LoginState = {
      name: account.name,
      uid: account.uid,
      shell,
      shellFile: elsewhere ? "unknown" : yield* shellFile(shell),
      shadow,
      today: LoginAccess.dayOf(yield* Clock.currentTimeMillis),
      nologin: yield* host.exists(`${paths.root}/etc/nologin`),
      groups: yield* groupsOf(account, sshd),
      credentials,
      sshd
    }
    const found = LoginAccess.obstacles(state)
    const everywhere = found.length === 0 || (yield* placesOf(forSomeConnections)).length === 0
      ? undefined
      : yield* configuration()
    const kinds = everywhere?._tag !== "InForce" ? undefined : LoginAccess.obstacles({
      ...state,
      groups: yield* groupsOf(account, everywhere.lists),
      sshd: everywhere.lists
    }).map(({ kind }) => kind)
    return found.filter(({ kind }) => kinds?.includes(kind) ?? true).map(({ detail, kind }) =>
      new LoginRefusedError({ user: account.name, kind, detail })
    )
  }, (work, account) =>
    Effect.catch(work, (error) =>
      Effect.as(
        Effect.logWarning("Cannot tell whether the account lets its owner in", {
          username: account.name,
          error: error.message
        }),
        []
      )))
})
