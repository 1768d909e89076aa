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
    /** Of the environment, what cannot be a group's name. */
    readonly wrongGroups: ReadonlyArray<string>
  }
  | { readonly _tag: "Clean"; readonly config: Option.Option<string>; readonly logs: boolean }
  /** Help or the version has been printed. */
  | { readonly _tag: "Nothing" }

const fromEnvironment = (name: string) => Config.option(Config.NonEmptyString(name))

const decodeGroup = Schema.decodeOption(GroupName)

/** The names in lists separated by commas; empty ones are dropped, as azure-init's default is one empty name. */
const split = (lists: ReadonlyArray<string>) => {
  const names = lists.flatMap((list) => list.split(",")).map((name) => name.trim()).filter((name) => name !== "")
  return {
    groups: names.flatMap((name) => Option.toArray(decodeGroup(name))),
    wrongGroups: names.filter((name) => Option.isNone(decodeGroup(name)))
  }
}

/**
 * The administrator's groups: those of the flags, which accumulate, or else of the environment. A wrong name is an
 * error of usage in a flag; in the environment of a boot, where nobody could correct it, it is handed on to be
 * reported.
 */
export const groupsOf = Effect.fnUntraced(function*(flags: ReadonlyArray<string>) {
  if (flags.length === 0) return split(Option.toArray(yield* fromEnvironment("AZURE_INIT_USER_GROUPS")))
  const found = split(flags)
  if (found.wrongGroups.length === 0) return found
  const detail = `--groups: found ${
    JSON.stringify(found.wrongGroups.join(","))
  }, expected names of 1 to 32 letters, digits, '_', '.' or '-', separated by commas: azure-init --groups adm,video`
  yield* Console.error(detail)
  return yield* new UsageError({ detail })
})

/** The value of `--config`, or of `AZURE_INIT_CONFIG` without it. */
export const configOf = (flag: Option.Option<string>) =>
  Option.isSome(flag) ? Effect.succeed(flag) : fromEnvironment("AZURE_INIT_CONFIG")

/**
 * What a boot asks for: no arguments, only the environment. Kept apart from the command line, whose modules a boot need
 * not load.
 */
export const boot = Effect.gen(function*() {
  const invocation: Invocation = {
    _tag: "Provision",
    config: yield* configOf(Option.none()),
    ...(yield* groupsOf([]))
  }
  return invocation
})
