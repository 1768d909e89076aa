import * as CliConfig from "effect/cli/CliConfig"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { build } from "../domain/Version.ts"
import { UsageError } from "../errors/UsageError.ts"
import { configOf, groupsOf, type Invocation } from "./invocation.ts"

const groups = Flag.String("groups").pipe(
  Flag.withAlias("g"),
  Flag.withMetavar("GROUPS"),
  Flag.withDescription(
    "Groups of the administrator, separated by commas; may be repeated [env: AZURE_INIT_USER_GROUPS]"
  ),
  Flag.atLeast(0)
)

const sharedFlags = {
  config: Flag.String("config").pipe(
    Flag.withMetavar("CONFIG"),
    Flag.withDescription(
      "A settings file, or a directory of *.toml files, over the standard ones [env: AZURE_INIT_CONFIG]"
    ),
    Flag.optional
  ),
  version: Flag.Boolean("version").pipe(
    Flag.withAlias("V"),
    Flag.withDescription("Print the version and stop"),
    Flag.withDefault(false)
  ),
  verbose: Flag.Boolean("verbose").pipe(
    Flag.withDescription("With --version, print the commit, the engine and the target as well"),
    Flag.withDefault(false)
  )
}

const logs = Flag.Boolean("logs").pipe(Flag.withDescription("Remove the log file as well"), Flag.withDefault(false))

const toUsageError = (error: CliError.CliError): UsageError =>
  new UsageError({
    detail: error._tag === "ShowHelp" ? error.errors.map((each) => each.message).join("; ") : error.message
  })

/**
 * Understands azure-init's command line (`main.rs`): flags, environment names and subcommands.
 *
 * `argv` is without the program's name. Prints help, the version, and what is wrong with the usage by itself.
 */
export const parse = Effect.fnUntraced(function*(argv: ReadonlyArray<string>) {
  const asked: { invocation: Invocation } = { invocation: { _tag: "Nothing" } }

  const root = Command.make("azure-init", { groups }).pipe(
    Command.withSharedFlags(sharedFlags),
    Command.withHandler(Effect.fnUntraced(function*(flags) {
      asked.invocation = flags.version
        ? yield* printVersion(flags.verbose)
        : { _tag: "Provision", config: yield* configOf(flags.config), ...(yield* groupsOf(flags.groups)) }
    })),
    Command.withDescription("Provisions this virtual machine on Azure: once, at first boot, as root")
  )

  const clean = Command.make(
    "clean",
    { logs },
    Effect.fnUntraced(function*({ logs }) {
      const top = yield* root
      asked.invocation = top.version
        ? yield* printVersion(top.verbose)
        : { _tag: "Clean", config: yield* configOf(top.config), logs }
    })
  ).pipe(Command.withDescription("Remove the markers, so that the next boot provisions again; never talks to Azure"))

  yield* Command.runWith(root.pipe(Command.withSubcommands([clean])), { version: build.version })(
    argv[0] === "help" ? [...argv.slice(1), "--help"] : argv
  ).pipe(
    Effect.catchFilter(
      (error) => CliError.isCliError(error) ? Result.succeed(error) : Result.fail(error),
      (error) => Effect.fail(toUsageError(error))
    ),
    Effect.provideService(CliConfig.CliConfig, { builtIns: [GlobalFlag.Help] })
  )
  return asked.invocation
})

const printVersion = (verbose: boolean) => {
  const lines = [
    `azure-init ${build.version}`,
    ...(verbose ? [`commit: ${build.commit}`, `engine: ${build.engine}`, `target: ${build.target}`] : [])
  ]
  return Effect.as(Console.log(lines.join("\n")), { _tag: "Nothing" as const })
}
