//! Calls on threads of their own.

use std::os::fd::OwnedFd;
use std::sync::{Arc, mpsc};

use rquickjs::{Context, Ctx, Result as JsResult, Value};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

use super::{LOOP, call, drain};
use crate::descriptors::errno;
use crate::engine;
use crate::values::{Callback, Outcome, Ticket};

/// A stack that no system call of ours comes near; the default of 2 MiB would count against the address space.
const HELPER_STACK: usize = 64 << 10;

/// What an offloaded call tells.
pub struct Done;

/// Makes the result of an offloaded call into a value, on the thread of the loop.
type Reply = Box<dyn for<'js> FnOnce(&Ctx<'js>) -> JsResult<Value<'js>> + Send>;

/// Where threads put what they have done.
pub struct Helpers {
    /// Becomes readable when a thread has put something.
    pub wake: Arc<OwnedFd>,
    sender: mpsc::Sender<(Ticket, Reply)>,
    receiver: mpsc::Receiver<(Ticket, Reply)>,
}

impl Helpers {
    fn new() -> Self {
        let Ok(wake) = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK) else {
            engine::die("no descriptor is left for the event loop")
        };
        let (sender, receiver) = mpsc::channel();
        Helpers {
            wake: Arc::new(wake),
            sender,
            receiver,
        }
    }
}

/// Does `work` on a thread of its own and hands its result to `callback` in a later turn; work that could not even
/// begin fails there too.
pub fn offload<T, W>(callback: Callback<Done>, work: Result<W, Errno>) -> Ticket
where
    T: for<'js> Outcome<'js> + Send + 'static,
    W: FnOnce() -> Result<T, Errno> + Send + 'static,
{
    let reply = |result: Result<T, Errno>| -> Reply { Box::new(move |ctx| result.into_value(ctx)) };
    LOOP.with_borrow_mut(|state| {
        let ticket = state.ticket();
        state.offloaded.insert(ticket, callback);
        let Helpers { wake, sender, .. } = state.helpers.get_or_insert_with(Helpers::new);
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
                    tell(reply(Err(errno(error))));
                }
            }
        }
        ticket
    })
}

/// Hands over what threads have done.
pub fn run_replies(context: &Context) {
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
