//! Starting programs and ending them.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use rquickjs::{Ctx, FromJs, Object, Result as JsResult, Value};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::natives;
use crate::descriptors::{errno, get};
use crate::event_loop::{self, Ended};
use crate::values::{Argument, Callback, Outcome, Text};

const SPAWN_OPTIONS: &str = r#"/** How a child is started. */
export interface SpawnOptions {
  /** The executable's path; `PATH` is not searched. */
  readonly file: string
  /** All of argv, the name included. */
  readonly args: ReadonlyArray<string>
  /** The whole environment, as `NAME=value`. */
  readonly env: ReadonlyArray<string>
  /** Descriptors of ours that become standard input, output and error; `-1` is `/dev/null`. */
  readonly stdio: readonly [number, number, number]
  /** The working directory; ours without it. */
  readonly directory?: string | undefined
}
"#;

/// How a child is started.
pub struct SpawnOptions {
    file: String,
    args: Vec<Text>,
    env: Vec<Text>,
    stdio: [i32; 3],
    directory: Option<Text>,
}

impl SpawnOptions {
    /// The interface in TypeScript.
    pub fn interface() -> String {
        SPAWN_OPTIONS.into()
    }
}

impl Argument for SpawnOptions {
    fn declaration() -> String {
        "SpawnOptions".into()
    }
}

impl<'js> FromJs<'js> for SpawnOptions {
    fn from_js(_: &Ctx<'js>, value: Value<'js>) -> JsResult<Self> {
        let options = Object::from_value(value)?;
        let stdio: Object = options.get("stdio")?;
        Ok(SpawnOptions {
            file: options.get::<_, Text>("file")?.0,
            args: options.get("args")?,
            env: options.get("env")?,
            stdio: [stdio.get(0)?, stdio.get(1)?, stdio.get(2)?],
            directory: options.get("directory")?,
        })
    }
}

fn stdio(number: i32) -> Result<Stdio, Errno> {
    if number == -1 {
        return Ok(Stdio::null());
    }
    Ok(rustix::io::fcntl_dupfd_cloexec(&*get(number)?, 3)?.into())
}

fn command(options: SpawnOptions) -> Result<Command, Errno> {
    // Without a slash the standard library would search PATH.
    if !options.file.contains('/') {
        return Err(Errno::NOENT);
    }
    let [input, output, error] = options.stdio;
    let mut command = Command::new(options.file);
    let mut arguments = options.args.into_iter().map(|text| text.0);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    command.args(arguments).env_clear().process_group(0);
    for variable in options.env {
        let (name, value) = variable.0.split_once('=').ok_or(Errno::INVAL)?;
        command.env(name, value);
    }
    command
        .stdin(stdio(input)?)
        .stdout(stdio(output)?)
        .stderr(stdio(error)?);
    if let Some(directory) = options.directory {
        command.current_dir(directory.0);
    }
    Ok(command)
}

/// Starts a program, on a thread of its own: the thread stands still until the child has let go of our memory, a
/// millisecond or two after.
pub fn starting(options: SpawnOptions) -> Result<impl FnOnce() -> Result<Child, Errno> + Send + 'static, Errno> {
    let mut command = command(options)?;
    event_loop::expect_children()?;
    Ok(move || {
        command.spawn().map_err(|error| match error.kind() {
            // A text with a NUL is refused before any call of the system.
            std::io::ErrorKind::InvalidInput => Errno::INVAL,
            _ => errno(error),
        })
    })
}

/// Its process id; from here on its end is heard of.
impl<'js> Outcome<'js> for Child {
    fn declaration() -> String {
        "number".into()
    }
    fn into_value(self, ctx: &Ctx<'js>) -> JsResult<Value<'js>> {
        let pid = self.id();
        event_loop::adopt(self);
        pid.into_value(ctx)
    }
}

natives! {
    /// Calls back once when a child of ours has ended, with its exit code, or the number of the signal that ended it.
    /// To be asked for in the turn in which `offload.spawn` has told of the child: the end of one that nobody waits for
    /// is forgotten, and this is ECHILD.
    fn awaitChild(pid: u32, ended: Callback<Ended>) -> Result<(), Errno> {
        event_loop::wait_for(pid, ended)
    }

    /// Sends a signal to a process, or with a negative number to a process group; 0 only asks whether it is there.
    fn kill(pid: i32, signal: i32) -> Result<(), Errno> {
        // 0 and -1 would mean our own group and everybody.
        let target = Pid::from_raw(pid.saturating_abs()).filter(|_| pid != -1).ok_or(Errno::INVAL)?;
        if signal == 0 {
            return if pid < 0 {
                rustix::process::test_kill_process_group(target)
            } else {
                rustix::process::test_kill_process(target)
            };
        }
        let signal = Signal::from_named_raw(signal).ok_or(Errno::INVAL)?;
        if pid < 0 { kill_process_group(target, signal) } else { kill_process(target, signal) }
    }
}
