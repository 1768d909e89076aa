//! Timers, immediates, jobs, and how a program ends.

mod support;
use support::{expect, run};

#[test]
fn calls_back_in_the_order_of_jobs_immediates_and_timers() {
    expect(
        r#"
natives.setTimer(20, false, () => say("second timer"))
natives.setTimer(10, false, () => say("first timer"))
natives.setImmediate(() => { say("immediate"); queueMicrotask(() => say("its job")) })
natives.setImmediate(() => say("next immediate"))
queueMicrotask(() => say("job"))
say("module")
"#,
        "module\njob\nimmediate\nits job\nnext immediate\nfirst timer\nsecond timer",
    );
}

#[test]
fn a_timer_is_never_early() {
    expect(
        r#"
const start = natives.monotonicMs()
natives.setTimer(25, false, () => say(natives.monotonicMs() - start >= 25))
"#,
        "true",
    );
}

#[test]
fn a_repeated_timer_goes_on_until_it_is_cancelled() {
    expect(
        r#"
let count = 0
const ticket = natives.setTimer(2, true, () => { say(++count); if (count === 3) natives.cancel(ticket) })
"#,
        "1\n2\n3",
    );
}

#[test]
fn what_is_cancelled_is_not_called() {
    expect(
        r#"
natives.cancel(natives.setTimer(1, false, () => say("timer")))
const second = natives.setImmediate(() => say("immediate"))
natives.setImmediate(() => say("other"))
natives.cancel(second)
natives.cancel(12345)
"#,
        "other",
    );
}

#[test]
fn a_timer_that_does_not_keep_the_loop_lets_it_end() {
    expect(
        "natives.keep(natives.setTimer(60_000, true, () => {}), false); say('end')",
        "end",
    );
}

#[test]
fn immediates_do_not_hold_up_timers() {
    expect(
        r#"
let over = false
const again = () => { if (!over) natives.setImmediate(again) }
again()
natives.setTimer(5, false, () => { over = true; say("timer") })
"#,
        "timer",
    );
}

#[test]
fn an_error_that_nobody_catches_ends_the_program_with_1() {
    for script in [
        "throw new TypeError('wrong')",
        "natives.setTimer(1, false, () => { throw new TypeError('wrong') }); natives.setTimer(50, false, () => say('late'))",
        "queueMicrotask(() => { throw new TypeError('wrong') }); natives.setTimer(50, false, () => say('late'))",
        "Promise.reject(new TypeError('wrong')); natives.setTimer(50, false, () => say('late'))",
        "await Promise.reject(new TypeError('wrong'))",
        "const f = async () => { await null; throw new TypeError('wrong') }; f(); natives.setTimer(50, false, () => say('late'))",
    ] {
        let ended = run(script);
        assert_eq!((ended.status.as_str(), ended.said.as_str()), ("exit 1", ""), "{script}");
        assert!(
            ended.complained.starts_with("azure-init: Uncaught TypeError: wrong"),
            "{script}: {}",
            ended.complained
        );
    }
}

#[test]
fn a_rejection_that_is_caught_in_the_same_turn_is_none() {
    expect(
        "const p = Promise.reject(new Error('x')); queueMicrotask(() => p.catch(() => say('caught')))",
        "caught",
    );
}

#[test]
fn a_main_module_that_waits_for_nothing_ends_with_13() {
    assert_eq!(run("await new Promise(() => {})").status, "exit 13");
}

#[test]
fn exit_ends_the_program_at_once() {
    let ended = run("natives.setTimer(60_000, false, () => {}); natives.exit(7); say('after')");
    assert_eq!((ended.status.as_str(), ended.said.as_str()), ("exit 7", ""));
}

#[test]
fn wrong_arguments_are_type_errors() {
    expect(
        r#"
for (const work of [
  () => natives.openat("x"), () => natives.write(1, {}), () => natives.setTimer(1, true), () => natives.offload.spawn(),
  () => natives.kill("a", 1)
]) {
  try { work(); say("nothing") } catch (error) { say(error instanceof TypeError) }
}
"#,
        "true\ntrue\ntrue\ntrue\ntrue",
    );
}
