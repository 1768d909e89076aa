//! The process: arguments, environment, ids, the host's name.

use std::ffi::{CStr, OsString};

use rquickjs::function::This;
use rquickjs::{Ctx, Function, Module, Object, Result as JsResult, Value};
use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::process;

use super::natives;
use crate::descriptors::errno;
use crate::shapes::record;
use crate::values::{Never, Outcome, Text};

record! {
    /// What `uname(2)` tells.
    SystemName { sysname: String, nodename: String, release: String, version: String, machine: String }
}

/// Gives signals their default effect and blocks none, whatever our parent has ignored or blocked, as Node does:
/// children inherit both, and a child that ignores SIGTERM outlives its deadline. SIGPIPE stays ignored for us; the
/// standard library restores it for children.
pub fn restore_signals() {
    for signal in 1..=31 {
        // The standard library handles SIGSEGV and SIGBUS, to tell a stack overflow.
        if [libc::SIGPIPE, libc::SIGSEGV, libc::SIGBUS, libc::SIGKILL, libc::SIGSTOP].contains(&signal) {
            continue;
        }
        // SAFETY: SIG_DFL is valid for every signal but the two that are left out, and no handler of ours is installed
        // yet.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: `sigemptyset` writes all of the set before `sigprocmask` reads it; no other thread runs yet.
    unsafe {
        let mut none = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
    }
}

fn lossy(text: OsString) -> String {
    match text.into_string() {
        Ok(text) => text,
        Err(text) => text.to_string_lossy().into_owned(),
    }
}

/// Sets the natives that are no functions.
pub fn set_values(natives: &Object<'_>) -> JsResult<()> {
    let environment = Object::new(natives.ctx().clone())?;
    for (name, value) in std::env::vars_os() {
        environment.set(lossy(name), lossy(value))?;
    }
    natives.set("argv", std::env::args_os().map(lossy).collect::<Vec<_>>())?;
    natives.set("env", environment)?;
    natives.set("pid", std::process::id())?;
    natives.set("target", env!("AZURE_INIT_TARGET"))?;
    natives.set("engine", engine())
}

fn engine() -> String {
    // SAFETY: the engine gives a constant string.
    let version = unsafe { CStr::from_ptr(rquickjs::qjs::JS_GetVersion().cast()) };
    format!("QuickJS-ng {}", version.to_string_lossy())
}

fn text(part: &CStr) -> String {
    part.to_string_lossy().into_owned()
}

/// A module of the program's, as the promise that `import()` gives.
pub struct Import(String);

impl<'js> Outcome<'js> for Import {
    fn declaration() -> String {
        "Promise<unknown>".into()
    }
    fn into_value(self, ctx: &Ctx<'js>) -> JsResult<Value<'js>> {
        // As a job, like `import()`: while the main module is evaluated, the engine would evaluate it again for one
        // that imports it.
        let (now, resolve, _) = ctx.promise()?;
        resolve.call::<_, ()>(())?;
        let name = self.0;
        let import = Function::new(ctx.clone(), move |ctx: Ctx<'js>| Module::import(&ctx, name.as_str()))?;
        now.then()?.call((This(now), import))
    }
}

natives! {
    /// `import()` of a module that is built in. The build puts it in place of the expression, which bytecode without
    /// file names cannot have.
    fn importModule(name: Text) -> Import {
        Import(name.0)
    }

    /// Ends the process at once, without waiting for anything.
    fn exit(code: i32) -> Never {
        std::process::exit(code)
    }

    fn cwd() -> Result<String, Errno> {
        std::env::current_dir().map(|path| lossy(path.into_os_string())).map_err(errno)
    }

    fn umask(mask: u32) -> u32 {
        process::umask(Mode::from_raw_mode(mask)).as_raw_mode()
    }

    fn getuid() -> u32 {
        process::getuid().as_raw()
    }

    fn geteuid() -> u32 {
        process::geteuid().as_raw()
    }

    fn getgid() -> u32 {
        process::getgid().as_raw()
    }

    fn getegid() -> u32 {
        process::getegid().as_raw()
    }

    fn uname() -> SystemName {
        let name = rustix::system::uname();
        SystemName {
            sysname: text(name.sysname()),
            nodename: text(name.nodename()),
            release: text(name.release()),
            version: text(name.version()),
            machine: text(name.machine()),
        }
    }

    fn gethostname() -> String {
        text(rustix::system::uname().nodename())
    }

    fn sethostname(name: Text) -> Result<(), Errno> {
        rustix::system::sethostname(name.0.as_bytes())
    }

    /// `ENOENT` of 2 or -2; `E123` of one that has no name here.
    fn errorName(code: i32) -> String {
        super::constants::error_name(code.saturating_abs())
    }

    /// `No such file or directory` of 2 or -2.
    fn errorText(code: i32) -> String {
        let text = std::io::Error::from_raw_os_error(code.saturating_abs()).to_string();
        text.split(" (os error").next().unwrap_or_default().into()
    }
}
