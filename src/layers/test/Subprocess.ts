import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { SubprocessError } from "../../errors/SubprocessError.ts"
import { Subprocess, type SubprocessRequest, type SubprocessResult } from "../../services/Subprocess.ts"

/**
 * What a scripted command answers: a result, with exit status 0 and no output where absent, or that it is not
 * installed.
 */
export type Answer = Partial<SubprocessResult> | "not found"

/** One call as it was made; the standard input in clear, so that a test can look at it. */
export interface Call {
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly stdin: string | undefined
}

/**
 * A scriptable {@link Subprocess}: `answer` decides each call, `calls` collects them.
 *
 * An exit status that the caller does not allow becomes the same `SubprocessError` as on a real host.
 */
export const make = (answer: (request: SubprocessRequest) => Answer): {
  readonly layer: Layer.Layer<Subprocess>
  readonly calls: ReadonlyArray<Call>
} => {
  const calls: Array<Call> = []
  const run = Effect.fnUntraced(function*(request: SubprocessRequest) {
    calls.push({
      command: request.command,
      args: request.args,
      stdin: request.stdin === undefined ? undefined : Redacted.value(request.stdin)
    })
    const command = [request.command, ...request.args]
    const answered = answer(request)
    if (answered === "not found") return yield* new SubprocessError({ command, status: "not found", stderr: "" })
    const result = { exitCode: 0, stdout: "", stderr: "", ...answered }
    if (!(request.allow ?? [0]).includes(result.exitCode)) {
      return yield* new SubprocessError({
        command,
        status: `exit status: ${result.exitCode}`,
        exitCode: result.exitCode,
        stderr: result.stderr,
        ...("said" in result ? { said: result.said } : {})
      })
    }
    return result
  })
  return { layer: Layer.succeed(Subprocess, Subprocess.of({ run })), calls }
}
