import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type { UserAccount, UserRequest } from "../../domain/UserAccount.ts"
import type { GroupName, Username } from "../../domain/Username.ts"
import type { FileError } from "../../errors/FileError.ts"
import { LoginRefusedError } from "../../errors/LoginRefusedError.ts"
import type { SubprocessError } from "../../errors/SubprocessError.ts"
import { UserError, UserMissingError } from "../../errors/UserError.ts"
import { ImageAdministrators } from "../../services/ImageAdministrators.ts"
import { Linux } from "../../services/Linux.ts"
import { Paths } from "../../services/Paths.ts"
import { saidBy, Subprocess } from "../../services/Subprocess.ts"
import { UserProvisioner } from "../../services/UserProvisioner.ts"
import { files } from "../linux/files.ts"
import * as HomeDirectory from "../linux/homeDirectory.ts"
import * as Sudoers from "../linux/sudoers.ts"
import * as AccountDatabase from "./accountDatabase.ts"
import * as UseraddDefaults from "./useraddDefaults.ts"

/** azure-init's comment of the account (`user.rs`). */
const comment = "azure-init created this user based on username provided in IMDS"

/** useradd's exit status for a name that is taken (useradd(8)). */
const nameInUse = 9

/**
 * shadow-utils wait for `/etc/passwd` and its fellows by themselves for 15 s; three times that outlasts a package being
 * installed.
 */
const whileLocked = Schedule.max([Schedule.spaced("1 second"), Schedule.recurs(2)])

/** passwd(5): the password is in `/etc/shadow`. */
const shadowed = "x"

/** How one userland makes accounts; everything else is the same on all of them. */
interface Tools {
  /**
   * Options that {@link Tools.create} needs on this host, where its defaults would make an account that lets nobody in.
   */
  readonly overrides: Effect.Effect<ReadonlyArray<string>>
  /** Makes the account with its home and those groups. */
  readonly create: (
    name: Username,
    groups: ReadonlyArray<GroupName>,
    overrides: ReadonlyArray<string>
  ) => Effect.Effect<unknown, SubprocessError>
  readonly join: (name: Username, groups: ReadonlyArray<GroupName>) => Effect.Effect<unknown, SubprocessError>
  readonly createGroup: (group: GroupName) => Effect.Effect<unknown, SubprocessError>
  /** Makes the account's own group, with the id that the account has already. */
  readonly createOwnGroup: (account: UserAccount) => Effect.Effect<unknown, SubprocessError>
}

