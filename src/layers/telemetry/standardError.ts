import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Linux, type Output, type Stat } from "../../services/Linux.ts"

/** Standard error, and who reads it. */
export interface StandardError {
  readonly output: Output
  /** Whether it is a stream of systemd's journal, which has the time, the level and the unit of a line already. */
  readonly journal: boolean
  /** Whether a terminal shows it that is to show colours. */
  readonly colours: boolean
}

/** Whether `JOURNAL_STREAM` names this file: its device and inode in decimal, as systemd.exec(5) says. */
export const isJournal = (
  stream: Option.Option<string>,
  status: Pick<Stat, "device" | "inode"> | undefined
): boolean => status !== undefined && Option.contains(stream, `${status.device}:${status.inode}`)

/**
 * Standard error of this process, as `JOURNAL_STREAM` of systemd.exec(5), `NO_COLOR` of no-color.org and `TERM` tell of
 * it.
 */
export const standardError = Effect.gen(function*() {
  const variable = (name: string) => Config.option(Config.NonEmptyString(name))
  const { isTerminal, output, stat } = (yield* Linux).standardOutput(2)
  const journal = isJournal(yield* variable("JOURNAL_STREAM"), stat)
  const colours = isTerminal && Option.isNone(yield* variable("NO_COLOR"))
    && !Option.contains(yield* variable("TERM"), "dumb")
  const standard: StandardError = { output: yield* output, journal, colours }
  return standard
})
