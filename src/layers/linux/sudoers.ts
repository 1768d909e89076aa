import * as Effect from "effect/Effect"
import type * as Path from "effect/Path"
import type { Username } from "../../domain/Username.ts"
import { FileError } from "../../errors/FileError.ts"
import type { Paths } from "../../services/Paths.ts"
import type { Subprocess } from "../../services/Subprocess.ts"
import type { Files } from "./files.ts"

/** azure-init's file of sudo rules (`user.rs`). */
const sudoersFile = "azure-init-user"

/** Lets an account run everything through sudo without a password; the rule is checked by visudo where there is one. */
export const makeGrant = (
  paths: Paths,
  path: Path.Path,
  { makeDirectories, readTextIfPresent, writeAtomic }: Files,
  run: Subprocess["Service"]["run"]
) =>
  Effect.fnUntraced(function*(name: Username) {
    const directory = paths.sudoersDirectory
    const rules = path.join(directory, sudoersFile)
    // sudo's own words (ALL, Defaults, aliases) start with a capital; in quotes it is a name like any other (sudoers(5)).
    const rule = `${/^[A-Z]/.test(name) ? `"${name}"` : name} ALL=(ALL) NOPASSWD: ALL`
    yield* makeDirectories(directory, 0o750)
    // A rule that a former run gave to another administrator stays: taking it away would lock that one out of sudo.
    const former = ((yield* readTextIfPresent(rules)) ?? "").split("\n").filter((line) => line !== "" && line !== rule)
    const write = (lines: ReadonlyArray<string>) =>
      writeAtomic(rules, [...lines, rule, ""].join("\n"), {
        mode: 0o440,
        check: (temporary) =>
          run({ command: "visudo", args: ["-c", "-f", temporary] }).pipe(
            Effect.asVoid,
            Effect.catch((error) =>
              error.status === "not found"
                ? Effect.logInfo("There is no visudo to check the sudo rule with")
                : Effect.fail(new FileError({ operation: "check", path: rules, detail: error.message }))
            )
          )
      })
    yield* former.length === 0 ? write([]) : write(former).pipe(
      // A former line that visudo refuses gives nobody anything.
      Effect.catchIf((error) => error.operation === "check", (error) =>
        Effect.andThen(
          Effect.logWarning("The former sudo rules are not valid, leaving them out", { error: error.message }),
          write([])
        ))
    )
  })
