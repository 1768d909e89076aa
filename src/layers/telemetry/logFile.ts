import * as Effect from "effect/Effect"
import * as Path from "effect/Path"
import * as Result from "effect/Result"
import { FileError } from "../../errors/FileError.ts"
import { Linux } from "../../services/Linux.ts"
import { attempt, files } from "../linux/files.ts"

/** The open log file. A failure is the system's sentence. */
export interface LogFile {
  /** Appends a line, line feed included, before it returns: no line is lost and the order is that of the events. */
  readonly write: (line: string) => Result.Result<void, string>
}

/**
 * Opens the log file to append to it, and closes it with the scope. It has mode 0600 from its first instant, one that
 * is there gets it; a link in its place is not followed, and nothing but a regular file is taken, since a pipe could
 * make the agent wait for its reader.
 */
export const open = Effect.fnUntraced(function*(path: string) {
  const linux = yield* Linux
  const { dirname } = yield* Path.Path
  const { makeDirectories } = yield* files
  const opened = yield* makeDirectories(dirname(path), 0o777).pipe(
    Effect.andThen(
      attempt("open", path, linux.open(path, { access: "write", append: true, create: 0o600, noFollow: true }))
    ),
    Effect.tap((file) =>
      Effect.flatMap(attempt("look at", path, file.stat), ({ kind }) =>
        kind === "file"
          ? attempt("set the mode of", path, file.chmod(0o600))
          : Effect.fail(new FileError({ operation: "open", path, detail: "it is not a regular file" })))
    ),
    Effect.result
  )
  return Result.mapBoth(opened, {
    onFailure: ({ detail }) => detail,
    onSuccess: (file): LogFile => ({
      write: (line) => {
        const error = file.writeUnsafe(line)
        return error === undefined ? Result.succeed(undefined) : Result.fail(`${error.code}: ${error.detail}`)
      }
    })
  })
})
