import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as PlatformError from "effect/PlatformError"
import type { CommandInput, CommandOutput, KillOptions, StandardCommand } from "effect/process/ChildProcess"
import * as Spawner from "effect/process/ChildProcessSpawner"
import * as CommandLine from "effect/process/CommandLine"
import * as Redacted from "effect/Redacted"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type { Natives } from "../../../../runtime/natives.d.ts"
import { Child, type Ended, Input, Output } from "./child.ts"
import { systemErrorTag } from "./platformError.ts"

/** Where commands are looked for when their environment has no `PATH`, as execvp(3). */
const defaultPath = "/bin:/usr/bin"

const unwrap = (value: string | Redacted.Redacted<string>): string =>
  Redacted.isRedacted(value) ? Redacted.value(value) : value

const failure = (command: StandardCommand, method: string, code: string, cause: Error) =>
  PlatformError.systemError({
    _tag: systemErrorTag(code),
    module: "ChildProcess",
    method,
    pathOrDescriptor: CommandLine.display([command.command, ...command.args], { format: "posix" }),
    description: cause.message,
    cause
  })

const badArgument = (description: string) =>
  PlatformError.badArgument({ module: "ChildProcess", method: "spawn", description })

/** What this spawner cannot do; the agent asks for none of it. */
const unsupported = ({ options }: StandardCommand): string | undefined => {
  if (options.shell !== undefined && options.shell !== false) return "A shell is not supported"
  if (options.additionalFds !== undefined) return "Additional descriptors are not supported"
  if (options.detached === false) return "Every child has a process group of its own"
  return undefined
}

const environmentOf = (system: Natives, { options }: StandardCommand): Record<string, string> => {
  const environment: Record<string, string> = options.extendEnv === true || options.env === undefined
    ? { ...system.env }
    : {}
  for (const [name, value] of Object.entries(options.env ?? {})) {
    if (value === undefined) delete environment[name]
    else environment[name] = unwrap(value)
  }
  return environment
}

/** The file of a command, or a negative errno. */
const find = (system: Natives, command: string, path: string): string | number => {
  if (command.includes("/")) return command
  const { AT_FDCWD = -100, EACCES = 13, ENOENT = 2, S_IFMT = 0o170000, S_IFREG = 0o100000 } = system.constants
  let missing = -ENOENT
  for (const directory of path.split(":")) {
    const file = directory === "" ? `./${command}` : `${directory}/${command}`
    const stat = system.fstatat(AT_FDCWD, file, true)
    if (typeof stat === "number" || (stat.mode & S_IFMT) !== S_IFREG) continue
    if ((stat.mode & 0o111) !== 0) return file
    missing = -EACCES
  }
  return missing
}

type Wanted = CommandInput | CommandOutput

/** The stream or sink, or the word, of one of the three descriptors. */
const wantedOf = (option: Wanted | { readonly stream?: Wanted | undefined } | undefined): Wanted => {
  if (option === undefined) return "pipe"
  if (typeof option === "string" || Stream.isStream(option) || Sink.isSink(option)) return option
  return option.stream ?? "pipe"
}

/** Both ends of one descriptor: the child's, and ours when there is a pipe. */
interface Ends {
  readonly child: number
  readonly ours: number
}

const endsOf = (system: Natives, wanted: Wanted, number: number): Ends | undefined => {
  if (wanted === "ignore") return { child: -1, ours: -1 }
  if (wanted === "inherit") return { child: number, ours: -1 }
  const pipe = system.pipe()
  if (typeof pipe === "number") return undefined
  return number === 0 ? { child: pipe[0], ours: pipe[1] } : { child: pipe[1], ours: pipe[0] }
}

/** A child that was started, with our ends of its pipes. */
interface Started {
  readonly child: Child
  readonly input: Input
  readonly stdout: Output
  readonly stderr: Output
}

