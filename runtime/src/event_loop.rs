//! The loop that calls the program back: timers, descriptors, children, signals, and calls on threads of their own.
//!
//! One thread runs all JavaScript and this loop. A signal's handler and a thread only write to a descriptor that the
//! loop polls.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Child;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rquickjs::{Context, Ctx, Result as JsResult};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::descriptors::File;
use crate::engine;
use crate::values::{Callback, CallbackArguments, Ticket};

mod helpers;
mod signals;

pub use helpers::offload;
use helpers::{Done, Helpers, run_replies};
pub use signals::{Ended, SignalNumber, adopt, expect_children, on_signal, wait_for};
use signals::{Signals, run_children, run_signal};

/// Longer timers fire early and are set anew; 24 days, as in Node.
const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);

/// What `watch` tells.
pub struct Ready;
impl CallbackArguments for Ready {
    const DECLARATION: &'static str = "ready: number";
}

/// A timer or an immediate.
struct Task {
    callback: Callback<()>,
    /// When a timer is due.
    due: Option<Instant>,
    every: Option<Duration>,
    keeps: bool,
}

struct Watch {
    file: Arc<File>,
    events: PollFlags,
    callback: Callback<Ready>,
}

#[derive(Default)]
struct Loop {
    last: u64,
    tasks: BTreeMap<Ticket, Task>,
    due: BTreeSet<(Instant, Ticket)>,
    immediates: VecDeque<Ticket>,
    watches: BTreeMap<i32, Watch>,
    children: Vec<(Child, Option<Callback<Ended>>)>,
    offloaded: BTreeMap<Ticket, Callback<Done>>,
    helpers: Option<Helpers>,
    signals: Signals,
}

thread_local! {
    static LOOP: RefCell<Loop> = RefCell::default();
}

impl Loop {
    fn ticket(&mut self) -> Ticket {
        self.last += 1;
        Ticket(self.last)
    }

    fn is_idle(&self) -> bool {
        self.watches.is_empty()
            && self.children.iter().all(|(_, callback)| callback.is_none())
            && self.offloaded.is_empty()
            && !self.tasks.values().any(|task| task.keeps)
    }

    fn patience(&self) -> Option<Duration> {
        if !self.immediates.is_empty() {
            return Some(Duration::ZERO);
        }
        let (due, _) = self.due.first()?;
        Some(due.saturating_duration_since(Instant::now()))
    }
}

/// Calls back after so many milliseconds.
pub fn set_timer(milliseconds: f64, repeat: bool, callback: Callback<()>) -> Ticket {
    // A timer that repeats at once would never let the loop poll.
    let least = if repeat { 1.0 } else { 0.0 };
    let delay = Duration::try_from_secs_f64(milliseconds.max(least) / 1e3)
        .unwrap_or(LONGEST)
        .min(LONGEST);
    let due = Instant::now() + delay;
    LOOP.with_borrow_mut(|state| {
        let ticket = state.ticket();
        state.due.insert((due, ticket));
        state.tasks.insert(
            ticket,
            Task {
                callback,
                due: Some(due),
                every: repeat.then_some(delay),
                keeps: true,
            },
        );
        ticket
    })
}

/// Calls back in the next turn.
pub fn set_immediate(callback: Callback<()>) -> Ticket {
    LOOP.with_borrow_mut(|state| {
        let ticket = state.ticket();
        state.immediates.push_back(ticket);
        state.tasks.insert(
            ticket,
            Task {
                callback,
                due: None,
                every: None,
                keeps: true,
            },
        );
        ticket
    })
}

/// Whether a timer or an immediate keeps the loop from ending.
pub fn keep(ticket: Ticket, keeps: bool) {
    LOOP.with_borrow_mut(|state| {
        if let Some(task) = state.tasks.get_mut(&ticket) {
            task.keeps = keeps;
        }
    });
}

/// Forgets a timer, an immediate or an offloaded call.
pub fn cancel(ticket: Ticket) {
    LOOP.with_borrow_mut(|state| {
        state.offloaded.remove(&ticket);
        if let Some(Task { due: Some(due), .. }) = state.tasks.remove(&ticket) {
            state.due.remove(&(due, ticket));
        }
    });
}

/// Calls back whenever a descriptor is ready.
pub fn watch(number: i32, file: Arc<File>, events: u32, callback: Callback<Ready>) {
    let events = PollFlags::from_bits_truncate(events as u16);
    LOOP.with_borrow_mut(|state| state.watches.insert(number, Watch { file, events, callback }));
}

