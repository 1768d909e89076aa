/**
 * What the boot runtime gives to the agent: the kernel's calls, the event loop and a few codecs, as one frozen global object, `natives`.
 *
 * Generated from `runtime/src/natives/`; `cargo test` fails when this file is stale, `cargo run --bin declarations` writes it.
 *
 * A call that fails gives a negative errno (`-2` is ENOENT) instead of its result, and never throws; `errorName` and `errorText` explain the
 * number. An argument of a wrong type throws a `TypeError`. Descriptors are numbers, kept in a table of the runtime: what is not in it, is
 * EBADF. They are close-on-exec. `-100` (`constants.AT_FDCWD`) as a directory is the working directory. Strings are UTF-8 outside; bytes that
 * are none become U+FFFD.
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
