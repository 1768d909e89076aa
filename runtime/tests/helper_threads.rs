//! Calls that hang do not stop the loop, nor the end of the program.

mod support;
use support::{Scratch, assert_ended, command, expect, run_by_shell};

#[test]
fn a_read_that_hangs_lets_timers_go_on_and_the_program_end() {
    expect(
        r#"
const [reader] = natives.pipe()
const ticket = natives.offload.read(reader, 10, () => say("read"))
let ticks = 0
const timer = natives.setTimer(2, true, () => {
  if (++ticks < 5) return
  say("ticks")
  natives.cancel(timer)
  natives.cancel(ticket)
})
"#,
        "ticks",
    );
}

#[test]
fn an_open_that_hangs_does_not_keep_the_program_from_exiting() {
    let scratch = Scratch::new();
    let script = r#"
run(["/usr/bin/mkfifo", "fifo"], [-1, -1, -1], () => {
  natives.offload.openat(C.AT_FDCWD, "fifo", C.O_RDONLY, 0, () => say("open"))
  natives.setTimer(20, false, () => { say("deadline"); natives.exit(0) })
})
"#;
    let output = command(&scratch, script)
        .current_dir(&scratch.0)
        .output()
        .expect("the runtime starts");
    assert_ended(output.into(), "deadline");
}

#[test]
fn a_write_to_a_full_pipe_hangs_alone() {
    expect(
        r#"
const [reader, writer] = natives.pipe()
natives.offload.writeAll(writer, new Uint8Array(1_000_000), (result) => { say("written", result); natives.close(writer) })
natives.setTimer(10, false, () => {
  say("reading")
  let length = 0
  const more = () => natives.offload.read(reader, 65536, (bytes) => {
    length += bytes.length
    if (bytes.length > 0) more(); else say(length)
  })
  more()
})
"#,
        "reading\nwritten 0\n1000000",
    );
}

#[test]
fn a_file_stays_open_for_the_call_that_reads_it_and_its_number_is_not_given_out_again() {
    expect(
        r#"
const [reader, writer] = natives.pipe()
natives.offload.read(reader, 10, (bytes) => say(natives.decodeUtf8(bytes, true)))
natives.close(reader)
say(open("/etc/passwd") !== reader, natives.write(writer, "still here"))
"#,
        "true 10\nstill here",
    );
}

#[test]
fn what_fails_at_once_is_told_later() {
    expect(
        r#"
natives.offload.read(77, 10, (result) => say(natives.errorName(result)))
natives.offload.openat(C.AT_FDCWD, "/no/such", 0, 0, (result) => say(natives.errorName(result)))
say("first")
"#,
        "first\nEBADF\nENOENT",
    );
}

#[test]
fn a_file_that_is_opened_for_nobody_is_closed() {
    expect(
        r#"
natives.cancel(natives.offload.openat(C.AT_FDCWD, "/etc/passwd", 0, 0, () => say("open")))
natives.setTimer(30, false, () => natives.offload.openat(C.AT_FDCWD, "/proc/self/fd", C.O_DIRECTORY, 0, (directory) => {
  say(natives.readdir(directory).some(({ name }) => natives.readlinkat(directory, name) === "/etc/passwd"))
}))
"#,
        "false",
    );
}

#[test]
fn a_whole_file_is_read_at_once_or_told_why_not() {
    let scratch = Scratch::new();
    let script = r#"
const file = natives.openat(C.AT_FDCWD, "file", C.O_CREAT | C.O_WRONLY, 0o600)
natives.write(file, "0123456789".repeat(20_000))
natives.symlinkat("file", C.AT_FDCWD, "link")
const read = (path, maximum, then, flags = C.O_RDONLY) => natives.offload.readFile(path, flags, maximum, (result) => {
  say(typeof result === "number" ? natives.errorName(result) : `${result.length} ${natives.decodeUtf8(result.subarray(199_995), true)}`)
  then?.()
})
read("file", 200_000, () => read("file", 199_999, () => read("none", 9, () => read(".", 9, () =>
  read("link", 9, undefined, C.O_NOFOLLOW)))))
"#;
    let output = command(&scratch, script)
        .current_dir(&scratch.0)
        .output()
        .expect("the runtime starts");
    assert_ended(output.into(), "200000 56789\nEFBIG\nENOENT\nEISDIR\nELOOP");
}

#[test]
fn mounts_and_ejections_tell_their_errno() {
    expect(
        r#"
natives.offload.mount("none", "/no/such", "tmpfs", 0, "", (result) => {
  say(natives.errorName(result))
  natives.offload.umount("/no/such", 0, (result) => {
    say(natives.errorName(result))
    natives.offload.eject("/etc/passwd", (result) => say(natives.errorName(result)))
  })
})
"#,
        "ENOENT\nENOENT\nENOTTY",
    );
}

#[test]
fn a_mount_is_made_with_its_flags_and_taken_back() {
    // A mount namespace of our own: needs root, or user namespaces.
    let shell = "exec unshare --map-root-user --mount \"$@\"";
    let ended = run_by_shell(
        shell,
        r#"
const table = () => natives.decodeUtf8(natives.read(open("/proc/self/mounts"), 65536), true)
const line = () => /^disc \/mnt [^ ]* [^ ,]*(,nosuid)?(,nodev)?(,noexec)?/m.exec(table())?.[0] ?? "none"
const flags = C.MS_RDONLY | C.MS_NOSUID | C.MS_NODEV | C.MS_NOEXEC
natives.offload.mount("disc", "/mnt", "tmpfs", flags, "size=1m", (result) => {
  say(result, line(), natives.errorName(natives.openat(C.AT_FDCWD, "/mnt/file", C.O_CREAT | C.O_RDWR, 0o600)))
  const inside = open("/mnt")
  natives.offload.umount("/mnt", C.UMOUNT_NOFOLLOW, (result) => {
    say(natives.errorName(result))
    natives.offload.umount("/mnt", C.UMOUNT_NOFOLLOW | C.MNT_DETACH, (result) => {
      say(result, line())
      natives.close(inside)
    })
  })
})
"#,
    );
    assert_ended(ended, "0 disc /mnt tmpfs ro,nosuid,nodev,noexec EROFS\nEBUSY\n0 none");
}

#[test]
fn a_call_apart_leaves_no_child_behind() {
    expect(
        r#"
let left = 20
for (let i = 0; i < 20; i++) {
  natives.offload.umount("/no/such", 0, () => {
    if (--left > 0) return
    const children = natives.decodeUtf8(natives.read(open(`/proc/self/task/${natives.pid}/children`), 4096), true)
    run(["/bin/true"], [-1, -1, -1], (code) => say(code, children.trim() === ""))
  })
}
"#,
        "0 true",
    );
}

#[test]
fn many_calls_at_once_all_answer() {
    expect(
        r#"
let left = 200
for (let i = 0; i < 200; i++) natives.offload.fstatat(C.AT_FDCWD, "/etc/passwd", true, (stat) => { if (stat.size > 0 && --left === 0) say("all") })
"#,
        "all",
    );
}
