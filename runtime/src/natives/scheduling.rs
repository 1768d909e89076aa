//! What the program asks of the loop.

use rustix::io::Errno;

use super::natives;
use crate::descriptors::get;
use crate::event_loop::{self, Ready, SignalNumber};
use crate::values::{Callback, Ticket};

natives! {
    /// Calls back after so many milliseconds (monotonic clock), and again and again with `repeat`.
    fn setTimer(milliseconds: f64, repeat: bool, callback: Callback<()>) -> Ticket {
        event_loop::set_timer(milliseconds, repeat, callback)
    }

    /// Calls back in the next turn of the loop.
    fn setImmediate(callback: Callback<()>) -> Ticket {
        event_loop::set_immediate(callback)
    }

    /// Whether a timer or an immediate keeps the loop from ending; it does until told otherwise.
    fn keep(ticket: Ticket, keeps: bool) -> () {
        event_loop::keep(ticket, keeps);
    }

    /// Forgets a timer, an immediate or an offloaded call, whose thread continues. Unknown tickets are ignored.
    fn cancel(ticket: Ticket) -> () {
        event_loop::cancel(ticket);
    }

    /// Calls back whenever the descriptor is ready for one of `POLLIN` and `POLLOUT`, or has failed; replaces the
    /// descriptor's former watch.
    fn watch(file: i32, events: u32, callback: Callback<Ready>) -> Result<(), Errno> {
        event_loop::watch(file, get(file)?, events, callback);
        Ok(())
    }

    fn unwatch(file: i32) -> () {
        event_loop::unwatch(file);
    }

    /// Calls back with the first SIGINT or SIGTERM. The second one ends the process as if nobody had asked. Does not
    /// keep the loop from ending. `null` forgets the callback; the next signal then ends the process.
    fn onSignal(callback: Option<Callback<SignalNumber>>) -> Result<(), Errno> {
        event_loop::on_signal(callback)
    }
}
