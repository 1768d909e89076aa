import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import * as Fs from "node:fs/promises"
import { FileError } from "../../errors/FileError.ts"
import { attempt } from "./files.ts"

/**
 * Opens a file and takes an exclusive `flock(2)` on it until the scope closes.
 *
 * Neither Node nor Bun offers flock: the helper `flock` (util-linux, or BusyBox) takes it on the descriptor that it inherits
 * as number 3. The lock belongs to the open file description, so it outlives the helper and ends when we close the file.
 *
 * `wait` is whole seconds, rounded up; 0 does not wait. Fails with code `EWOULDBLOCK` when somebody else holds the lock that long.
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
    yield* flock(path, file.fd, Math.ceil(Duration.toSeconds(wait)))
    return file
  })

const flock = (path: string, fd: number, seconds: number): Effect.Effect<void, FileError> =>
  Effect.callback((resume) => {
    const fail = (detail: string, code?: string) =>
      resume(Effect.fail(new FileError({ operation: "lock", path, detail, ...(code === undefined ? {} : { code }) })))
    const child = spawn("flock", ["-x", "-w", String(seconds), "3"], {
      env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
      stdio: ["ignore", "ignore", "ignore", fd]
    })
    child.once("error", (error) => fail(`the helper flock (util-linux) does not start: ${error.message}`))
    child.once("exit", (status) => {
      if (status === 0) resume(Effect.void)
      else if (status === 1) fail(`somebody else has held it for ${seconds} s`, "EWOULDBLOCK")
      else fail(`flock ended with status ${status ?? "none, by a signal"}`)
    })
    return Effect.sync(() => {
      child.kill("SIGKILL")
    })
  })
