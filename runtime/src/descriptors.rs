//! The program's open files, by number.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rquickjs::{Ctx, Result as JsResult, Value};
use rustix::fs::CWD;
use rustix::io::Errno;

use crate::values::Outcome;

/// An open file of the program's. A call on another thread holds it too, so its number is not given out again
/// meanwhile.
pub enum File {
    /// One that we have opened.
    Own(OwnedFd),
    /// Standard input, output or error, which stay open.
    Standard(BorrowedFd<'static>),
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            File::Own(file) => file.as_fd(),
            File::Standard(file) => *file,
        }
    }
}

thread_local! {
    static FILES: RefCell<BTreeMap<i32, Arc<File>>> = const { RefCell::new(BTreeMap::new()) };
}

/// What a system call said, of a call of the standard library.
pub fn errno(error: io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}

/// Forgets a number; the file is closed when no call holds it any more.
pub fn remove(number: i32) -> Result<(), Errno> {
    FILES
        .with_borrow_mut(|files| files.remove(&number))
        .map(drop)
        .ok_or(Errno::BADF)
}

/// The open file of a number.
pub fn get(number: i32) -> Result<Arc<File>, Errno> {
    match number {
        0 => Ok(Arc::new(File::Standard(rustix::stdio::stdin()))),
        1 => Ok(Arc::new(File::Standard(rustix::stdio::stdout()))),
        2 => Ok(Arc::new(File::Standard(rustix::stdio::stderr()))),
        number => FILES
            .with_borrow(|files| files.get(&number).cloned())
            .ok_or(Errno::BADF),
    }
}

/// A directory to start a path from: an open one, or the working directory.
pub enum Place {
    /// `AT_FDCWD`.
    WorkingDirectory,
    /// One that is open.
    Open(Arc<File>),
}

impl AsFd for Place {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Place::WorkingDirectory => CWD,
            Place::Open(file) => file.as_fd(),
        }
    }
}

/// The directory of a number.
pub fn place(number: i32) -> Result<Place, Errno> {
    if number == libc::AT_FDCWD {
        Ok(Place::WorkingDirectory)
    } else {
        get(number).map(Place::Open)
    }
}

/// A file that has just been opened enters the table when it reaches the program.
impl<'js> Outcome<'js> for OwnedFd {
    fn declaration() -> String {
        "number".into()
    }
    fn or_failure() -> String {
        "Opened".into()
    }
    fn into_value(self, ctx: &Ctx<'js>) -> JsResult<Value<'js>> {
        let number = self.as_raw_fd();
        FILES.with_borrow_mut(|files| files.insert(number, Arc::new(File::Own(self))));
        Ok(Value::new_int(ctx.clone(), number))
    }
}
