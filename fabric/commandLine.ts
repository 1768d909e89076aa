import * as Argument from "effect/cli/Argument"
import * as CliConfig from "effect/cli/CliConfig"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import { ChildProcessSpawner, make as makeSpawner } from "effect/process/ChildProcessSpawner"
import * as Result from "effect/Result"
import * as Stdio from "effect/Stdio"
import * as Terminal from "effect/Terminal"
import { version } from "../src/domain/Version.ts"
import type { Invocation } from "./invocation.ts"
import { azure, type Listen } from "./server.ts"

/** A file that need not be given. */
const file = (name: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription(description),
    Flag.optional,
    Flag.map(Option.getOrUndefined)
  )

const sources = {
  playbook: file("playbook", "What the platform does, JSON or TOML; without one it answers as Azure does"),
  imdsResponses: file("imds-responses", "A scenario file of azure-init's test server for IMDS (JSON)"),
  wireserverResponses: file("wireserver-responses", "A scenario file of azure-init's test server for WireServer (XML)")
}

const transcript = file("transcript", "Where every request becomes a line of JSON")

/** `ADDRESS:PORT`. */
const listenOf = (text: string): Option.Option<Listen> => {
  const [, host, port] = /^([^:]+):(\d{1,5})$/.exec(text) ?? []
  return host === undefined || Number(port) > 65_535 ? Option.none() : Option.some({ host, port: Number(port) })
}

const address = (name: string, what: string, usual: Listen) =>
  Flag.String(name).pipe(
    Flag.withMetavar("ADDRESS:PORT"),
    Flag.withDescription(`Where ${what} listens; ${usual.host}:${usual.port} without it, port 0 for any that is free`),
    Flag.filterMap(listenOf, () => "an address and a port, such as 127.0.0.1:8080"),
    Flag.withDefault(usual)
  )

const unasked = Effect.die("azure-fabric's command line neither asks nor starts anything")

/** Parsing and printing a command line needs none of what the services of a program could do. */
const environment = Layer.mergeAll(
  FileSystem.layerNoop({}),
  Path.layer,
  Stdio.layerTest({}),
  Layer.succeed(ChildProcessSpawner, makeSpawner(() => unasked)),
  Layer.succeed(
    Terminal.Terminal,
    Terminal.make({
      columns: Effect.succeed(80),
      rows: Effect.succeed(24),
      size: unasked,
      readInput: unasked,
      readLine: unasked,
      display: (text) => Effect.sync(() => process.stdout.write(text))
    })
  )
)

/** Notes what the command line asks for. */
type Ask = (invocation: Invocation) => Effect.Effect<void>

const serve = (ask: Ask) =>
  Command.make(
    "serve",
    {
      ...sources,
      transcript,
      imds: address("imds", "IMDS", azure.imds),
      wireserver: address("wireserver", "WireServer", azure.wireserver),
      dhcp: Flag.String("dhcp").pipe(
        Flag.withMetavar("INTERFACE"),
        Flag.withDescription("Also lease one address there by DHCP, with option 245, Azure's routes and WireServer"),
        Flag.optional,
        Flag.map(Option.getOrUndefined)
      ),
      control: Flag.Boolean("control").pipe(
        Flag.withDescription("Take playbooks from standard input, a line of JSON each, and answer ready or refused"),
        Flag.withDefault(false)
      )
    },
    ({ control, dhcp, imds, transcript, wireserver, ...sources }) =>
      ask({ _tag: "Serve", sources, transcript, listens: { imds, wireserver }, dhcp, control })
  ).pipe(Command.withDescription(
    "Be the platform until SIGTERM or the end of a pipe on standard input; says ready and where it listens"
  ))

