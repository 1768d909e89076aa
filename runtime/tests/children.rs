//! Programs that the runtime starts.

mod support;
use support::{assert_ended, expect, run_by_shell};

#[test]
fn tells_how_a_child_has_ended() {
    expect(
        r#"
run(["/bin/sh", "-c", "exit 3"], [-1, -1, -1], (code, signal) => {
  say(code, signal)
  run(["/bin/sh", "-c", "kill -9 $$"], [-1, -1, -1], (code, signal) => say(code, signal))
})
"#,
        "3 null\nnull 9",
    );
}

#[test]
fn waits_for_many_children_at_once() {
    expect(
        r#"
let left = 50, sum = 0
for (let i = 0; i < 50; i++) run(["/bin/sh", "-c", `exit ${i}`], [-1, -1, -1], (code) => { sum += code; if (--left === 0) say(sum) })
"#,
        "1225",
    );
}

#[test]
fn a_child_that_nobody_waits_for_does_not_keep_the_loop_nor_stay_a_zombie() {
    expect(
        r#"
const { promise, resolve } = Promise.withResolvers()
natives.offload.spawn({ file: "/bin/true", args: ["true"], env: [], stdio: [-1, -1, -1] }, resolve)
const pid = await promise
while (natives.kill(pid, 0) === 0) await new Promise((resolve) => natives.setTimer(1, false, resolve))
say(natives.errorName(natives.kill(pid, 0)), natives.errorName(natives.awaitChild(pid, () => say("ended"))))
"#,
        "ESRCH ECHILD",
    );
}

#[test]
fn the_loop_goes_on_while_a_child_is_being_started() {
    expect(
        r#"
const order = []
const { promise, resolve } = Promise.withResolvers()
run(["/bin/true"], [-1, -1, -1], resolve, () => order.push("started"))
order.push("asked")
natives.setImmediate(() => order.push("went on"))
await promise
say(order)
"#,
        r#"["asked","went on","started"]"#,
    );
}

#[test]
fn what_cannot_be_started_is_an_errno() {
    expect(
        r#"
const never = () => say("ended")
for (const [file, stdin] of [["/no/such/file", -1], ["/etc/passwd", -1], ["sh", -1], ["/bin/sh\0", -1], ["/bin/true", 99]]) {
  const { promise, resolve } = Promise.withResolvers()
  run([file], [stdin, -1, -1], never, resolve)
  say(natives.errorName(await promise))
}
"#,
        "ENOENT\nEACCES\nENOENT\nEINVAL\nEBADF",
    );
}

#[test]
fn a_child_reads_and_writes_our_pipes() {
    expect(
        r#"
const [inReader, inWriter] = natives.pipe(), [outReader, outWriter] = natives.pipe()
let output = ""
const ended = Promise.withResolvers(), read = Promise.withResolvers()
run(["/bin/cat"], [inReader, outWriter, 2], ended.resolve)
natives.close(inReader)
natives.close(outWriter)
natives.write(inWriter, "through cat")
natives.close(inWriter)
natives.setNonblocking(outReader)
natives.watch(outReader, C.POLLIN, () => {
  const bytes = natives.read(outReader, 100)
  if (bytes.length > 0) output += natives.decodeUtf8(bytes, true)
  else { natives.close(outReader); read.resolve() }
})
const code = await ended.promise
await read.promise
say(output, code)
"#,
        "through cat 0",
    );
}

#[test]
fn a_child_inherits_no_variable_and_no_descriptor() {
    let script = r#"
const file = open("/etc/passwd")
run(["/bin/sh", "-c", "echo $LEAK; for fd in 3 4 5 6 7 8 9; do [ -e /proc/self/fd/$fd ] && readlink /proc/self/fd/$fd; done; pwd"], [-1, 1, 2], () => natives.close(file))
"#;
    let ended = run_by_shell("cd /usr && LEAK=yes exec \"$@\" 3</etc/group", script);
    // Descriptor 3 came from the shell, without close-on-exec; that is the caller's to keep or not.
    assert_ended(ended, "\n/etc/group\n/usr");
}

#[test]
fn a_child_can_have_another_directory() {
    expect(
        r#"spawn({ file: "/bin/pwd", args: ["pwd"], env: [], stdio: [-1, 1, 2], directory: "/" }, () => {})"#,
        "/",
    );
}

#[test]
fn a_signal_to_the_group_ends_the_childs_children_too() {
    expect(
        r#"
const [reader, writer] = natives.pipe()
const ended = Promise.withResolvers(), closed = Promise.withResolvers()
const started = Promise.withResolvers()
run(["/bin/sh", "-c", "sleep 60 & echo up; wait"], [-1, writer, -1], (code, signal) => ended.resolve([code, signal]), started.resolve)
natives.close(writer)
const pid = await started.promise
natives.watch(reader, C.POLLIN, () => {
  const bytes = natives.read(reader, 100)
  if (bytes.length > 0) say(natives.kill(-pid, C.SIGTERM))
  else { natives.close(reader); closed.resolve() }
})
await closed.promise
say(await ended.promise)
"#,
        "0\n[null,15]",
    );
}

#[test]
fn kill_refuses_to_mean_everybody() {
    expect(
        "say(natives.kill(0, 0), natives.kill(-1, 0), natives.kill(natives.pid, 0))",
        "-22 -22 0",
    );
}

#[test]
fn signals_that_our_parent_ignores_are_not_ignored_here_nor_in_children() {
    // With SIGCHLD ignored, the kernel forgets how children have ended.
    let script =
        r#"run(["/bin/sh", "-c", "kill -TERM $$; exit 5"], [-1, -1, -1], (code, signal) => say(code, signal))"#;
    assert_ended(run_by_shell("trap '' TERM CHLD INT; exec \"$@\"", script), "null 15");
}
