//! Runs scripts in the boot runtime, each in a process of its own.
#![allow(dead_code)]

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// The runtime for sources.
pub const EVALUATE: &str = env!("CARGO_BIN_EXE_evaluate");

/// What scripts need in any test.
const PRELUDE: &str = r#"
const { constants: C } = natives
const say = (...values) => natives.write(1, values.map((value) => typeof value === "string" ? value : JSON.stringify(value)).join(" ") + "\n")
const open = (path, flags = C.O_RDONLY) => natives.openat(C.AT_FDCWD, path, flags, 0o600)
const spawn = (options, ended, started = () => {}) => natives.offload.spawn(options, (pid) => {
  if (pid > 0) natives.awaitChild(pid, ended)
  started(pid)
})
const run = (args, stdio, ended, started) => spawn({ file: args[0], args, env: ["PATH=/usr/bin:/bin"], stdio }, ended, started)
"#;

/// A directory of the test's own, removed at its end.
pub struct Scratch(pub PathBuf);

impl Scratch {
    /// Makes one.
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "azure-init-runtime-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("the temporary directory can be written");
        Scratch(path)
    }

    /// The path of a file in it.
    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("temporary paths are UTF-8").into()
    }

    /// Writes a script into it.
    pub fn script(&self, text: &str) -> String {
        let path = self.path("script.js");
        std::fs::write(&path, format!("{PRELUDE}{text}")).expect("the script can be written");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a script printed, and how it ended: `exit 0`, `signal 15`.
#[derive(Debug, PartialEq)]
pub struct Ended {
    pub said: String,
    pub complained: String,
    pub status: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim_end().to_string();
        Ended {
            said: text(output.stdout),
            complained: text(output.stderr),
            status: match (output.status.code(), output.status.signal()) {
                (Some(code), _) => format!("exit {code}"),
                (_, signal) => format!("signal {}", signal.unwrap_or_default()),
            },
        }
    }
}

/// A command that runs a script of `scratch`.
pub fn command(scratch: &Scratch, text: &str) -> Command {
    let mut command = Command::new(EVALUATE);
    command.arg(scratch.script(text)).stdin(Stdio::null());
    command
}

/// Runs a script to its end.
pub fn run(text: &str) -> Ended {
    let scratch = Scratch::new();
    command(&scratch, text).output().expect("the runtime starts").into()
}

/// Runs a script by way of a shell, which sees its command line as `"$@"`.
pub fn run_by_shell(shell: &str, text: &str) -> Ended {
    let scratch = Scratch::new();
    let output = Command::new("/bin/sh")
        .args(["-c", shell, "sh", EVALUATE, &scratch.script(text)])
        .stdin(Stdio::null())
        .output()
        .expect("the shell starts");
    output.into()
}

/// Runs a script that must print `expected` and end well.
pub fn expect(text: &str, expected: &str) {
    assert_ended(run(text), expected);
}

/// That a script has printed `expected` and ended well.
pub fn assert_ended(ended: Ended, expected: &str) {
    let wanted = Ended {
        said: expected.into(),
        complained: String::new(),
        status: "exit 0".into(),
    };
    assert_eq!(ended, wanted);
}
