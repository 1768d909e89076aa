import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn } from "node:child_process"
import * as Fs from "node:fs/promises"
import { FileError } from "../../errors/FileError.ts"
import { attempt } from "./files.ts"

/** How often a lock that somebody else holds is asked for. */
const interval = Duration.millis(100)

/** The helper does not wait for the lock; it takes 2 to 6 ms. */
const helperTimeout = Duration.seconds(2)

/**
 * Opens a file and takes an exclusive `flock(2)` on it until the scope closes.
 *
 * Neither Node nor Bun offers flock: the helper `flock` takes it on the descriptor that it inherits as number 3. The lock belongs to the
 * open file description, so it outlives the helper and ends when we close the file. BusyBox's helper knows no waiting, so we ask again
 * ourselves until `wait` has passed. Fails with code `EWOULDBLOCK` when somebody else holds the lock that long.
 */
export const openLocked = (
  path: string,
  flags: number,
  mode: number,
  wait: Duration.Input
): Effect.Effect<Fs.FileHandle, FileError, Scope.Scope> =>
  Effect.gen(function*() {
    const file = yield* Effect.acquireRelease(
      attempt("open", path, () => Fs.open(path, flags, mode)),
      (handle) => Effect.ignore(attempt("close", path, () => handle.close()))
    )
    const times = Math.ceil(Duration.toMillis(wait) / Duration.toMillis(interval))
    yield* Effect.retry(flock(path, file.fd), {
      while: (error) => error.code === "EWOULDBLOCK",
      schedule: Schedule.upTo(Schedule.spaced(interval), { times })
    })
    return file
  })

const lockError = (path: string, detail: string, code?: string) =>
  new FileError({ operation: "lock", path, detail, ...(code === undefined ? {} : { code }) })

const flock = (path: string, fd: number): Effect.Effect<void, FileError> =>
  Effect.try({
    try: () =>
      spawn("flock", ["-x", "-n", "3"], {
        env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
        stdio: ["ignore", "ignore", "pipe", fd]
      }),
    catch: (thrown) => lockError(path, `the helper flock (util-linux) does not start: ${String(thrown)}`)
  }).pipe(
    Effect.flatMap((child) => answerOf(path, child)),
    Effect.timeoutOrElse({
      duration: helperTimeout,
      orElse: () => Effect.fail(lockError(path, "the helper flock (util-linux) does not answer"))
    })
  )

const answerOf = (path: string, child: ChildProcess): Effect.Effect<void, FileError> =>
  Effect.callback((resume) => {
    const fail = (detail: string, code?: string) => resume(Effect.fail(lockError(path, detail, code)))
    let said = ""
    child.stderr?.on("data", (chunk: Buffer) => {
      said += chunk.toString()
    })
    child.once("error", (error) => fail(`the helper flock (util-linux) does not start: ${error.message}`))
    child.once("close", (status) => {
      if (status === 0) resume(Effect.void)
      // A helper that says something has not understood us; one that finds the lock taken is silent.
      else if (status === 1 && said === "") fail("somebody else holds it", "EWOULDBLOCK")
      else fail(`flock ended with status ${status ?? "none, by a signal"}: ${said.trim()}`)
    })
    return Effect.sync(() => {
      child.kill("SIGKILL")
    })
  })
