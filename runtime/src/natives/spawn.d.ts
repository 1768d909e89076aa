/** How a child is started. */
export interface SpawnOptions {
  /** The executable's path; `PATH` is not searched. */
  readonly file: string
  /** All of argv, the name included. */
  readonly args: ReadonlyArray<string>
  /** The whole environment, as `NAME=value`. */
  readonly env: ReadonlyArray<string>
  /** Descriptors of ours that become standard input, output and error; `-1` is `/dev/null`. */
  readonly stdio: readonly [number, number, number]
  /** The working directory; ours without it. */
  readonly directory?: string | undefined
}
