}

export interface Natives {
  /** All arguments, the program's name first. */
  readonly argv: ReadonlyArray<string>
  /** The environment at the start. */
  readonly env: Readonly<Record<string, string>>
  readonly pid: number
  /** Of the build: for whom the compiler made it (`x86_64-unknown-linux-musl`) and the engine (`QuickJS-ng 0.16.2`). */
  readonly target: string
  readonly engine: string
  /**
   * Numbers that differ by architecture or are easily mistyped: `O_*`, `AT_*`, `S_IF*`, `LOCK_*`, `MS_*`, `MNT_*`, `UMOUNT_NOFOLLOW`, `SIG*`,
   * `E*` and `POLLIN`, `POLLOUT`, `POLLERR`, `POLLHUP`.
   */
  readonly constants: Readonly<Record<string, number>>
  readonly offload: Offloaded
