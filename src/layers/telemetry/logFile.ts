import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Fs from "node:fs"
import * as NodePath from "node:path"

/** The open log file. A failure is the system's sentence. */
export interface LogFile {
  /** Appends a line, line feed included, before it returns: no line is lost and the order is that of the events. */
  readonly write: (line: string) => Result.Result<void, string>
}

/** Runs synchronous file work; the failure is the system's sentence. */
const attempt = <A>(work: () => A): Result.Result<A, string> =>
  Result.try({ try: work, catch: (cause) => Predicate.isError(cause) ? cause.message : String(cause) })

const writeAll = (fd: number, line: string): void => {
  const bytes = Buffer.from(line)
  let written = 0
  while (written < bytes.length) written += Fs.writeSync(fd, bytes, written)
}

/**
 * Opens the log file to append to it, and closes it with the scope. It has mode 0600 from its first instant, one that is there gets it; a
 * link in its place is not followed, and nothing but a regular file is taken, since a pipe could make the agent wait for its reader.
 */
export const open = (path: string) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      attempt(() => {
        Fs.mkdirSync(NodePath.dirname(path), { recursive: true })
        const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = Fs.constants
        // Without O_NONBLOCK the opening of a pipe would wait for its reader.
        const fd = Fs.openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600)
        if (!Fs.fstatSync(fd).isFile()) {
          Fs.closeSync(fd)
          throw new Error("it is not a regular file")
        }
        Fs.fchmodSync(fd, 0o600)
        return fd
      })
    ),
    (fd) => Effect.sync(() => Result.isSuccess(fd) ? Fs.closeSync(fd.success) : undefined)
  ).pipe(
    Effect.map((fd) => Result.map(fd, (own): LogFile => ({ write: (line) => attempt(() => writeAll(own, line)) })))
  )
