/**
 * What the boot runtime gives to the agent: the kernel's calls, the event loop and a few codecs, as one frozen global
 * object, `natives`.
 *
 * Generated from `runtime/src/natives/`; `cargo test` fails when this file is stale, `cargo run --bin declarations`
 * writes it.
 *
 * A call that fails gives a negative errno (`-2` is ENOENT) instead of its result, and never throws; `errorName` and
 * `errorText` explain the number. An argument of a wrong type throws a `TypeError`. Descriptors are numbers, kept in a
 * table of the runtime: what is not in it, is EBADF. They are close-on-exec. `-100` (`constants.AT_FDCWD`) as a
 * directory is the working directory. Strings are UTF-8 outside; bytes that are none become U+FFFD.
 */

/** A negative errno, or 0. */
export type Status = number
/** A negative errno, or an open descriptor. */
export type Opened = number
/** A negative errno, or a number of bytes. */
export type Count = number
/** A negative errno. */
export type Failure = number
/** Names a callback that waits, for `cancel`. Positive; never given out twice. */
export type Ticket = number

/** What `stat(2)` tells of a file. Times are milliseconds since 1970, with fractions. */
export interface Stat {
  readonly dev: number
  readonly ino: number
  readonly mode: number
  readonly nlink: number
  readonly uid: number
  readonly gid: number
  readonly rdev: number
  readonly size: number
  readonly blksize: number
  readonly blocks: number
  readonly atimeMs: number
  readonly mtimeMs: number
  readonly ctimeMs: number
}

/** One entry of a directory; `type` is the `S_IFMT` part of the mode, or 0 where the file system does not tell. */
export interface DirectoryEntry {
  readonly name: string
  readonly type: number
}

/**
 * The head of an HTTP/1 response. `length` is that of the head, in bytes; a byte of a header is a character (ISO
 * 8859-1).
 */
export interface HttpHead {
  readonly length: number
  readonly minor: number
  readonly status: number
  readonly reason: string
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
}

/** The parts of a URL, as the properties of `URL` of the WHATWG standard. */
export interface UrlParts {
  readonly href: string
  readonly origin: string
  readonly protocol: string
  readonly username: string
  readonly password: string
  readonly host: string
  readonly hostname: string
  readonly port: string
  readonly pathname: string
  readonly search: string
  readonly hash: string
}

/** What `uname(2)` tells. */
export interface SystemName {
  readonly sysname: string
  readonly nodename: string
  readonly release: string
  readonly version: string
  readonly machine: string
}

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

/**
 * Calls that the device, the network or a reader can hold up, on a thread of their own; the result comes to `done`,
 * once, in a later turn of the loop.
 */
export interface Offloaded {
  /**
   * Starts a program: no shell, a process group of its own, no signal blocked or ignored, nothing inherited but
   * three descriptors, which can be closed here at once. Gives the child's process id. What is started after
   * `cancel` runs unheard of.
   */
  spawn(options: SpawnOptions, done: (result: number | Failure) => void): Ticket
  /** As `natives.openat`. What is opened after `cancel` is closed. */
  openat(directory: number, path: string, flags: number, mode: number, done: (result: Opened) => void): Ticket
  /** As `natives.read`. */
  read(file: number, maximum: number, done: (result: Uint8Array | Failure) => void): Ticket
  /** Opens a file with these flags and reads all of it; EFBIG when it has more bytes. */
  readFile(path: string, flags: number, maximum: number, done: (result: Uint8Array | Failure) => void): Ticket
  /** As `natives.pread`. */
  pread(file: number, maximum: number, offset: number, done: (result: Uint8Array | Failure) => void): Ticket
  /** As `natives.write`, but all of the bytes. */
  writeAll(file: number, bytes: Uint8Array, done: (result: Status) => void): Ticket
  /** As `natives.fsync`. */
  fsync(file: number, done: (result: Status) => void): Ticket
  /** As `natives.fstatat`. */
  fstatat(directory: number, path: string, follow: boolean, done: (result: Stat | Failure) => void): Ticket
  /** As `natives.readdir`. */
  readdir(file: number, done: (result: ReadonlyArray<DirectoryEntry> | Failure) => void): Ticket
  /** `mount(2)`; flags are `MS_*`, `data` the options of the file system. */
  mount(
    source: string,
    target: string,
    fileSystem: string,
    flags: number,
    data: string,
    done: (result: Status) => void
  ): Ticket
  /** `umount2(2)`; flags are `MNT_*` and `UMOUNT_NOFOLLOW`. */
  umount(target: string, flags: number, done: (result: Status) => void): Ticket
  /** `CDROMEJECT` of `ioctl(2)`, on a drive that is opened for it. */
  eject(device: string, done: (result: Status) => void): Ticket
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
   * Numbers that differ by architecture or are easily mistyped: `O_*`, `AT_*`, `S_IF*`, `LOCK_*`, `MS_*`, `MNT_*`,
   * `UMOUNT_NOFOLLOW`, `SIG*`, `E*` and `POLLIN`, `POLLOUT`, `POLLERR`, `POLLHUP`.
   */
  readonly constants: Readonly<Record<string, number>>
  readonly offload: Offloaded

