import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Path from "effect/Path"
import * as Result from "effect/Result"
import type { UserAccount } from "../../domain/UserAccount.ts"
import type { FileError } from "../../errors/FileError.ts"
import type { SubprocessError } from "../../errors/SubprocessError.ts"
import type { Linux } from "../../services/Linux.ts"
import type { Paths } from "../../services/Paths.ts"
import type { Subprocess } from "../../services/Subprocess.ts"
import { attempt, type Files } from "./files.ts"
import { copyEntries, removeTree } from "./trees.ts"

/** Makes a directory of this name with the files of the skeleton, 0700 and the user's; how copying them ended. */
const makeCopy = Effect.fnUntraced(
  function*(linux: Linux["Service"], skeleton: string, temporary: string, home: string, account: UserAccount) {
    yield* attempt("create", home, Effect.andThen(removeTree(linux, temporary), linux.mkdir(temporary, 0o700)))
    const made = yield* attempt("create", home, linux.open(temporary, { directory: true, noFollow: true }))
    const copied = yield* Effect.result(attempt(
      "copy",
      skeleton,
      Effect.scoped(
        Effect.flatMap(linux.open(skeleton, { directory: true }), (from) => copyEntries(linux, from, made, account))
      )
    ))
    yield* attempt("create", home, Effect.andThen(made.chmod(0o700), made.chown(account.uid, account.gid)))
    return copied
  },
  Effect.scoped
)

/**
 * Makes what gives an account its home where it lacks one, or has one that is not its own yet, as after a creation that
 * was cut short. The home appears with its skeleton and its owner at once.
 */
export const makeEnsure = (
  paths: Paths,
  path: Path.Path,
  linux: Linux["Service"],
  { exists, makeDirectories }: Files,
  run: Subprocess["Service"]["run"]
): (account: UserAccount) => Effect.Effect<void, FileError | SubprocessError> =>
  Effect.fnUntraced(function*(account) {
    const home = `${paths.root}${account.home}`
    const found = yield* Effect.option(attempt("look at", home, linux.lstat(home)))
    // `useradd` makes it with no permission at all and hands it over in its next step.
    const unfinished = Option.isSome(found) && found.value.kind === "directory" && (found.value.mode & 0o777) === 0
      && (yield* Effect.isSuccess(linux.rmdir(home)))
    if (Option.isSome(found) && !unfinished) return
    yield* Effect.logWarning("The home directory is missing or unfinished, making it", { home })
    const parent = path.dirname(home)
    const temporary = path.join(parent, `.${account.name}.azure-init`)
    yield* makeDirectories(parent, 0o755)
    const copied = yield* makeCopy(linux, `${paths.root}/etc/skel`, temporary, home, account)
    yield* attempt("create", home, linux.rename(temporary, home))
    if (yield* exists(`${paths.selinux}/enforce`)) yield* run({ command: "restorecon", args: ["-R", home] })
    // A home without its skeleton takes the owner's keys all the same, so it is made first.
    if (Result.isFailure(copied) && copied.failure.code !== "ENOENT") return yield* copied.failure
  })