const make = (span: string, toolsOf: (run: Subprocess["Service"]["run"], overrides: Tools["overrides"]) => Tools) =>
  Effect.gen(function*() {
    const paths = yield* Paths
    const administrators = yield* ImageAdministrators
    const subprocess = yield* Subprocess
    const linux = yield* Linux
    const path = yield* Path.Path
    const host = yield* files
    const ensureHome = HomeDirectory.makeEnsure(paths, path, linux, host, subprocess.run)
    const shellFile = yield* UseraddDefaults.makeShellFile
    const tools = toolsOf(subprocess.run, UseraddDefaults.overrides(host, paths.root, shellFile))

    const { find, findToCreate, isSystemAccount, localLine, lookUp } = AccountDatabase.make(
      paths,
      host,
      subprocess.run
    )

    /** An account of the system's own is no administrator: nothing of it is changed. */
    const findPerson = Effect.fnUntraced(function*(name: Username) {
      const account = yield* findToCreate(name)
      if (account === undefined || administrators.includes(name) || !(yield* isSystemAccount(account))) return account
      return yield* new LoginRefusedError({
        user: name,
        kind: "system account",
        detail: `it is a system account (uid ${account.uid}, below UID_MIN): choose another administrator name`
      })
    })

    /** The names of the groups that the account is in already. */
    const memberships = (name: Username) =>
      subprocess.run({ command: "id", args: ["-Gn", name] }).pipe(
        Effect.map(({ stdout }) => new Set(stdout.trim().split(/\s+/))),
        Effect.orElseSucceed(() => new Set<string>())
      )

    const retried = <A>(work: Effect.Effect<A, SubprocessError>) =>
      Effect.retry(work, { schedule: whileLocked, while: (error) => /cannot lock|try again later/.test(saidBy(error)) })

    const failed = (user: string, operation: string) => (error: UserError | SubprocessError | FileError) =>
      error._tag === "UserError" ? error : new UserError({ user, operation, detail: error.message })

    /** Which of the groups there are, the missing ones made when that is asked; and why the others are not there. */
    const prepareGroups = Effect.fnUntraced(function*(request: UserRequest) {
      const present: Array<GroupName> = []
      const missing: Array<GroupName> = []
      const problems: Array<UserError> = []
      const wanted = Arr.dedupe(request.groups)
      const found = yield* Effect.forEach(
        wanted,
        (group) =>
          Effect.result(Effect.mapError(lookUp("group", group), failed(request.name, `find the group ${group}`))),
        { concurrency: "unbounded" }
      )
      for (const [group, answer] of Arr.zip(wanted, found)) {
        if (Result.isFailure(answer)) problems.push(answer.failure)
        else if (Option.isSome(answer.success)) present.push(group)
        else if (!request.createMissingGroups) missing.push(group)
        else {
          yield* Effect.logInfo("Creating a group", { group })
          const made = yield* Effect.result(retried(tools.createGroup(group)))
          if (Result.isSuccess(made)) present.push(group)
          else problems.push(failed(request.name, `create the group ${group}`)(made.failure))
        }
      }
      if (missing.length > 0) {
        problems.push(
          new UserError({
            user: request.name,
            operation: `find the groups ${missing.join(", ")}`,
            detail: "they do not exist: create them in the image, or set user_provisioners.create_missing_groups = true"
          })
        )
      }
      return { present, problems }
    })

    /**
     * `useradd` writes one file after the other: one that was cut short leaves an account without the later entries.
     */
    const ensureEntries = Effect.fnUntraced(function*(account: UserAccount) {
      const own = yield* localLine("passwd", account.name)
      // Another account's entries are kept elsewhere, such as in LDAP.
      if (own === undefined) return
      if (own.split(":")[1] === shadowed && (yield* localLine("shadow", account.name)) === undefined) {
        yield* Effect.logWarning("The account has no entry in the shadow file, making one", { username: account.name })
        // shadow-utils; BusyBox has nothing of the kind, and then the missing entry is reported.
        yield* retried(subprocess.run({ command: "pwconv", args: [] }))
      }
      if (Option.isNone(yield* lookUp("group", String(account.gid)))) {
        yield* Effect.logWarning("The account's own group is missing, making it", { username: account.name })
        yield* retried(tools.createOwnGroup(account))
      }
    })

    /** Adds what failed to the problems of the account. */
    const noted = (problems: Array<UserError>, name: Username, operation: string) =>
      Effect.catch((error: UserError | SubprocessError | FileError) =>
        Effect.sync(() => void problems.push(failed(name, operation)(error)))
      )

    /**
     * Gives an account that is there already the groups that it lacks, and what a creation that was cut short has left
     * out.
     */
    const keep = Effect.fnUntraced(function*(
      account: UserAccount,
      groups: ReadonlyArray<GroupName>,
      problems: Array<UserError>
    ) {
      const { name } = account
      const already = groups.length === 0 ? new Set<string>() : yield* memberships(name)
      const wanted = groups.filter((group) => !already.has(group))
      yield* Effect.logInfo(`The user ${name} exists and is kept`, { groups: wanted.join(",") })
      if (wanted.length > 0) {
        yield* noted(problems, name, `add the groups ${wanted.join(", ")}`)(retried(tools.join(name, wanted)))
      }
      yield* noted(problems, name, "complete the account")(ensureEntries(account))
      yield* noted(problems, name, "make the home directory")(ensureHome(account))
      return { account, problems }
    })

    /** What the owner can do without becomes a problem: an account with a flaw lets its owner in, none does not. */
    const ensure = Effect.fnUntraced(function*(request: UserRequest) {
      const { name } = request
      const [{ present, problems }, known] = yield* Effect.all([prepareGroups(request), findPerson(name)], {
        concurrency: "unbounded"
      })
      if (known !== undefined) {
        yield* sudoers.prepare(name)
        return yield* keep(known, present, problems)
      }
      yield* Effect.logInfo(`Creating the user ${name}`)
      const [created] = yield* Effect.all([
        Effect.result(retried(tools.create(name, present, yield* tools.overrides))),
        sudoers.prepare(name)
      ], { concurrency: "unbounded" })
      const account = yield* Result.isFailure(created)
        ? Effect.mapError(find(name), () => created.failure)
        : find(name)
      if (account === undefined) {
        return yield* Result.isFailure(created) ? created.failure : new UserMissingError({ user: name })
      }
      if (Result.isFailure(created)) {
        // The name is in use in another source of the name service, such as LDAP.
        if ((yield* localLine("passwd", name)) === undefined) return yield* keep(account, present, problems)
        // Such as useradd's exit status 12: the account is there, its home is not.
        problems.push(failed(name, "finish the account")(created.failure))
        yield* noted(problems, name, "complete the account")(ensureEntries(account))
      }
      yield* noted(problems, name, "make the home directory")(ensureHome(account))
      return { account, problems }
    })

    const sudoers = yield* Sudoers.make(paths, path, linux, host, subprocess.run)

    return UserProvisioner.of({
      ensure: (request) =>
        ensure(request).pipe(
          Effect.onError(() => sudoers.forget(request.name)),
          Effect.mapError((error) =>
            error._tag === "UserMissingError" || error._tag === "LoginRefusedError"
              ? error
              : failed(request.name, "create the account")(error)
          ),
          Effect.withSpan(span)
        ),
      grantSudo: (name) =>
        sudoers.grant(name).pipe(
          Effect.mapError((error) =>
            new UserError({ user: name, operation: "write the sudo rule", detail: error.message })
          ),
          Effect.withSpan("provision::user:add_user_for_passwordless_sudo")
        )
    })
  })

