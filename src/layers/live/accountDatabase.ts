import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as LoginAccess from "../../domain/LoginAccess.ts"
import * as NameService from "../../domain/NameService.ts"
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

/** Who is who on the host: the files where they answer, the name service by getent where another source may. */
export const make = (paths: Paths, { readTextIfPresent }: Files, run: Subprocess["Service"]["run"]) => {
  const fileOf = (database: NameService.Database): string =>
    database === "group" ? paths.group : database === "shadow" ? paths.shadow : `${paths.root}/etc/passwd`

  /** What the file says, where the name service asks it first; `undefined` where only the name service can tell. */
  const inFile = Effect.fnUntraced(function*(database: NameService.Database, key: string) {
    // openSUSE keeps the distribution's file in /usr/etc.
    const configuration = (yield* readTextIfPresent(`${paths.root}/etc/nsswitch.conf`))
      ?? (yield* readTextIfPresent(`${paths.root}/usr/etc/nsswitch.conf`))
    const { fileFirst, fileOnly } = NameService.sourcesOf(configuration ?? "", database)
    if (!fileFirst) return undefined
    const entry = NameService.entryOf((yield* readTextIfPresent(fileOf(database))) ?? "", database, key)
    if (entry === "unclear") return undefined
    return entry === "absent"
      ? { line: Option.none<string>(), final: fileOnly }
      : { line: Option.some(entry.line), final: true }
  }, Effect.orElseSucceed(() => undefined))

  const askNameService = Effect.fnUntraced(function*(database: NameService.Database, key: string) {
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

  /** One line of a database of the name service; `none` when it has no such entry. */
  const lookUp = Effect.fnUntraced(function*(database: NameService.Database, key: string) {
    const listed = yield* inFile(database, key)
    return listed?.final === true ? listed.line : yield* askNameService(database, key)
  })

  /** The account's line in a file of this host; `undefined` for an account that is kept elsewhere, such as in LDAP. */
  const localLine = (database: "passwd" | "shadow", name: string) =>
    Effect.map(
      readTextIfPresent(fileOf(database)),
      (text) => text?.split("\n").find((line) => line.startsWith(`${name}:`))
    )

  const accountOf = (name: Username, line: Option.Option<string>) =>
    Effect.gen(function*() {
      if (Option.isNone(line)) return undefined
      const [, uid, gid, home] = passwdLine.exec(line.value) ?? []
      if (uid === undefined || gid === undefined || home === undefined || Math.max(+uid, +gid) > greatestId) {
        return yield* new UserError({
          user: name,
          operation: "find the account",
          detail: "its entry in the user database has no ids or no absolute home: correct it"
        })
      }
      return { name, uid: Number(uid), gid: Number(gid), home } satisfies UserAccount
    })

  const find = Effect.fnUntraced(function*(name: Username) {
    return yield* accountOf(name, yield* lookUp("passwd", name))
  }, Effect.withSpan("provision::user:user_exists"))

  /**
   * As `find`, but asks no source behind a file that has no such account: the program that makes accounts asks them
   * all, and refuses a name that one of them knows.
   */
  const findToCreate = Effect.fnUntraced(function*(name: Username) {
    const listed = yield* inFile("passwd", name)
    return yield* accountOf(name, listed === undefined ? yield* askNameService("passwd", name) : listed.line)
  }, Effect.withSpan("provision::user:user_exists"))

  /** Whether it is one of this host's own below `UID_MIN`; root is none. */
  const isSystemAccount = Effect.fnUntraced(function*({ name, uid }: UserAccount) {
    if (uid === 0 || (yield* localLine("passwd", name)) === undefined) return false
    // openSUSE keeps the distribution's file in /usr/etc.
    const text = (yield* readTextIfPresent(`${paths.root}/etc/login.defs`))
      ?? (yield* readTextIfPresent(`${paths.root}/usr/etc/login.defs`))
    return uid < LoginAccess.minimumUid(text ?? "")
  })

  /**
   * The shell and the shadow entry, from the files for an account of this host's; the latter is `undefined` when there
   * is none to be read.
   */
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

  return { lookUp, localLine, find, findToCreate, isSystemAccount, loginEntries }
}
