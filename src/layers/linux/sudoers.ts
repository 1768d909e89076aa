import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Path from "effect/Path"
import type * as Scope from "effect/Scope"
import type { Username } from "../../domain/Username.ts"
import { FileError } from "../../errors/FileError.ts"
import type { Linux } from "../../services/Linux.ts"
import type { Paths } from "../../services/Paths.ts"
import type { Subprocess } from "../../services/Subprocess.ts"
import { attempt, type Files } from "./files.ts"

/** azure-init's file of sudo rules (`user.rs`). */
const sudoersFile = "azure-init-user"

/** The rule that lets an account run everything through sudo without a password. */
const ruleOf = (name: Username): string =>
  // sudo's own words (ALL, Defaults, aliases) start with a capital; in quotes it is a name like any other (sudoers(5)).
  `${/^[A-Z]/.test(name) ? `"${name}"` : name} ALL=(ALL) NOPASSWD: ALL`

/** Sudo rights of accounts. */
export interface Sudoers {
  /** Starts to check the rule that {@link Sudoers.grant} writes later; the check needs the name, not the account. */
  readonly prepare: (name: Username) => Effect.Effect<void>
  /** Ends the check that was started, for an account that is not there in the end. */
  readonly forget: (name: Username) => Effect.Effect<void>
  /**
   * Lets an account run everything through sudo without a password; the rule is checked by visudo where there is one.
   */
  readonly grant: (name: Username) => Effect.Effect<void, FileError>
}

/** Makes {@link Sudoers}. A check that nobody waits for ends with the scope. */
export const make = Effect.fnUntraced(function*(
  paths: Paths,
  { join }: Path.Path,
  linux: Linux["Service"],
  { makeDirectories, readTextIfPresent, remove, writeAtomic }: Files,
  run: Subprocess["Service"]["run"]
): Effect.fn.Return<Sudoers, never, Scope.Scope> {
  const scope = yield* Effect.scope
  const rules = join(paths.sudoersDirectory, sudoersFile)
  // sudo reads no file with a dot in its name.
  const scratch = join(paths.sudoersDirectory, `.${sudoersFile}.check`)
  const prepared = new Map<Username, Fiber.Fiber<string, FileError>>()

  const write = (text: string) =>
    attempt(
      "write",
      scratch,
      Effect.scoped(Effect.flatMap(
        linux.open(scratch, { access: "write", create: 0o440, exclusive: true, noFollow: true }),
        (file) => file.write(text)
      ))
    )

  const visudo = run({ command: "visudo", args: ["-c", "-f", scratch] }).pipe(
    Effect.asVoid,
    Effect.catch((error) =>
      error.status === "not found"
        ? Effect.logInfo("There is no visudo to check the sudo rule with")
        : new FileError({ operation: "check", path: rules, detail: error.message })
    )
  )

  /** The text itself, once visudo has accepted it. */
  const checked = (lines: ReadonlyArray<string>) => {
    const text = [...lines, ""].join("\n")
    return Effect.as(
      remove(scratch).pipe(
        Effect.andThen(write(text)),
        Effect.andThen(visudo),
        Effect.ensuring(Effect.ignore(remove(scratch)))
      ),
      text
    )
  }

  /** The file with the account's rule in it. */
  const textFor = Effect.fnUntraced(function*(name: Username) {
    const rule = ruleOf(name)
    yield* makeDirectories(paths.sudoersDirectory, 0o750)
    // A rule that a former run gave to another administrator stays: taking it away would lock that one out of sudo.
    const former = ((yield* readTextIfPresent(rules)) ?? "").split("\n").filter((line) => line !== "" && line !== rule)
    return yield* former.length === 0 ? checked([rule]) : checked([...former, rule]).pipe(
      // A former line that visudo refuses gives nobody anything.
      Effect.catchIf((error) => error.operation === "check", (error) =>
        Effect.andThen(
          Effect.logWarning("The former sudo rules are not valid, leaving them out", { error: error.message }),
          checked([rule])
        ))
    )
  })

  /** The check that was started, which is nobody else's from now on. */
  const take = (name: Username) =>
    Effect.sync(() => {
      const fiber = prepared.get(name)
      prepared.delete(name)
      return fiber
    })

  return {
    prepare: (name) => Effect.map(Effect.forkIn(textFor(name), scope), (fiber) => void prepared.set(name, fiber)),
    forget: (name) => Effect.flatMap(take(name), (fiber) => fiber === undefined ? Effect.void : Fiber.interrupt(fiber)),
    grant: Effect.fnUntraced(function*(name: Username) {
      const fiber = yield* take(name)
      yield* writeAtomic(rules, yield* fiber === undefined ? textFor(name) : Fiber.join(fiber), { mode: 0o440 })
    })
  }
})
