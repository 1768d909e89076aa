import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { SubprocessError } from "../errors/SubprocessError.ts"

/** One external command. No shell is involved. */
export interface SubprocessRequest {
  /** A name that is looked up in the standard system directories, or an absolute path. */
  readonly command: string
  readonly args: ReadonlyArray<string>
  /** Written to standard input, which is then closed; `/dev/null` when absent. The only place for a secret. */
  readonly stdin?: Redacted.Redacted<string>
  /** After this the command and its children are killed; 30 s when absent. */
  readonly timeout?: Duration.Input
  /** Exit statuses that are an answer and not a failure; only 0 when absent. */
  readonly allow?: ReadonlyArray<number>
}

/** What a command printed, and its exit status. */
export interface SubprocessResult {
  readonly exitCode: number
  /** At most 1 MiB, as it was printed: to be decoded, not to be logged or reported, since it may repeat a secret. */
  readonly stdout: string
  /** At most 64 KiB, without the secrets that the process knows: to be logged and reported. */
  readonly stderr: string
  /** The same as it was printed, to be compared; absent where nothing was taken out. */
  readonly said?: Redacted.Redacted<string>
}

/**
 * What a command printed on standard error, to be compared and never to be told: a secret with the word `cannot` must
 * not change what is done.
 */
export const saidBy = ({ said, stderr }: Pick<SubprocessResult | SubprocessError, "said" | "stderr">): string =>
  said === undefined ? stderr : Redacted.value(said)

/**
 * Runs one external command with a deadline.
 *
 * The environment holds `PATH` (the standard system directories) and `LC_ALL=C`, nothing else. Arguments and standard
 * error stand in errors and logs, standard input never does, even when a helper repeats it: see `Secrets`. Interruption
 * kills the command.
 */
export class Subprocess extends Context.Service<Subprocess, {
  readonly run: (request: SubprocessRequest) => Effect.Effect<SubprocessResult, SubprocessError>
}>()("azure-init/services/Subprocess") {}