const run = (ask: Ask) =>
  Command.make(
    "run",
    {
      ...sources,
      transcript,
      machine: Flag.Boolean("machine").pipe(
        Flag.withDescription("Run it on a throw-away machine, a copy-on-write view of this one; needs root"),
        Flag.withDefault(false)
      ),
      onThisMachine: Flag.Boolean("on-this-machine").pipe(
        Flag.withDescription("Run it as root on this machine itself, with its files, accounts and devices"),
        Flag.withDefault(false)
      ),
      command: Argument.String("command").pipe(Argument.atLeast(1))
    },
    ({ command, machine, onThisMachine, transcript, ...sources }) =>
      ask({ _tag: "Run", sources, transcript, machine, onThisMachine, command })
  ).pipe(Command.withDescription(
    "Run a command where Azure's two addresses are this platform and there is no other network; ends with its status"
  ))

const disc = (ask: Ask) =>
  Command.make(
    "disc",
    {
      playbook: sources.playbook,
      output: Flag.String("output").pipe(
        Flag.withMetavar("FILE"),
        Flag.withDescription("Where the image goes (UDF and ISO 9660)")
      ),
      password: Flag.String("password").pipe(
        Flag.withDescription("The administrator's password"),
        Flag.optional,
        Flag.map(Option.getOrUndefined)
      ),
      customData: Flag.String("custom-data").pipe(
        Flag.withMetavar("BASE64"),
        Flag.withDescription("The custom data, in base64 as Azure writes it"),
        Flag.filter((text) => Buffer.from(text, "base64").toString("base64") === text, () => "base64"),
        Flag.optional,
        Flag.map(Option.getOrUndefined)
      ),
      keys: Flag.String("key").pipe(
        Flag.withDescription("An OpenSSH public key in place of the playbook's; may be repeated"),
        Flag.atLeast(0)
      )
    },
    ({ customData, keys, output, password, playbook }) =>
      ask({
        _tag: "Disc",
        sources: { playbook },
        output,
        changes: {
          ...(password === undefined ? {} : { password }),
          ...(customData === undefined ? {} : { customData }),
          ...(keys.length === 0 ? {} : { keys })
        }
      })
  ).pipe(Command.withDescription("Make the provisioning disc of a playbook's VM"))

const kvp = (ask: Ask) =>
  Command.make(
    "kvp",
    { file: Argument.String("file") },
    ({ file }) => ask({ _tag: "Kvp", file })
  ).pipe(Command.withDescription("Print a KVP pool file as the host reads it; status 1 when something in it is wrong"))

const schema = (ask: Ask) =>
  Command.make("schema", {}, () => ask({ _tag: "Schema" })).pipe(
    Command.withDescription("Print the JSON Schema of playbooks")
  )

const check = (ask: Ask) =>
  Command.make(
    "check",
    { file: Argument.String("playbook") },
    ({ file }) => ask({ _tag: "Check", file })
  ).pipe(Command.withDescription("Say whether a playbook is one, and what is wrong with it"))

/**
 * Parses the command line (`argv` without the program's name). Prints help, the version, and what is wrong with the
 * usage by itself; fails then.
 */
export const parse = (argv: ReadonlyArray<string>): Promise<Result.Result<Invocation, CliError.CliError>> => {
  const asked: { invocation: Invocation } = { invocation: { _tag: "Nothing" } }
  const ask: Ask = (invocation) =>
    Effect.sync(() => {
      asked.invocation = invocation
    })
  const root = Command.make("azure-fabric").pipe(
    Command.withDescription("An Azure of one's own, which does what it is told, and misbehaves on request"),
    Command.withSubcommands([serve(ask), run(ask), disc(ask), kvp(ask), schema(ask), check(ask)])
  )
  return Command.runWith(root, { version })(argv).pipe(
    Effect.map(() => asked.invocation),
    Effect.catchTag(
      "ShowHelp",
      (error) => error.errors.length === 0 ? Effect.succeed(asked.invocation) : Effect.fail(error)
    ),
    Effect.result,
    Effect.provideService(CliConfig.CliConfig, { builtIns: [GlobalFlag.Help, GlobalFlag.Version] }),
    Effect.provide(environment),
    Effect.runPromise
  )
}
