import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Tty from "node:tty"
import type { Output } from "./Outlet.ts"

/** Standard error, and who reads it. */
export interface StandardError {
  readonly output: Output
  /** Whether it is a stream of systemd's journal, which has the time, the level and the unit of a line already. */
  readonly journal: boolean
  /** Whether a terminal shows it that is to show colours. */
  readonly colours: boolean
}

/** The kind of file behind a descriptor; `undefined` when it is closed. */
const statusOf = (fd: number): Fs.Stats | undefined => {
  try {
    return Fs.fstatSync(fd)
  } catch {
    return undefined
  }
}

/**
 * A descriptor for the same file that never waits. The flag for it belongs to the open file description, which is shared with whoever started the
 * agent: a pipe or terminal is opened once more, for a description of its own. A socket cannot be; the run-time makes it non-blocking when it opens
 * its own stream, and only this end of it. A regular file stays as it is, since its position is shared.
 */
const neverWaiting = (fd: 1 | 2): number => {
  const status = statusOf(fd)
  if (status === undefined || status.isFile()) return fd
  if (status.isSocket()) {
    void (fd === 1 ? process.stdout : process.stderr)
    return fd
  }
  const { O_NOCTTY, O_NONBLOCK, O_WRONLY } = Fs.constants
  try {
    return Fs.openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY)
  } catch {
    return fd
  }
}

const noRoom = /^(EAGAIN|EWOULDBLOCK|EINTR)$/

/** An {@link Output} of this process: 1 is standard output, 2 standard error. */
export const descriptor = (fd: 1 | 2): Effect.Effect<Output, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => neverWaiting(fd)),
      (own) => Effect.sync(() => own === fd ? undefined : Fs.closeSync(own))
    ),
    (own): Output => ({
      write: (bytes) => {
        try {
          return Fs.writeSync(own, bytes)
        } catch (cause) {
          if (cause instanceof Error && "code" in cause && noRoom.test(String(cause.code))) return 0
          throw cause
        }
      }
    })
  )

/** Whether `JOURNAL_STREAM` names this file: its device and inode in decimal, as systemd.exec(5) says. */
export const isJournal = (stream: Option.Option<string>, status: Pick<Fs.Stats, "dev" | "ino"> | undefined): boolean =>
  status !== undefined && Option.contains(stream, `${status.dev}:${status.ino}`)

/** Standard error of this process, as `JOURNAL_STREAM` of systemd.exec(5), `NO_COLOR` of no-color.org and `TERM` tell of it. */
export const standardError = Effect.gen(function*() {
  const variable = (name: string) => Config.option(Config.NonEmptyString(name))
  const journal = isJournal(yield* variable("JOURNAL_STREAM"), statusOf(2))
  const colours = Tty.isatty(2) && Option.isNone(yield* variable("NO_COLOR"))
    && !Option.contains(yield* variable("TERM"), "dumb")
  const standard: StandardError = { output: yield* descriptor(2), journal, colours }
  return standard
})
