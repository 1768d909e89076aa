//! Locks of whole files.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::natives;
use crate::descriptors::{File, errno, get};

fn locking(operation: i32) -> Result<FlockOperation, Errno> {
    Ok(match operation {
        operation if operation == libc::LOCK_EX => FlockOperation::LockExclusive,
        operation if operation == libc::LOCK_SH => FlockOperation::LockShared,
        operation if operation == libc::LOCK_UN => FlockOperation::Unlock,
        operation if operation == libc::LOCK_EX | libc::LOCK_NB => FlockOperation::NonBlockingLockExclusive,
        operation if operation == libc::LOCK_SH | libc::LOCK_NB => FlockOperation::NonBlockingLockShared,
        _ => return Err(Errno::INVAL),
    })
}

/// `F_OFD_SETLK` of `asm-generic/fcntl.h`, which all architectures share.
const F_OFD_SETLK: libc::c_int = 37;

fn lock_range(file: &File, operation: i32) -> Result<(), Errno> {
    let kind = match operation & !libc::LOCK_NB {
        libc::LOCK_EX => libc::F_WRLCK,
        libc::LOCK_SH => libc::F_RDLCK,
        libc::LOCK_UN => libc::F_UNLCK,
        _ => return Err(Errno::INVAL),
    };
    // SAFETY: `flock` is plain numbers, for which zeros are valid: from the beginning (SEEK_SET, 0) to the end,
    // whatever it is (0).
    let mut range: libc::flock = unsafe { std::mem::zeroed() };
    range.l_type = kind as _;
    // SAFETY: the descriptor is open as long as `file` lives, and the kernel only reads `range` during the call.
    let result = unsafe { libc::fcntl(file.as_fd().as_raw_fd(), F_OFD_SETLK, &range) };
    if result == 0 {
        Ok(())
    } else {
        Err(errno(io::Error::last_os_error()))
    }
}

natives! {
    /// `LOCK_EX`, `LOCK_SH` or `LOCK_UN`, with `LOCK_NB`: without it, the whole program waits.
    fn flock(file: i32, operation: i32) -> Result<(), Errno> {
        rustix::fs::flock(&*get(file)?, locking(operation)?)
    }

    /// `F_OFD_SETLK` of the whole file: locks as of `fcntl(2)` that belong to the open file; `operation` as of `flock`,
    /// never waits. EAGAIN: somebody has it.
    fn lockRange(file: i32, operation: i32) -> Result<(), Errno> {
        lock_range(&*get(file)?, operation)
    }
}
