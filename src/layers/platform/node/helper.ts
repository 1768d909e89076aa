import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { type ChildProcess, spawn, type SpawnOptions } from "node:child_process"

/** As systemd has it for system services, the sbin directories first as root's shell has them. */
const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/**
 * How a helper ended: its exit status, `undefined` when it did not start or did not end by itself, and what it or the
 * system said.
 */
export interface HelperResult {
  readonly status: number | undefined
  readonly said: string
}

/** How a helper is run. */
export interface HelperOptions {
  /** A descriptor of ours that it gets as number 3. */
  readonly inherit?: number
  /** After this it is killed; as long as the caller waits when absent. */
  readonly timeout?: Duration.Duration
}

/** Runs a small program in place of a system call that Node lacks; interruption kills it. */
export const runHelper = (
  command: string,
  args: ReadonlyArray<string>,
  options: HelperOptions = {}
): Effect.Effect<HelperResult> => {
  const stdio: SpawnOptions["stdio"] = [
    "ignore",
    "ignore",
    "pipe",
    ...options.inherit === undefined ? [] : [options.inherit]
  ]
  const run = Effect.callback<HelperResult>((resume) => {
    let said = ""
    const failed = (why: string) => resume(Effect.succeed({ status: undefined, said: `the helper ${command} ${why}` }))
    const child = start(command, args, { env: { PATH: path, LC_ALL: "C" }, stdio })
    if (child instanceof Error) return failed(`does not start: ${child.message}`)
    child.stderr?.on("data", (chunk: Buffer) => {
      said += chunk.toString()
    })
    child.once("error", (error) => failed(`does not start: ${error.message}`))
    child.once("close", (status, signal) => {
      if (status === null) failed(`was ended by ${signal}`)
      else resume(Effect.succeed({ status, said: said.trim() }))
    })
    return Effect.sync(() => {
      child.kill("SIGKILL")
    })
  })
  return options.timeout === undefined ? run : Effect.timeoutOrElse(run, {
    duration: options.timeout,
    orElse: () => Effect.succeed({ status: undefined, said: `the helper ${command} does not answer` })
  })
}

/** Node throws some errors, such as for a file that is no program, in place of telling them. */
const start = (command: string, args: ReadonlyArray<string>, options: SpawnOptions): ChildProcess | Error => {
  try {
    return spawn(command, args, options)
  } catch (thrown) {
    return thrown instanceof Error ? thrown : new Error(String(thrown))
  }
}