/// Ends a watch.
pub fn unwatch(number: i32) {
    LOOP.with_borrow_mut(|state| state.watches.remove(&number));
}

/// Runs the program's jobs and callbacks until nothing is left that could call back.
pub fn run(context: &Context) {
    loop {
        engine::run_jobs(context);
        run_immediates(context);
        run_timers(context);
        let idle = LOOP.with_borrow(|state| state.is_idle());
        if idle {
            return;
        }
        wait(context);
    }
}

/// Forgets everything that refers to the engine, before it goes.
pub fn clear() {
    let forgotten = LOOP.with_borrow_mut(std::mem::take);
    drop(forgotten);
}

fn call<F: for<'js> FnOnce(&Ctx<'js>) -> JsResult<()>>(context: &Context, function: F) {
    context.with(|ctx| {
        if let Err(error) = function(&ctx) {
            engine::die_of(&ctx, error);
        }
    });
    engine::run_jobs(context);
}

fn run_immediates(context: &Context) {
    let due = LOOP.with_borrow_mut(|state| std::mem::take(&mut state.immediates));
    for ticket in due {
        // One that was cancelled meanwhile is gone.
        let task = LOOP.with_borrow_mut(|state| state.tasks.remove(&ticket));
        if let Some(task) = task {
            call(context, |ctx| task.callback.call(ctx, ()));
        }
    }
}

fn run_timers(context: &Context) {
    let now = Instant::now();
    loop {
        let callback = LOOP.with_borrow_mut(|state| {
            let &(due, ticket) = state.due.first().filter(|(due, _)| *due <= now)?;
            state.due.remove(&(due, ticket));
            let task = state.tasks.get_mut(&ticket)?;
            let callback = task.callback.clone();
            match task.every {
                Some(every) => {
                    let next = now + every;
                    task.due = Some(next);
                    state.due.insert((next, ticket));
                }
                None => {
                    state.tasks.remove(&ticket);
                }
            }
            Some(callback)
        });
        match callback {
            Some(callback) => call(context, |ctx| callback.call(ctx, ())),
            None => return,
        }
    }
}

/// What a descriptor stands for in one turn.
enum Source {
    Signals,
    Helpers,
    Watch(i32),
}

/// Waits until something is ready or due, and calls back what was ready.
fn wait(context: &Context) {
    for (source, ready) in poll_once() {
        match source {
            Source::Signals => {
                run_signal(context);
                run_children(context);
            }
            Source::Helpers => {
                run_replies(context);
                // A child can end before a thread has told of its start.
                run_children(context);
            }
            Source::Watch(number) => {
                // A callback of this turn may have ended the watch.
                let callback = LOOP.with_borrow(|state| state.watches.get(&number).map(|watch| watch.callback.clone()));
                if let Some(callback) = callback {
                    call(context, |ctx| callback.call(ctx, (u32::from(ready.bits()),)));
                }
            }
        }
    }
}

fn poll_once() -> Vec<(Source, PollFlags)> {
    LOOP.with_borrow(|state| {
        let mut sources = Vec::with_capacity(state.watches.len() + 2);
        let mut descriptors = Vec::with_capacity(state.watches.len() + 2);
        if let Some((reader, _)) = &state.signals.pipe {
            sources.push(Source::Signals);
            descriptors.push(PollFd::new(reader, PollFlags::IN));
        }
        if let Some(helpers) = &state.helpers {
            sources.push(Source::Helpers);
            descriptors.push(PollFd::new(&*helpers.wake, PollFlags::IN));
        }
        for (number, watch) in &state.watches {
            sources.push(Source::Watch(*number));
            descriptors.push(PollFd::from_borrowed_fd(watch.file.as_fd(), watch.events));
        }
        let timeout = state.patience().map(|patience| Timespec {
            tv_sec: patience.as_secs().min(LONGEST.as_secs()) as i64,
            tv_nsec: patience.subsec_nanos().into(),
        });
        match poll(&mut descriptors, timeout.as_ref()) {
            Ok(_) => {}
            // A handler has run: its byte is in the pipe by now, and the next turn finds it.
            Err(Errno::INTR) => return Vec::new(),
            Err(error) => engine::die(&format!("poll: {error}")),
        }
        let ready = descriptors.iter().map(PollFd::revents);
        sources
            .into_iter()
            .zip(ready)
            .filter(|(_, ready)| !ready.is_empty())
            .collect()
    })
}

fn drain(descriptor: &OwnedFd) {
    let mut buffer = [0u8; 64];
    while rustix::io::read(descriptor, &mut buffer).is_ok_and(|length| length > 0) {}
}
