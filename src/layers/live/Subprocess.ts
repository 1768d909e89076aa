import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { PlatformError } from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { SubprocessError } from "../../errors/SubprocessError.ts"
import { Secrets } from "../../services/Secrets.ts"
import { Subprocess, type SubprocessRequest } from "../../services/Subprocess.ts"

/** The directories that systemd gives to system services, and the sbin ones first, as root's shell has them. */
const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/** No helper needs more than a second on a healthy host; a `hostnamectl` without its service waits 25 s by itself. */
const defaultTimeout = Duration.seconds(30)

/** Characters of standard output and of standard error that are kept; what is told of the second needs no more. */
const maximumStdout = 1024 * 1024
const maximumStderr = 64 * 1024
const stderrInErrors = 2000

/** {@link Subprocess} by Effect's process spawner. */
export const layer: Layer.Layer<Subprocess, never, ChildProcessSpawner.ChildProcessSpawner> = Layer.effect(
  Subprocess,
  Effect.gen(function*() {
    const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
    const secrets = yield* Secrets

    const told = (stderr: string, cut: (text: string) => string) => {
      const redacted = secrets.redact(stderr)
      return { stderr: cut(redacted), ...(redacted === stderr ? {} : { said: Redacted.make(cut(stderr)) }) }
    }

    const run = Effect.fnUntraced(function*(request: SubprocessRequest) {
      const timeout = Duration.fromInputUnsafe(request.timeout ?? defaultTimeout)
      if (request.stdin !== undefined) secrets.addInput(request.stdin)
      /** Secrets go before the text is cut: a part of one would not be known any more. */
      const failed = (status: string, stderr = "", exitCode?: number) =>
        new SubprocessError({
          command: [request.command, ...request.args],
          status,
          ...told(stderr, (text) => text.trim().slice(-stderrInErrors)),
          ...(exitCode === undefined ? {} : { exitCode })
        })

      const handle = yield* spawner.spawn(
        ChildProcess.make(request.command, request.args, {
          env: { PATH: path, LC_ALL: "C" },
          stdin: request.stdin === undefined
            ? "ignore"
            : Stream.make(Redacted.value(request.stdin)).pipe(Stream.encodeText),
          forceKillAfter: "1 second"
        })
      ).pipe(
        Effect.mapError((error) => failed(startFailure(error, secrets))),
        // A file that is no program makes the run-time's own spawn throw.
        Effect.catchDefect((defect) => Effect.fail(failed(`not started: ${secrets.redact(String(defect))}`)))
      )

      const { exitCode, stderr, stdout } = yield* Effect.all({
        stdout: collect(handle.stdout, maximumStdout),
        stderr: collect(handle.stderr, maximumStderr),
        exitCode: handle.exitCode
      }, { concurrency: "unbounded" }).pipe(
        Effect.mapError((error) => failed(endFailure(error, secrets))),
        Effect.timeoutOrElse({
          duration: timeout,
          orElse: () => Effect.fail(failed(`timed out after ${Duration.toSeconds(timeout)} s`))
        })
      )
      if (!(request.allow ?? [0]).includes(exitCode)) {
        return yield* failed(`exit status: ${exitCode}`, stderr, exitCode)
      }
      return { exitCode, stdout, ...told(stderr, (text) => text) }
    }, Effect.scoped)

    return Subprocess.of({
      run: (request) =>
        run(request).pipe(
          Effect.tapError((error) =>
            error.status === "not found"
              ? Effect.logInfo(`The command '${request.command}' is not installed`)
              : Effect.logWarning(`Command '${request.command}' failed`, { error: error.message })
          ),
          Effect.withSpan("libazureinit:subprocess", { attributes: { program: request.command } })
        )
    })
  })
)

const collect = (
  output: Stream.Stream<Uint8Array, PlatformError>,
  maximum: number
): Effect.Effect<string, PlatformError> =>
  output.pipe(
    Stream.decodeText,
    Stream.runFold(() => "", (text, chunk) => text + chunk.slice(0, maximum - text.length))
  )

/** What programs compare stays as it is, whatever the secrets are; only the run-time's own words are redacted. */
const startFailure = (error: PlatformError, secrets: Secrets): string =>
  error.reason._tag === "NotFound" ? "not found" : `not started: ${secrets.redact(error.message)}`

/** The spawner tells of a command killed by a signal in the cause of an error. */
const endFailure = (error: PlatformError, secrets: Secrets): string => {
  const cause = "cause" in error.reason ? String(error.reason.cause) : ""
  const signal = /SIG[A-Z0-9]+/.exec(cause)
  return signal === null ? secrets.redact(error.message) : `signal: ${signal[0]}`
}
