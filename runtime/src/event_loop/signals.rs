//! Signals, and children, whose ends a signal tells.

use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use libc::{SIGCHLD, SIGINT, SIGTERM};
use rquickjs::Context;
use rustix::io::Errno;

use super::{LOOP, call, drain};
use crate::descriptors::errno;
use crate::values::{Callback, CallbackArguments, Outcome};

/// What `onSignal` tells.
pub struct SignalNumber;
impl CallbackArguments for SignalNumber {
    const DECLARATION: &'static str = "signal: number";
}

/// What `awaitChild` tells at the end of a child.
pub struct Ended;
impl CallbackArguments for Ended {
    const DECLARATION: &'static str = "code: number | null, signal: number | null";
}

/// What is heard of signals.
#[derive(Default)]
pub struct Signals {
    /// Becomes readable when a signal has come; the handlers write to the other end.
    pub pipe: Option<(OwnedFd, OwnedFd)>,
    children: bool,
    callback: Option<Callback<SignalNumber>>,
    interrupted: Arc<AtomicBool>,
    terminated: Arc<AtomicBool>,
    /// Set from the first SIGINT or SIGTERM on: the next one has its default effect.
    once: Arc<AtomicBool>,
    asked: bool,
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

/// Hears of ending children from here on. A parent that ignores SIGCHLD has us ignore it too, and then nobody could
/// wait.
pub fn expect_children() -> Result<(), Errno> {
    LOOP.with_borrow_mut(|state| {
        if !state.signals.children {
            let writer = state.signals.writer()?;
            signal_hook::low_level::pipe::register(SIGCHLD, writer).map_err(errno)?;
            state.signals.children = true;
        }
        Ok(())
    })
}

/// Hears of the end of a child, for which [`expect_children`] was called before it was started.
pub fn adopt(child: Child) {
    LOOP.with_borrow_mut(|state| state.children.push((child, None)));
}

/// Calls back when a child has ended.
pub fn wait_for(pid: u32, callback: Callback<Ended>) -> Result<(), Errno> {
    LOOP.with_borrow_mut(|state| {
        let child = state.children.iter_mut().find(|(child, _)| child.id() == pid);
        child.ok_or(Errno::CHILD)?.1 = Some(callback);
        Ok(())
    })
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
                install().map_err(errno)?;
            }
        }
        Ok(())
    })
}

/// Tells the program of a signal.
pub fn run_signal(context: &Context) {
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

/// Tells the program of children that have ended.
pub fn run_children(context: &Context) {
    let mut ended: Vec<(ExitStatus, Option<Callback<Ended>>)> = Vec::new();
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
        let Some(callback) = callback else { continue };
        call(context, |ctx| {
            callback.call(ctx, (status.code().into_value(ctx)?, status.signal().into_value(ctx)?))
        });
    }
}