const start = (
  system: Natives,
  command: StandardCommand,
  wanted: ReadonlyArray<Wanted>
): Effect.Effect<Started, PlatformError.PlatformError> =>
  Effect.callback((resume) => {
    const refused = (status: number) => {
      const code = system.errorName(status)
      resume(Effect.fail(failure(command, "spawn", code, new Error(`spawn ${command.command} ${code}`))))
    }
    const environment = environmentOf(system, command)
    const file = find(system, command.command, environment["PATH"] ?? defaultPath)
    if (typeof file === "number") return refused(file)
    const ends = wanted.map((each, number) => endsOf(system, each, number))
    const [stdin, stdout, stderr] = ends
    const closeAll = (which: keyof Ends) => {
      for (const end of ends) if (end !== undefined && end[which] > 2) system.close(end[which])
    }
    if (stdin === undefined || stdout === undefined || stderr === undefined) {
      closeAll("child")
      closeAll("ours")
      return refused(-(system.constants["EMFILE"] ?? 24))
    }
    system.offload.spawn({
      file,
      args: [command.command, ...command.args.map(unwrap)],
      env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
      stdio: [stdin.child, stdout.child, stderr.child],
      directory: command.options.cwd
    }, (pid) => {
      if (pid < 0) {
        closeAll("ours")
        return refused(pid)
      }
      const child = new Child(system, pid)
      system.awaitChild(pid, (code, signal) => child.endedUnsafe({ code, signal }))
      resume(Effect.succeed({
        child,
        input: new Input(system, stdin.ours),
        stdout: new Output(system, stdout.ours, child),
        stderr: new Output(system, stderr.ours, child)
      }))
    })
    closeAll("child")
  })

/** Sinks of the command's own read what is written. */
const streamOf = (
  output: Output,
  wanted: Wanted | undefined
): Stream.Stream<Uint8Array, PlatformError.PlatformError> => {
  const stream = Stream.fromPull(Effect.succeed(Effect.map(output.pull, (bytes) => [bytes] as const)))
  return Sink.isSink(wanted) ? Stream.transduce(stream, wanted) : stream
}

const exitCodeOf = (system: Natives, command: StandardCommand, { code, signal }: Ended) => {
  if (code !== null) return Effect.succeed(Spawner.ExitCode(code))
  const [name = `signal ${signal}`] = Object.entries(system.constants)
    .find(([name, value]) => value === signal && /^SIG[A-Z]/.test(name)) ?? []
  const cause = new Error(`Process interrupted due to receipt of signal: '${name}'`)
  return Effect.fail(failure(command, "exitCode", "", cause))
}

/**
 * Commands without shells and pipelines, in process groups of their own; failures as @effect/platform-node has them.
 * When its scope closes, what is left of a command's group is killed.
 */
export const make = (system: Natives): Spawner.ChildProcessSpawner["Service"] =>
  Spawner.make((command) => {
    if (command._tag !== "StandardCommand") return Effect.fail(badArgument("Pipelines of commands are not supported"))
    const { args, options } = command
    const problem = unsupported(command)
    if (problem !== undefined) return Effect.fail(badArgument(problem))
    const texts = [command.command, ...args.map(unwrap), ...Object.values(environmentOf(system, command))]
    if (texts.some((text) => text.includes("\0"))) {
      return Effect.fail(badArgument("The command, an argument or the environment contains a NUL character"))
    }
    const wanted = [wantedOf(options.stdin), wantedOf(options.stdout), wantedOf(options.stderr)]
    const signalOf = ({ killSignal = "SIGTERM" }: KillOptions) => system.constants[killSignal] ?? 15
    const terminate = (child: Child, how: KillOptions) =>
      child.terminate(
        signalOf(how),
        how.forceKillAfter === undefined ? undefined : Duration.fromInputUnsafe(how.forceKillAfter)
      )

    return Effect.flatMap(
      Effect.acquireRelease(start(system, command, wanted), ({ child, input, stderr, stdout }) =>
        Effect.andThen(
          Effect.sync(() => {
            for (const pipe of [input, stdout, stderr]) pipe.close()
          }),
          terminate(child, options)
        )),
      (started) => {
        const { child, input } = started
        const stdout = streamOf(started.stdout, wanted[1])
        const stderr = streamOf(started.stderr, wanted[2])
        const handle = Spawner.makeHandle({
          pid: Spawner.ProcessId(child.pid),
          exitCode: Effect.flatMap(child.exit, (ended) => exitCodeOf(system, command, ended)),
          isRunning: Effect.sync(() => child.ended === undefined),
          kill: (how) => terminate(child, { ...options, ...how }),
          stdin: Sink.forEach((bytes: Uint8Array) => input.write(bytes)).pipe(
            Sink.ensuring(Effect.sync(() => input.close()))
          ),
          stdout,
          stderr,
          all: Stream.merge(stdout, stderr),
          getInputFd: () => Sink.drain,
          getOutputFd: () => Stream.empty,
          // The loop's end does not wait for a child that has nobody to tell.
          unref: Effect.succeed(Effect.void)
        })
        const stdin = wanted[0]
        if (!Stream.isStream(stdin)) return Effect.succeed(handle)
        return stdin.pipe(
          Stream.runForEach((bytes) => input.write(bytes)),
          Effect.ensuring(Effect.sync(() => input.close())),
          Effect.forkScoped,
          Effect.as(handle)
        )
      }
    )
  })
