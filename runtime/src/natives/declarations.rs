//! The text of `natives.d.ts`: what the table says, between what TypeScript alone needs.

use super::{Native, TABLE, children, codecs, files, offloaded, process};

/// As dprint is told to wrap.
const COLUMNS: usize = 120;

/// What holds for all natives, and names for numbers.
const HEADER: &str = r#"/**
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
"#;

/// Before the natives of `natives.offload`.
const OFFLOADED: &str = r#"
/**
 * Calls that the device, the network or a reader can hold up, on a thread of their own; the result comes to `done`,
 * once, in a later turn of the loop.
 */
export interface Offloaded {
"#;

/// Before the natives: what is no function.
const VALUES: &str = r#"}

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
"#;

/// After them.
const FOOTER: &str = r#"}

declare global {
  /** The boot runtime's natives; there on the executable only, never on Node. */
  const natives: Natives
}
"#;

/// The text of `natives.d.ts`.
pub fn declarations() -> String {
    let mut text = String::from(HEADER);
    let records = [
        files::Stat::interface(),
        files::DirectoryEntry::interface(),
        codecs::HttpHead::interface(),
        codecs::UrlParts::interface(),
        process::SystemName::interface(),
        children::SpawnOptions::interface(),
    ];
    for record in records {
        text.push_str(&format!("\n{record}"));
    }
    text.push_str(OFFLOADED);
    declare(&mut text, offloaded::NATIVES);
    text.push_str(VALUES);
    for (section, natives) in TABLE {
        text.push_str(&format!("\n  // {section}\n\n"));
        declare(&mut text, natives);
    }
    text.push_str(FOOTER);
    text
}

fn declare(text: &mut String, natives: &[Native]) {
    for native in natives {
        text.push_str(&crate::shapes::comment("  ", native.docs));
        let (parameters, result) = (native.signature)();
        let line = format!("  {}({}): {result}", native.name, parameters.join(", "));
        if line.len() <= COLUMNS {
            text.push_str(&line);
        } else {
            text.push_str(&format!(
                "  {}(\n    {}\n  ): {result}",
                native.name,
                parameters.join(",\n    ")
            ));
        }
        text.push('\n');
    }
}
