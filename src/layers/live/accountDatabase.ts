import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as LoginAccess from "../../domain/LoginAccess.ts"
import type { UserAccount } from "../../domain/UserAccount.ts"
import type { Username } from "../../domain/Username.ts"
import { UserError } from "../../errors/UserError.ts"
import type { Paths } from "../../services/Paths.ts"
import type { Subprocess } from "../../services/Subprocess.ts"
import type { Files } from "../linux/files.ts"

/** getent's exit status for a key that is not in the database (getent(1)). */
const notInDatabase = 2

/** passwd(5): name, password, uid, gid, comment, home, shell; ids have at most ten digits. */
const passwdLine = /^[^:]*:[^:]*:(\d{1,10}):(\d{1,10}):[^:]*:(\/[^:]*):[^:]*$/

/** The greatest id; (uid_t) -1 is none (chown(2)). */
const greatestId = 2 ** 32 - 2

/** sshd's shell for an account without one (`_PATH_BSHELL`). */
const shellWithoutOne = "/bin/sh"

/** Who is who on the host: the name service by getent, its files by reading them. */
export const make = (paths: Paths, { readTextIfPresent }: Files, run: Subprocess["Service"]["run"]) => {
  /** One line of a database of the name service; `none` when it has no such entry. */
  const lookUp = Effect.fnUntraced(function*(database: "passwd" | "group" | "shadow", key: string) {
    const asked = yield* Effect.result(run({ command: "getent", args: [database, key], allow: [0, notInDatabase] }))
    if (Result.isSuccess(asked)) {
      return asked.success.exitCode === 0 ? Option.some(asked.success.stdout.trim()) : Option.none<string>()
    }
    if (asked.failure.status !== "not found") return yield* asked.failure
    // BusyBox userlands have no getent, and no name service but the files.
    const text = yield* readTextIfPresent(fileOf(database))
    // Groups are looked for by their id as well, which is the third field.
    return Option.fromUndefinedOr(
      text?.split("\n").find((line) => line.startsWith(`${key}:`) || line.split(":")[2] === key)
    )
  })

  const fileOf = (database: "passwd" | "group" | "shadow"): string =>
    database === "group" ? paths.group : database === "shadow" ? paths.shadow : `${paths.root}/etc/passwd`

  /** The account's line in a file of this host; `undefined` for an account that is kept elsewhere, such as in LDAP. */
  const localLine = (database: "passwd" | "shadow", name: string) =>
    Effect.map(
      readTextIfPresent(fileOf(database)),
      (text) => text?.split("\n").find((line) => line.startsWith(`${name}:`))
    )

  const find = Effect.fnUntraced(function*(name: Username) {
    const line = Option.getOrUndefined(yield* lookUp("passwd", name))
    if (line === undefined) return undefined
    const [, uid, gid, home] = passwdLine.exec(line) ?? []
    if (uid === undefined || gid === undefined || home === undefined || Math.max(+uid, +gid) > greatestId) {
      return yield* new UserError({
        user: name,
        operation: "find the account",
        detail: "its entry in the user database has no ids or no absolute home: correct it"
      })
    }
    return { name, uid: Number(uid), gid: Number(gid), home } satisfies UserAccount
  }, Effect.withSpan("provision::user:user_exists"))

  /** Whether it is one of this host's own below `UID_MIN`; root is none. */
  const isSystemAccount = Effect.fnUntraced(function*({ name, uid }: UserAccount) {
    if (uid === 0 || (yield* localLine("passwd", name)) === undefined) return false
    // openSUSE keeps the distribution's file in /usr/etc.
    const text = (yield* readTextIfPresent(`${paths.root}/etc/login.defs`))
      ?? (yield* readTextIfPresent(`${paths.root}/usr/etc/login.defs`))
    return uid < LoginAccess.minimumUid(text ?? "")
  })

  /** The shell and the shadow entry, from the files for an account of this host's; the latter is `undefined` when there is none to be read. */
  const loginEntries = Effect.fnUntraced(function*(name: Username) {
    const local = yield* localLine("passwd", name)
    const passwd = local ?? Option.getOrUndefined(yield* lookUp("passwd", name))
    const shadow = yield* (local === undefined
      ? Effect.map(lookUp("shadow", name), Option.getOrUndefined)
      : localLine("shadow", name)).pipe(Effect.orElseSucceed(() => undefined))
    return {
      shell: (passwd?.split(":")[6] ?? "").trim() || shellWithoutOne,
      shadow: shadow === undefined ? undefined : LoginAccess.parseShadow(shadow)
    }
  })

  return { lookUp, localLine, find, isSystemAccount, loginEntries }
}
