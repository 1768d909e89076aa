//! Calls that a device can hold up where even SIGKILL does not reach them (`D` in ps(1)): a thread in one keeps the
//! whole process from ending, a child process does not.

use std::ffi::{c_int, c_void};
use std::io::Error;

use rustix::io::Errno;

use crate::descriptors::errno;

/// A stack that no system call of ours comes near.
const STACK: usize = 32 << 10;

/// The highest descriptor that is closed one by one, where the kernel has no `close_range(2)` (before Linux 5.9).
const MOST_DESCRIPTORS: c_int = 1024;

struct Work<'a> {
    call: &'a mut dyn FnMut() -> Result<(), Errno>,
    result: Result<(), Errno>,
}

/// Makes a call in a child of our own memory and waits for its end; the wait, other than the call, ends with the
/// process. The child has no open file of ours, so that none outlives us, and no signal reaches it but SIGKILL. For a
/// thread that does nothing else.
pub fn apart(call: &mut dyn FnMut() -> Result<(), Errno>) -> Result<(), Errno> {
    let mut work = Work {
        call,
        result: Err(Errno::CANCELED),
    };
    let mut stack = vec![0_u8; STACK];
    // SAFETY: the top of a stack of our own. The child runs on it, and reads and writes `work`, while this thread waits
    // for it to end (CLONE_VFORK). A process that ends before its child leaves it the memory with both (CLONE_VM). The
    // masks are ours.
    let child = unsafe {
        let mut signals = std::mem::zeroed();
        libc::sigfillset(&raw mut signals);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const signals, std::ptr::null_mut());
        let top = stack.as_mut_ptr().add(STACK);
        let aligned = top.sub(top as usize % 16);
        libc::clone(
            run,
            aligned.cast(),
            libc::CLONE_VM | libc::CLONE_VFORK,
            (&raw mut work).cast(),
        )
    };
    if child < 0 {
        return Err(errno(Error::last_os_error()));
    }
    // SAFETY: our own child, which has ended; nobody else waits for it, since it sends no SIGCHLD.
    unsafe { libc::waitpid(child, std::ptr::null_mut(), libc::__WALL) };
    work.result
}

extern "C" fn run(work: *mut c_void) -> c_int {
    // SAFETY: the table of descriptors is a copy; what uses it is the other process.
    if unsafe { libc::syscall(libc::SYS_close_range, 0, c_int::MAX, 0) } != 0 {
        for descriptor in 0..MOST_DESCRIPTORS {
            // SAFETY: as above.
            unsafe { libc::close(descriptor) };
        }
    }
    // SAFETY: apart() has given it, keeps it and does not touch it meanwhile.
    let work = unsafe { &mut *work.cast::<Work>() };
    work.result = (work.call)();
    0
}
