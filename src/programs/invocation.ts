import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { GroupName } from "../domain/Username.ts"
import { UsageError } from "../errors/UsageError.ts"

/** What the command line asks for. `config` is the value of `--config` or `AZURE_INIT_CONFIG`. */
export type Invocation =
  | {
    readonly _tag: "Provision"
    readonly config: Option.Option<string>
    readonly groups: ReadonlyArray<GroupName>
  }
  | { readonly _tag: "Clean"; readonly config: Option.Option<string>; readonly logs: boolean }
  /** Help or the version has been printed. */
  | { readonly _tag: "Nothing" }

const fromEnvironment = (name: string) => Config.option(Config.NonEmptyString(name))

const decodeGroups = Schema.decodeEffect(Schema.Array(GroupName))

/** `a,b` and repeated flags accumulate; empty names are dropped, as azure-init's default is one empty name. */
export const groupsOf = Effect.fnUntraced(function*(flags: ReadonlyArray<string>) {
  const given = flags.length > 0
    ? flags
    : Option.toArray(yield* fromEnvironment("AZURE_INIT_USER_GROUPS"))
  const names = given.flatMap((list) => list.split(",")).map((name) => name.trim()).filter((name) => name !== "")
  return yield* decodeGroups(names).pipe(
    Effect.catch(() => {
      const detail =
        `--groups: found ${JSON.stringify(names.join(","))}, expected names of 1 to 32 letters, digits, '_', '.' or '-'`
        + ", separated by commas: azure-init --groups adm,video"
      return Effect.andThen(Console.error(detail), Effect.fail(new UsageError({ detail })))
    })
  )
})

/** The value of `--config`, or of `AZURE_INIT_CONFIG` without it. */
export const configOf = (flag: Option.Option<string>) =>
  Option.isSome(flag) ? Effect.succeed(flag) : fromEnvironment("AZURE_INIT_CONFIG")

/** What a boot asks for: no arguments, only the environment. Kept apart from the command line, whose modules a boot need not load. */
export const boot = Effect.gen(function*() {
  const invocation: Invocation = {
    _tag: "Provision",
    config: yield* configOf(Option.none()),
    groups: yield* groupsOf([])
  }
  return invocation
})