  // The process

  /**
   * `import()` of a module that is built in. The build puts it in place of the expression, which bytecode without
   * file names cannot have.
   */
  importModule(name: string): Promise<unknown>
  /** Ends the process at once, without waiting for anything. */
  exit(code: number): never
  cwd(): string | Failure
  umask(mask: number): number
  getuid(): number
  geteuid(): number
  getgid(): number
  getegid(): number
  uname(): SystemName
  gethostname(): string
  sethostname(name: string): Status
  /** `ENOENT` of 2 or -2; `E123` of one that has no name here. */
  errorName(code: number): string
  /** `No such file or directory` of 2 or -2. */
  errorText(code: number): string

  // Files

  openat(directory: number, path: string, flags: number, mode: number): Opened
  /**
   * Standard input, output and error stay open. An offloaded call that is under way keeps the file open until it
   * ends.
   */
  close(file: number): Status
  /** At most `maximum` bytes; empty at the end. */
  read(file: number, maximum: number): Uint8Array | Failure
  pread(file: number, maximum: number, offset: number): Uint8Array | Failure
  /** Strings are written as UTF-8. Less than all can be written. */
  write(file: number, bytes: Uint8Array | string): Count
  pwrite(file: number, bytes: Uint8Array | string, offset: number): Count
  fsync(file: number): Status
  ftruncate(file: number, length: number): Status
  fchmod(file: number, mode: number): Status
  /** An id of -1 stays as it is. */
  fchown(file: number, uid: number, gid: number): Status
  /** Of a symbolic link the link itself, unless `follow`. An id of -1 stays as it is. */
  fchownat(directory: number, path: string, uid: number, gid: number, follow: boolean): Status
  /** Follows symbolic links. */
  fchmodat(directory: number, path: string, mode: number): Status
  /** Seconds since 1970. Of a symbolic link the link itself, unless `follow`. */
  utimensat(directory: number, path: string, accessed: number, modified: number, follow: boolean): Status
  fstat(file: number): Stat | Failure
  fstatat(directory: number, path: string, follow: boolean): Stat | Failure
  /** `mode` is a sum of 4 (read), 2 (write) and 1 (execute), or 0. */
  faccessat(directory: number, path: string, mode: number): Status
  /** `directoryToo` is `AT_REMOVEDIR`: an empty directory and nothing else. */
  unlinkat(directory: number, path: string, directoryToo: boolean): Status
  mkdirat(directory: number, path: string, mode: number): Status
  renameat(fromDirectory: number, from: string, toDirectory: number, to: string): Status
  /** Fails with EEXIST where `to` is there (`RENAME_NOREPLACE`). */
  renameatNoReplace(fromDirectory: number, from: string, toDirectory: number, to: string): Status
  linkat(fromDirectory: number, from: string, toDirectory: number, to: string): Status
  symlinkat(target: string, directory: number, path: string): Status
  readlinkat(directory: number, path: string): string | Failure
  /** All entries of an open directory but `.` and `..`, in no order. */
  readdir(file: number): ReadonlyArray<DirectoryEntry> | Failure
  realpath(path: string): string | Failure
  isatty(file: number): boolean
  /** Columns and rows of a terminal. */
  windowSize(file: number): readonly [columns: number, rows: number] | Failure

  // Locks

  /** `LOCK_EX`, `LOCK_SH` or `LOCK_UN`, with `LOCK_NB`: without it, the whole program waits. */
  flock(file: number, operation: number): Status
  /**
   * `F_OFD_SETLK` of the whole file: locks as of `fcntl(2)` that belong to the open file; `operation` as of `flock`,
   * never waits. EAGAIN: somebody has it.
   */
  lockRange(file: number, operation: number): Status

