//! Memory, stack, and places where little works.

mod support;
use support::{assert_ended, expect, run_by_shell};

#[test]
fn a_program_at_its_memory_limit_can_catch_the_error() {
    expect(
        r#"
const kept = []
try {
  for (;;) kept.push(new Array(100_000).fill(0))
} catch (error) {
  const count = kept.length
  kept.length = 0
  // 16 bytes for each element.
  say(error instanceof InternalError, error.message, count > 20 && count < 45)
}
"#,
        "true out of memory true",
    );
}

#[test]
fn a_string_beyond_the_limit_is_an_error() {
    expect(
        "try { 'x'.repeat(100_000_000).length; say('made') } catch (error) { say(error.name) }",
        "InternalError",
    );
}

#[test]
fn deep_documents_and_patterns_are_ordinary_failures() {
    expect(
        r#"
const attempt = (name, work) => { try { work(); say(name, "done") } catch (error) { say(name, error.name) } }
const nested = "[".repeat(400_000) + "]".repeat(400_000)
attempt("parse", () => JSON.parse(nested))
attempt("recurse", () => { const f = (n) => n === 0 ? 0 : 1 + f(n - 1); f(1_000_000) })
attempt("stringify", () => { let value = []; for (let i = 0; i < 400_000; i++) value = [value]; JSON.stringify(value) })
attempt("compile", () => new RegExp("(".repeat(100_000) + ")".repeat(100_000)))
attempt("match", () => /^(?:(?:a|b)*c?)*$/.test("ab".repeat(100_000)))
attempt("sort", () => { const f = (n) => [2, 1].sort(() => f(n + 1)); f(0) })
attempt("native", () => { const f = () => natives.offload.spawn({ get stdio() { return f() } }, () => {}); f() })
say("end")
"#,
        "parse RangeError\nrecurse RangeError\nstringify RangeError\ncompile SyntaxError\nmatch done\nsort RangeError\nnative RangeError\nend",
    );
}

#[test]
fn a_small_stack_is_an_error_and_no_crash() {
    for kilobytes in [256, 1024, 8192] {
        let script =
            "const f = (n) => n === 0 ? 0 : 1 + f(n - 1); try { f(1_000_000) } catch (error) { say(error.name) }";
        assert_ended(
            run_by_shell(&format!("ulimit -s {kilobytes}; exec \"$@\""), script),
            "RangeError",
        );
    }
}

/// Uses all that the agent uses: threads, children, descriptors.
const ALL: &str = r#"
natives.offload.openat(C.AT_FDCWD, "/etc/passwd", C.O_RDONLY, 0, (file) =>
  natives.offload.read(file, 4, (bytes) => {
    say(natives.decodeUtf8(bytes, true))
    run(["/bin/true"], [-1, -1, -1], (code) => say("child", code))
  }))
natives.setTimer(1, false, () => say(natives.getrandom(8).length, natives.parseUrl("http://127.0.0.1").port))
"#;

#[test]
fn runs_in_96_mib_of_address_space() {
    let ended = run_by_shell("ulimit -v 98304; exec \"$@\"", ALL);
    assert_eq!((ended.complained.as_str(), ended.status.as_str()), ("", "exit 0"));
    assert!(ended.said.contains("child 0"), "{}", ended.said);
}

#[test]
fn runs_in_a_directory_that_is_gone() {
    let shell = "d=$(mktemp -d) && cd $d && rmdir $d && exec \"$@\"";
    let ended = run_by_shell(shell, &format!("say(natives.errorName(natives.cwd()))\n{ALL}"));
    assert_eq!((ended.complained.as_str(), ended.status.as_str()), ("", "exit 0"));
    assert!(
        ended.said.starts_with("ENOENT") && ended.said.contains("child 0"),
        "{}",
        ended.said
    );
}

#[test]
fn runs_without_proc() {
    // A mount namespace of our own, in which nothing is at /proc: needs root, or user namespaces.
    let shell = "exec unshare --map-root-user --mount sh -c 'mount -t tmpfs none /proc && exec \"$@\"' sh \"$@\"";
    let ended = run_by_shell(
        shell,
        &format!("say(natives.errorName(open('/proc/self/stat')))\n{ALL}"),
    );
    assert_eq!((ended.complained.as_str(), ended.status.as_str()), ("", "exit 0"));
    assert!(
        ended.said.starts_with("ENOENT") && ended.said.contains("child 0"),
        "{}",
        ended.said
    );
}

#[test]
fn runs_with_standard_descriptors_closed() {
    let ended = run_by_shell("exec \"$@\" <&- 2>&-", ALL);
    assert!(
        ended.said.contains("child 0") && ended.said.contains("root"),
        "{ended:?}"
    );
}
