/** What a program is to do; handed over as JSON in its first argument. */
export interface Job {
  /** The program's own, for files of the decoders; the names of both engines' are of the same length. */
  readonly directory: string
  /** Where the inputs are, each a file named by its number from 0 on. */
  readonly inputs: string
  /** The decoder of each input. */
  readonly targets: ReadonlyArray<string>
  /** A server that answers with what is in `answer` of the directory. */
  readonly origin: string
}