/** {@link UserProvisioner} by shadow-utils: `useradd` with azure-init's arguments, `usermod -aG`, `groupadd`. */
export const layerUseradd: Layer.Layer<UserProvisioner, never, Linux | Path.Path | Subprocess> = Layer.effect(
  UserProvisioner,
  make("provision::user:useradd", (run, overrides) => ({
    overrides,
    create: (name, groups, overrides) => {
      const args = [name, "--comment", comment, "--groups", groups.join(","), "-d", `/home/${name}`, "-m", ...overrides]
      // A group of that name, such as `docker`, would keep the account from being made.
      return Effect.catchIf(
        run({ command: "useradd", args }),
        (error) => error.exitCode === nameInUse && /group .* exists/.test(saidBy(error)),
        () => run({ command: "useradd", args: [...args, "-g", name] })
      )
    },
    join: (name, groups) => run({ command: "usermod", args: ["-aG", groups.join(","), name] }),
    createGroup: (group) => run({ command: "groupadd", args: ["--", group] }),
    createOwnGroup: ({ gid, name }) => run({ command: "groupadd", args: ["-g", String(gid), "--", name] })
  }))
)

/** {@link UserProvisioner} by BusyBox: `adduser -D`, `addgroup`. */
export const layerAdduser: Layer.Layer<UserProvisioner, never, Linux | Path.Path | Subprocess> = Layer.effect(
  UserProvisioner,
  make("provision::user:adduser", (run) => {
    const join = (name: Username, groups: ReadonlyArray<GroupName>) =>
      Effect.forEach(groups, (group) => run({ command: "addgroup", args: [name, group] }))
    return {
      overrides: Effect.succeed([]),
      create: (name, groups) =>
        Effect.andThen(
          run({ command: "adduser", args: ["-D", "-h", `/home/${name}`, "-g", comment, name] }),
          join(name, groups)
        ),
      join,
      createGroup: (group) => run({ command: "addgroup", args: [group] }),
      createOwnGroup: ({ gid, name }) => run({ command: "addgroup", args: ["-g", String(gid), name] })
    }
  })
)
