//! The loop that calls the program back: timers, descriptors, children, signals, and calls on threads of their own.
//!
//! One thread runs all JavaScript and this loop. A signal's handler and a thread only write to a descriptor that the loop polls.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use libc::{SIGCHLD, SIGINT, SIGTERM};
use rquickjs::{Context, Ctx, Result as JsResult, Value};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;

use crate::engine;
use crate::natives::files::File;
use crate::values::{Callback, CallbackArguments, Outcome, Ticket};

/// A stack that no system call of ours comes near; the default of 2 MiB would count against the address space.
const HELPER_STACK: usize = 64 << 10;

/// Longer timers fire early and are set anew; 24 days, as in Node.
const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);

/// What `watch` tells.
pub struct Ready;
impl CallbackArguments for Ready {
    const DECLARATION: &'static str = "ready: number";
}

/// What `onSignal` tells.
pub struct SignalNumber;
impl CallbackArguments for SignalNumber {
    const DECLARATION: &'static str = "signal: number";
}

/// What `spawn` tells at the end of a child.
pub struct Ended;
impl CallbackArguments for Ended {
    const DECLARATION: &'static str = "code: number | null, signal: number | null";
}

/// What an offloaded call tells.
pub struct Done;

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

/// Makes the result of an offloaded call into a value, on the thread of the loop.
type Reply = Box<dyn for<'js> FnOnce(&Ctx<'js>) -> JsResult<Value<'js>> + Send>;

struct Helpers {
    wake: Arc<OwnedFd>,
    sender: mpsc::Sender<(Ticket, Reply)>,
    receiver: mpsc::Receiver<(Ticket, Reply)>,
}

#[derive(Default)]
struct Signals {
    /// Becomes readable when a signal has come; the handlers write to the other end.
    pipe: Option<(OwnedFd, OwnedFd)>,
    children: bool,
    callback: Option<Callback<SignalNumber>>,
    interrupted: Arc<AtomicBool>,
    terminated: Arc<AtomicBool>,
    /// Set from the first SIGINT or SIGTERM on: the next one has its default effect.
    once: Arc<AtomicBool>,
    asked: bool,
}

#[derive(Default)]
struct Loop {
    last: u64,
    tasks: BTreeMap<Ticket, Task>,
    due: BTreeSet<(Instant, Ticket)>,
    immediates: VecDeque<Ticket>,
    watches: BTreeMap<i32, Watch>,
    children: Vec<(Child, Callback<Ended>)>,
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
            && self.children.is_empty()
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

    fn helpers(&mut self) -> Result<&Helpers, Errno> {
        if self.helpers.is_none() {
            let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
            let (sender, receiver) = mpsc::channel();
            self.helpers = Some(Helpers { wake, sender, receiver });
        }
        self.helpers.as_ref().ok_or(Errno::NOMEM)
    }
}

impl Signals {
    /// The end of the pipe that a handler writes to.
    fn writer(&mut self) -> Result<OwnedFd, Errno> {
        if self.pipe.is_none() {
            let flags = rustix::pipe::PipeFlags::CLOEXEC | rustix::pipe::PipeFlags::NONBLOCK;
            self.pipe = Some(rustix::pipe::pipe_with(flags)?);
        }
        let (_, writer) = self.pipe.as_ref().ok_or(Errno::NOMEM)?;
        rustix::io::fcntl_dupfd_cloexec(writer, 3)
    }
}

