import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { FileError } from "../../errors/FileError.ts"
import type { File, Linux, OpenOptions } from "../../services/Linux.ts"
import { attempt } from "./files.ts"

/** How often a lock that somebody else holds is asked for. */
const interval = Duration.millis(100)

/**
 * Opens a file and takes an exclusive lock on it until the scope closes. Fails with code `EWOULDBLOCK` when somebody
 * else holds it for as long as `wait`.
 */
export const openLocked = (
  linux: Linux["Service"],
  path: string,
  options: OpenOptions,
  wait: Duration.Input
): Effect.Effect<File, FileError, Scope.Scope> =>
  Effect.flatMap(attempt("open", path, linux.open(path, options)), (file) => {
    const lock = Effect.flatMap(attempt("lock", path, file.tryLock), (taken) =>
      taken
        ? Effect.succeed(file)
        : Effect.fail(
          new FileError({ operation: "lock", path, detail: "somebody else holds it", code: "EWOULDBLOCK" })
        ))
    const times = Math.ceil(Duration.toMillis(wait) / Duration.toMillis(interval))
    return Effect.retry(lock, {
      while: (error) => error.code === "EWOULDBLOCK",
      schedule: Schedule.upTo(Schedule.spaced(interval), { times })
    })
  })
