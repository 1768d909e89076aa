//! SIGINT and SIGTERM.

mod support;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use support::{Ended, Scratch, command};

/// Runs a script; sends the signals one by one, each when the script has printed a line.
fn with_signals(text: &str, signals: &[Signal]) -> (Vec<String>, Ended) {
    let scratch = Scratch::new();
    let mut child = command(&scratch, text)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the runtime starts");
    let mut lines = Vec::new();
    let mut output = BufReader::new(child.stdout.take().expect("it is a pipe")).lines();
    let pid = Pid::from_raw(child.id() as i32).expect("it has a process id");
    for signal in signals {
        lines.push(
            output
                .next()
                .expect("the script prints a line for each signal")
                .expect("it is UTF-8"),
        );
        kill_process(pid, *signal).expect("the script still runs");
    }
    lines.extend(output.map_while(Result::ok));
    (lines, child.wait_with_output().expect("the script ends").into())
}

#[test]
fn the_first_signal_reaches_the_program() {
    for (signal, number) in [(Signal::TERM, "15"), (Signal::INT, "2")] {
        let (lines, ended) = with_signals(
            "natives.onSignal((signal) => { say(signal); natives.cancel(timer) }); const timer = natives.setTimer(60_000, false, () => {}); say('up')",
            &[signal],
        );
        assert_eq!(
            (lines, ended.status.as_str()),
            (vec!["up".into(), number.into()], "exit 0")
        );
    }
}

#[test]
fn the_second_signal_ends_a_program_that_does_not_listen_any_more() {
    let (lines, ended) = with_signals(
        "natives.onSignal(() => { say('told'); for (;;) {} }); natives.setTimer(60_000, false, () => {}); say('up')",
        &[Signal::INT, Signal::TERM],
    );
    assert_eq!(
        (lines, ended.status.as_str()),
        (vec!["up".into(), "told".into()], "signal 15")
    );
}

#[test]
fn a_program_that_never_reads_its_signals_ends_by_the_second() {
    let (_, ended) = with_signals(
        "natives.onSignal(() => say('told')); say('up'); const until = natives.monotonicMs() + 300; while (natives.monotonicMs() < until); say('busy'); for (;;) {}",
        &[Signal::TERM, Signal::TERM],
    );
    assert_eq!(ended.status, "signal 15");
}

#[test]
fn a_program_that_does_not_ask_ends_by_the_first() {
    for text in [
        "natives.setTimer(60_000, false, () => {}); say('up')",
        "natives.onSignal(() => {}); natives.onSignal(null); natives.setTimer(60_000, false, () => {}); say('up')",
    ] {
        assert_eq!(with_signals(text, &[Signal::TERM]).1.status, "signal 15");
    }
}

#[test]
fn listening_for_signals_does_not_keep_a_program_from_ending() {
    support::expect("natives.onSignal(() => {}); say('end')", "end");
}