fn errno(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
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

/// Hears of ending children from here on. A parent that ignores SIGCHLD has us ignore it too, and then nobody could wait.
pub fn expect_children() -> Result<(), Errno> {
    LOOP.with_borrow_mut(|state| {
        if !state.signals.children {
            let writer = state.signals.writer()?;
            signal_hook::low_level::pipe::register(SIGCHLD, writer).map_err(|error| errno(&error))?;
            state.signals.children = true;
        }
        Ok(())
    })
}

/// Calls back when a child has ended, for which [`expect_children`] was called before it was started.
pub fn wait_for(child: Child, callback: Callback<Ended>) {
    LOOP.with_borrow_mut(|state| state.children.push((child, callback)));
}

/// Calls back with the first SIGINT or SIGTERM.
pub fn on_signal(callback: Option<Callback<SignalNumber>>) -> Result<(), Errno> {
    LOOP.with_borrow_mut(|state| {
        let signals = &mut state.signals;
        // With nobody to tell, a signal has its default effect at once.
        signals.once.store(callback.is_none(), Ordering::SeqCst);
        signals.callback = callback;
        if signals.callback.is_some() && !signals.asked {
            signals.asked = true;
            for (signal, flag) in [
                (SIGINT, signals.interrupted.clone()),
                (SIGTERM, signals.terminated.clone()),
            ] {
                let writer = signals.writer()?;
                // In this order: the first signal finds `once` unset, tells us, and sets it.
                let install = || {
                    signal_hook::flag::register_conditional_default(signal, signals.once.clone())?;
                    signal_hook::flag::register(signal, signals.once.clone())?;
                    signal_hook::flag::register(signal, flag)?;
                    signal_hook::low_level::pipe::register(signal, writer)
                };
                install().map_err(|error| errno(&error))?;
            }
        }
        Ok(())
    })
}

/// Does `work` on a thread of its own and hands its result to `callback` in a later turn; work that could not even begin fails there too.
pub fn offload<T, W>(callback: Callback<Done>, work: Result<W, Errno>) -> Ticket
where
    T: for<'js> Outcome<'js> + Send + 'static,
    W: FnOnce() -> Result<T, Errno> + Send + 'static,
{
    let reply = |result: Result<T, Errno>| -> Reply { Box::new(move |ctx| result.into_value(ctx)) };
    LOOP.with_borrow_mut(|state| {
        let ticket = state.ticket();
        state.offloaded.insert(ticket, callback);
        let Ok(Helpers { wake, sender, .. }) = state.helpers() else {
            engine::die("no descriptor is left for the event loop");
        };
        let (wake, sender) = (wake.clone(), sender.clone());
        let tell = move |reply: Reply| {
            // The receiver lives as long as the process.
            let _ = sender.send((ticket, reply));
            let _ = rustix::io::write(&*wake, &1u64.to_ne_bytes());
        };
        match work {
            Err(errno) => tell(reply(Err(errno))),
            Ok(work) => {
                let later = tell.clone();
                let started = std::thread::Builder::new()
                    .stack_size(HELPER_STACK)
                    .spawn(move || later(reply(work())));
                if let Err(error) = started {
                    tell(reply(Err(errno(&error))));
                }
            }
        }
        ticket
    })
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
            Source::Helpers => run_replies(context),
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

fn run_signal(context: &Context) {
    let told = LOOP.with_borrow_mut(|state| {
        let signals = &mut state.signals;
        if let Some((reader, _)) = &signals.pipe {
            drain(reader);
        }
        let flags = [(SIGINT, &signals.interrupted), (SIGTERM, &signals.terminated)];
        let signal = flags.into_iter().find(|(_, flag)| flag.swap(false, Ordering::SeqCst));
        signal.and_then(|(signal, _)| Some((signal, signals.callback.take()?)))
    });
    if let Some((signal, callback)) = told {
        call(context, |ctx| callback.call(ctx, (signal,)));
    }
}

fn run_children(context: &Context) {
    let mut ended: Vec<(ExitStatus, Callback<Ended>)> = Vec::new();
    LOOP.with_borrow_mut(|state| {
        let (mut index, children) = (0, &mut state.children);
        while index < children.len() {
            match children[index].0.try_wait() {
                Ok(None) => index += 1,
                Ok(Some(status)) => ended.push((status, children.swap_remove(index).1)),
                // Nobody else waits for our children; if somebody did, what they ended with is lost.
                Err(_) => ended.push((ExitStatus::from_raw(0xff00), children.swap_remove(index).1)),
            }
        }
    });
    for (status, callback) in ended {
        call(context, |ctx| {
            callback.call(ctx, (status.code().into_value(ctx)?, status.signal().into_value(ctx)?))
        });
    }
}

fn run_replies(context: &Context) {
    loop {
        let next = LOOP.with_borrow_mut(|state| {
            let helpers = state.helpers.as_ref()?;
            drain(&helpers.wake);
            let (ticket, reply) = helpers.receiver.try_recv().ok()?;
            Some((state.offloaded.remove(&ticket), reply))
        });
        match next {
            // The reply of a cancelled call is dropped, and with it the file that it may have opened.
            Some((None, _)) => {}
            Some((Some(callback), reply)) => call(context, |ctx| callback.call(ctx, (reply(ctx)?,))),
            None => return,
        }
    }
}