  // Network and pipes. The sockets do not block: EAGAIN means to `watch`.

  /**
   * Starts a TCP connection to a numeric address. `POLLOUT` of `watch` says that it is made, or has failed:
   * `socketError` tells.
   */
  connect(address: string, port: number): Opened
  /** The positive errno of a socket (`SO_ERROR`), or 0. */
  socketError(socket: number): number
  /** Ends writing: the peer reads the end. */
  shutdown(socket: number): Status
  /**
   * A socket that becomes readable (`POLLIN`) when an address or a route appears or goes (rtnetlink). Drain it with
   * `read`.
   */
  routeChanges(): Opened
  /** The ends to read and to write. Our side of a child's pipe is made non-blocking by `setNonblocking`. */
  pipe(): readonly [reader: number, writer: number] | Failure
  setNonblocking(file: number): Status

  // Children

  /**
   * Calls back once when a child of ours has ended, with its exit code, or the number of the signal that ended it.
   * To be asked for in the turn in which `offload.spawn` has told of the child: the end of one that nobody waits for
   * is forgotten, and this is ECHILD.
   */
  awaitChild(pid: number, ended: (code: number | null, signal: number | null) => void): Status
  /** Sends a signal to a process, or with a negative number to a process group; 0 only asks whether it is there. */
  kill(pid: number, signal: number): Status

  // The loop. It ends when nothing is left that can call back: timers, watches, children, offloaded calls.

  /** Calls back after so many milliseconds (monotonic clock), and again and again with `repeat`. */
  setTimer(milliseconds: number, repeat: boolean, callback: () => void): Ticket
  /** Calls back in the next turn of the loop. */
  setImmediate(callback: () => void): Ticket
  /** Whether a timer or an immediate keeps the loop from ending; it does until told otherwise. */
  keep(ticket: Ticket, keeps: boolean): void
  /** Forgets a timer, an immediate or an offloaded call, whose thread continues. Unknown tickets are ignored. */
  cancel(ticket: Ticket): void
  /**
   * Calls back whenever the descriptor is ready for one of `POLLIN` and `POLLOUT`, or has failed; replaces the
   * descriptor's former watch.
   */
  watch(file: number, events: number, callback: (ready: number) => void): Status
  unwatch(file: number): void
  /**
   * Calls back with the first SIGINT or SIGTERM. The second one ends the process as if nobody had asked. Does not
   * keep the loop from ending. `null` forgets the callback; the next signal then ends the process.
   */
  onSignal(callback?: ((signal: number) => void) | null): Status

  // Time and chance

  /** Nanoseconds since 1970. */
  realtime(): bigint
  /** Nanoseconds of the monotonic clock, from when it was first asked. */
  monotonic(): bigint
  /** Milliseconds of the monotonic clock, with fractions. */
  monotonicMs(): number
  /** At most 64 KiB. */
  getrandom(length: number): Uint8Array

  // Codecs

  /** UTF-8 of a string; lone surrogates become U+FFFD. */
  encodeUtf8(text: string): Uint8Array
  /**
   * Text of UTF-8, a byte order mark included; what is none becomes U+FFFD, as the WHATWG standard has it, or with
   * `fatal` makes it `null`.
   */
  decodeUtf8(bytes: Uint8Array, fatal: boolean): string | null
  /** A byte is a character (ISO 8859-1). */
  decodeLatin1(bytes: Uint8Array): string
  sha256(bytes: Uint8Array): Uint8Array
  /**
   * The head of a response; `null` when it is not all there yet; a text that says what is wrong. At most 100
   * headers.
   */
  parseHttpHead(bytes: Uint8Array): HttpHead | null | string
  /**
   * The line that begins a chunk: its length, and the size of the chunk; `null` when it is not all there yet; a text
   * that says what is wrong.
   */
  parseHttpChunkSize(bytes: Uint8Array): readonly [length: number, size: number] | null | string
  /** The URL of a text, relative to `base`; `null` when it is none. */
  parseUrl(text: string, base?: string | null): UrlParts | null
  /**
   * The URL after assigning to a property, as the standard's setters do it: a value that is none changes nothing.
   * `null` of an `href` that is none.
   */
  setUrl(href: string, property: string, value: string): UrlParts | null
}

declare global {
  /** The boot runtime's natives; there on the executable only, never on Node. */
  const natives: Natives
}
