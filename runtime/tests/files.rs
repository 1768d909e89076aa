//! Files by descriptor.

mod support;
use support::{Scratch, assert_ended, command, expect};

fn expect_in_scratch(text: &str, expected: &str) {
    let scratch = Scratch::new();
    let output = command(&scratch, text)
        .current_dir(&scratch.0)
        .output()
        .expect("the runtime starts");
    assert_ended(output.into(), expected);
}

#[test]
fn a_file_is_made_written_read_and_renamed_by_the_descriptor_of_its_directory() {
    expect_in_scratch(
        r#"
say(natives.mkdirat(C.AT_FDCWD, "d", 0o700))
const d = open("d", C.O_DIRECTORY | C.O_NOFOLLOW)
const file = natives.openat(d, "new", C.O_RDWR | C.O_CREAT | C.O_EXCL | C.O_NOFOLLOW, 0o600)
say(natives.errorName(natives.openat(d, "new", C.O_CREAT | C.O_EXCL | C.O_WRONLY, 0o600)))
say(natives.write(file, "grüße"), natives.pwrite(file, new Uint8Array([71]), 0), natives.fchmod(file, 0o640), natives.fsync(file))
say(natives.decodeUtf8(natives.pread(file, 100, 0), true), natives.read(file, 10).length)
say(natives.ftruncate(file, 2), natives.fstat(file).size, (natives.fstat(file).mode & 0o7777).toString(8))
natives.close(file)
say(natives.renameat(d, "new", d, "old"), natives.errorName(natives.fstatat(d, "new", false)))
say(natives.symlinkat("old", d, "link"), natives.readlinkat(d, "link"), natives.errorName(natives.openat(d, "link", C.O_RDONLY | C.O_NOFOLLOW, 0)))
say(natives.fstatat(d, "link", false).mode & C.S_IFMT, natives.fstatat(d, "link", true).mode & C.S_IFMT)
say(natives.readdir(d).map(({ name, type }) => `${name}:${type}`).sort())
say(natives.errorName(natives.renameatNoReplace(d, "link", d, "old")), natives.linkat(d, "old", d, "second"), natives.fstatat(d, "old", false).nlink)
say(natives.unlinkat(d, "old", false), natives.unlinkat(d, "second", false), natives.unlinkat(d, "link", false))
say(natives.errorName(natives.unlinkat(C.AT_FDCWD, "d", false)), natives.unlinkat(C.AT_FDCWD, "d", true))
"#,
        "0\nEEXIST\n7 1 0 0\nGrüße 0\n0 2 640\n0 ENOENT\n0 old ELOOP\n40960 32768\n[\"link:40960\",\"old:32768\"]\nEEXIST 0 2\n0 0 0\nEISDIR 0",
    );
}

#[test]
fn numbers_that_are_no_open_files_are_refused() {
    expect(
        r#"
const file = open("/etc/passwd")
say(natives.close(file), natives.errorName(natives.close(file)), natives.errorName(natives.read(file, 1)))
for (const number of [-1, 3, 999, 2 ** 31 - 1]) say(natives.errorName(natives.fstat(number)))
say(natives.close(1), natives.close(2))
"#,
        "0 EBADF EBADF\nEBADF\nEBADF\nEBADF\nEBADF\n0 0",
    );
}

#[test]
fn paths_with_a_nul_and_odd_numbers_are_refused() {
    expect(
        r#"
say(natives.errorName(open("/etc/passwd\0x")), natives.errorName(natives.mkdirat(-100, "a\0", 0)))
const file = open("/etc/passwd")
say(natives.errorName(natives.pread(file, 10, -1)), natives.read(file, -5).length, natives.read(file, NaN).length)
say(natives.errorName(natives.flock(file, 77)), natives.errorName(natives.lockRange(file, 77)))
say(natives.errorName(natives.connect("localhost", 80)), natives.errorName(natives.connect("127.0.0.1", 70000)))
"#,
        "EINVAL EINVAL\nEINVAL 0 0\nEINVAL EINVAL\nEINVAL EINVAL",
    );
}

#[test]
fn one_lock_keeps_the_other_out() {
    expect_in_scratch(
        r#"
const first = open("lock", C.O_RDWR | C.O_CREAT), second = open("lock", C.O_RDWR)
say(natives.flock(first, C.LOCK_EX | C.LOCK_NB), natives.errorName(natives.flock(second, C.LOCK_EX | C.LOCK_NB)))
say(natives.lockRange(first, C.LOCK_EX), natives.errorName(natives.lockRange(second, C.LOCK_EX)))
natives.close(first)
say(natives.flock(second, C.LOCK_EX | C.LOCK_NB), natives.lockRange(second, C.LOCK_EX), natives.lockRange(second, C.LOCK_UN))
"#,
        "0 EAGAIN\n0 EAGAIN\n0 0 0",
    );
}

#[test]
fn a_lock_of_fcntl_by_another_process_keeps_ours_out() {
    let scratch = Scratch::new();
    let file = std::fs::File::create(scratch.path("pool")).expect("it can be made");
    let operation = rustix::fs::FlockOperation::NonBlockingLockExclusive;
    rustix::fs::fcntl_lock(&file, operation).expect("nobody else has it");
    let script = "const file = open('pool', C.O_RDWR); say(natives.errorName(natives.lockRange(file, C.LOCK_EX)))";
    let run = || {
        command(&scratch, script)
            .current_dir(&scratch.0)
            .output()
            .expect("the runtime starts")
            .into()
    };
    assert_ended(run(), "EAGAIN");
    rustix::fs::fcntl_lock(&file, rustix::fs::FlockOperation::Unlock).expect("we have it");
    assert_ended(run(), "E0");
}

#[test]
fn an_owner_that_is_no_id_is_refused() {
    // 2^32 would be root to a kernel that takes 32 bits of it, and "as it is" to one that takes none.
    expect_in_scratch(
        r#"
const file = open("owned", C.O_RDWR | C.O_CREAT), { uid, gid } = natives.fstat(file)
for (const id of [4294967296, 4294967295, -2, 0.5, NaN]) {
  say(natives.errorName(natives.fchown(file, id, gid)), natives.errorName(natives.fchownat(C.AT_FDCWD, "owned", uid, id, false)))
}
say(natives.fchown(file, -1, -1), natives.fchown(file, uid, gid))
"#,
        "EINVAL EINVAL\nEINVAL EINVAL\nEINVAL EINVAL\nEINVAL EINVAL\nEINVAL EINVAL\n0 0",
    );
}

#[test]
fn text_crosses_the_edge_as_utf_8() {
    expect(
        r#"
say(natives.encodeUtf8("a\ud800é\u{1f600}").join())
say(natives.decodeUtf8(new Uint8Array([97, 0xff, 0xe2, 0x82, 98]), false), natives.decodeUtf8(new Uint8Array([0xff]), true))
say(natives.decodeLatin1(new Uint8Array([0xe9, 0x41])), natives.decodeUtf8(new Uint8Array([1, 0xc3, 0xa9, 2]).subarray(1, 3), true))
"#,
        "97,239,191,189,195,169,240,159,152,128\na\u{fffd}\u{fffd}b null\néA é",
    );
}
