import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Fs from "node:fs/promises"
import * as NodePath from "node:path"
import type { UserAccount, UserRequest } from "../../domain/UserAccount.ts"
import type { GroupName, Username } from "../../domain/Username.ts"
import { FileError } from "../../errors/FileError.ts"
import type { SubprocessError } from "../../errors/SubprocessError.ts"
import { UserError, UserMissingError } from "../../errors/UserError.ts"
import { Paths } from "../../services/Paths.ts"
import { Subprocess } from "../../services/Subprocess.ts"
import { UserProvisioner } from "../../services/UserProvisioner.ts"
import { attempt, exists, readTextIfPresent, writeAtomic } from "./files.ts"

/** azure-init's comment of the account (`user.rs`). */
const comment = "azure-init created this user based on username provided in IMDS"

/** azure-init's file of sudo rules (`user.rs`). */
const sudoersFile = "azure-init-user"

/** getent's exit status for a key that is not in the database (getent(1)). */
const notInDatabase = 2

/** shadow-utils wait for `/etc/passwd` and its fellows by themselves for 15 s; a few more tries outlast a package being installed. */
const whileLocked = Schedule.max([Schedule.spaced("1 second"), Schedule.recurs(5)])

const PasswdLine = Schema.Tuple([
  Schema.String,
  Schema.String,
  Schema.NumberFromString.check(Schema.isInt()),
  Schema.NumberFromString.check(Schema.isInt()),
  Schema.String,
  Schema.String.check(Schema.isPattern(/^\//)),
  Schema.String
])

/** How one userland makes accounts; everything else is the same on all of them. */
interface Tools {
  /** Makes the account with its home and those groups. */
  readonly create: (name: Username, groups: ReadonlyArray<GroupName>) => Effect.Effect<unknown, SubprocessError>
  readonly join: (name: Username, groups: ReadonlyArray<GroupName>) => Effect.Effect<unknown, SubprocessError>
  readonly createGroup: (group: GroupName) => Effect.Effect<unknown, SubprocessError>
}

const make = (span: string, toolsOf: (run: Subprocess["Service"]["run"]) => Tools) =>
  Effect.gen(function*() {
    const paths = yield* Paths
    const subprocess = yield* Subprocess
    const tools = toolsOf(subprocess.run)

    /** One line of a database of the name service; `none` when it has no such entry. */
    const lookUp = Effect.fnUntraced(function*(database: "passwd" | "group", key: string) {
      const asked = yield* Effect.result(
        subprocess.run({ command: "getent", args: [database, key], allow: [0, notInDatabase] })
      )
      if (Result.isSuccess(asked)) {
        return asked.success.exitCode === 0 ? Option.some(asked.success.stdout.trim()) : Option.none<string>()
      }
      if (asked.failure.status !== "not found") return yield* asked.failure
      // BusyBox userlands have no getent, and no name service but the files.
      const text = yield* readTextIfPresent(database === "group" ? paths.group : `${paths.root}/etc/passwd`)
      return Option.fromUndefinedOr(text?.split("\n").find((line) => line.startsWith(`${key}:`)))
    })

    const find = Effect.fnUntraced(function*(name: Username) {
      const line = yield* lookUp("passwd", name)
      return Option.flatMap(line, (text) =>
        Option.map(
          Schema.decodeUnknownOption(PasswdLine)(text.split(":")),
          ([, , uid, gid, , home]): UserAccount => ({ name, uid, gid, home })
        ))
    }, Effect.withSpan("provision::user:user_exists"))

    /** The names of the groups that the account is in already. */
    const memberships = (name: Username) =>
      subprocess.run({ command: "id", args: ["-Gn", name] }).pipe(
        Effect.map(({ stdout }) => new Set(stdout.trim().split(/\s+/))),
        Effect.catch(() => Effect.succeed(new Set<string>()))
      )

    const retried = <A>(work: Effect.Effect<A, SubprocessError>) =>
      Effect.retry(work, { schedule: whileLocked, while: (error) => /cannot lock|try again later/.test(error.stderr) })

    /** Which of the groups there are, the missing ones made when that is asked. */
    const prepareGroups = Effect.fnUntraced(function*(request: UserRequest) {
      const missing: Array<GroupName> = []
      for (const group of request.groups) {
        if (Option.isSome(yield* lookUp("group", group))) continue
        if (!request.createMissingGroups) {
          missing.push(group)
          continue
        }
        yield* Effect.logInfo("Creating a group", { group })
        yield* retried(tools.createGroup(group))
      }
      return { missing, present: request.groups.filter((group) => !missing.includes(group)) }
    })

    /** An account whose creation was cut short may lack its home. */
    const ensureHome = Effect.fnUntraced(function*(account: UserAccount) {
      const home = `${paths.root}${account.home}`
      if (yield* exists(home)) return
      yield* Effect.logWarning("The home directory is missing, making it", { home })
      yield* attempt("create", home, async () => {
        const skeleton = `${paths.root}/etc/skel`
        const unfinished = NodePath.join(NodePath.dirname(home), `.${account.name}.azure-init`)
        await Fs.rm(unfinished, { recursive: true, force: true })
        await Fs.mkdir(unfinished, { recursive: true, mode: 0o700 })
        await Fs.cp(skeleton, unfinished, { recursive: true, verbatimSymlinks: true }).catch(() => undefined)
        for (const name of await Fs.readdir(unfinished, { recursive: true })) {
          await Fs.lchown(NodePath.join(unfinished, name), account.uid, account.gid)
        }
        await Fs.chmod(unfinished, 0o700)
        await Fs.chown(unfinished, account.uid, account.gid)
        await Fs.rename(unfinished, home)
      })
    })

    const ensure = Effect.fnUntraced(function*(request: UserRequest) {
      const { name } = request
      const { missing, present } = yield* prepareGroups(request)
      const known = yield* find(name)
      if (Option.isNone(known)) {
        yield* Effect.logInfo(`Creating the user ${name}`)
        yield* retried(tools.create(name, present))
      } else {
        const already = present.length === 0 ? new Set<string>() : yield* memberships(name)
        const wanted = present.filter((group) => !already.has(group))
        yield* Effect.logInfo(`The user ${name} exists and is kept`, { groups: wanted.join(",") })
        if (wanted.length > 0) yield* retried(tools.join(name, wanted))
      }
      const account = Option.getOrUndefined(Option.isSome(known) ? known : yield* find(name))
      if (account === undefined) return yield* new UserMissingError({ user: name })
      yield* ensureHome(account)
      return {
        account,
        problems: missing.length === 0 ? [] : [
          new UserError({
            user: name,
            operation: `find the groups ${missing.join(", ")}`,
            detail: "they do not exist: create them in the image, or set user_provisioners.create_missing_groups = true"
          })
        ]
      }
    })

    const grantSudo = Effect.fnUntraced(function*(name: Username) {
      const directory = paths.sudoersDirectory
      const path = NodePath.join(directory, sudoersFile)
      const rule = `${name} ALL=(ALL) NOPASSWD: ALL`
      yield* attempt("create", directory, () => Fs.mkdir(directory, { recursive: true, mode: 0o750 }))
      // A rule that a former run gave to another administrator stays: taking it away would lock that one out of sudo.
      const former = ((yield* readTextIfPresent(path)) ?? "").split("\n").filter((line) => line !== "" && line !== rule)
      yield* writeAtomic(path, [...former, rule, ""].join("\n"), {
        mode: 0o440,
        check: (temporary) =>
          subprocess.run({ command: "visudo", args: ["-c", "-f", temporary] }).pipe(
            Effect.asVoid,
            Effect.catch((error) =>
              error.status === "not found"
                ? Effect.logInfo("There is no visudo to check the sudo rule with")
                : Effect.fail(new FileError({ operation: "check", path, detail: error.message }))
            )
          )
      })
    })

    const failed =
      (user: string, operation: string) => (error: UserError | UserMissingError | SubprocessError | FileError) =>
        error._tag === "UserError" || error._tag === "UserMissingError"
          ? error
          : new UserError({ user, operation, detail: error.message })

    return UserProvisioner.of({
      ensure: (request) =>
        ensure(request).pipe(Effect.mapError(failed(request.name, "create the account")), Effect.withSpan(span)),
      grantSudo: (name) =>
        grantSudo(name).pipe(
          Effect.mapError((error) =>
            new UserError({ user: name, operation: "write the sudo rule", detail: error.message })
          ),
          Effect.withSpan("provision::user:add_user_for_passwordless_sudo")
        )
    })
  })

/** {@link UserProvisioner} by shadow-utils: `useradd` with azure-init's arguments, `usermod -aG`, `groupadd`. */
export const layerUseradd: Layer.Layer<UserProvisioner, never, Subprocess> = Layer.effect(
  UserProvisioner,
  make("provision::user:useradd", (run) => ({
    create: (name, groups) =>
      run({
        command: "useradd",
        args: [name, "--comment", comment, "--groups", groups.join(","), "-d", `/home/${name}`, "-m"]
      }),
    join: (name, groups) => run({ command: "usermod", args: ["-aG", groups.join(","), name] }),
    createGroup: (group) => run({ command: "groupadd", args: ["--", group] })
  }))
)

/** {@link UserProvisioner} by BusyBox: `adduser -D`, `addgroup`. */
export const layerAdduser: Layer.Layer<UserProvisioner, never, Subprocess> = Layer.effect(
  UserProvisioner,
  make("provision::user:adduser", (run) => {
    const join = (name: Username, groups: ReadonlyArray<GroupName>) =>
      Effect.forEach(groups, (group) => run({ command: "addgroup", args: [name, group] }))
    return {
      create: (name, groups) =>
        Effect.andThen(
          run({ command: "adduser", args: ["-D", "-h", `/home/${name}`, "-g", comment, name] }),
          join(name, groups)
        ),
      join,
      createGroup: (group) => run({ command: "addgroup", args: [group] })
    }
  })
)
