//! A drive that does not answer holds up neither the loop nor the end of the process. Needs root: the drive is a loop
//! device on a file of FUSE.

mod support;

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};
use support::{Scratch, assert_ended, command};

/// Where a connection of FUSE is ended.
const CONNECTIONS: &str = "/sys/fs/fuse/connections";

/// Bytes of the drive.
const SIZE: u64 = 1 << 20;

/// Operations of `linux/fuse.h`.
const GETATTR: u32 = 3;
const OPEN: u32 = 14;
const READ: u32 = 15;
const FORGET: u32 = 2;
const INIT: u32 = 26;

/// Answers the kernel for a file system that is one file, and never when the file is read; tells when that is tried.
fn serve(mut fuse: File, reading: &mpsc::Sender<()>) {
    let mut request = vec![0; 1 << 18];
    while let Ok(length) = fuse.read(&mut request) {
        let operation = u32::from_ne_bytes(request[4..8].try_into().expect("four bytes"));
        let unique = &request[8..16];
        let answer = |error: i32, body: &[u8]| {
            let mut reply = Vec::from(u32::try_from(16 + body.len()).expect("small").to_ne_bytes());
            reply.extend(error.to_ne_bytes());
            reply.extend(unique);
            reply.extend(body);
            reply
        };
        let mut body = [0; 104];
        let reply = match operation {
            FORGET => continue,
            READ => {
                let _ = reading.send(());
                continue;
            }
            INIT => {
                body[..8].copy_from_slice(&[7, 0, 0, 0, 31, 0, 0, 0]);
                body[20..24].copy_from_slice(&4096_u32.to_ne_bytes());
                answer(0, &body[..64])
            }
            GETATTR => {
                body[16..24].copy_from_slice(&1_u64.to_ne_bytes());
                body[24..32].copy_from_slice(&SIZE.to_ne_bytes());
                body[76..80].copy_from_slice(&0o100_600_u32.to_ne_bytes());
                body[80..84].copy_from_slice(&1_u32.to_ne_bytes());
                answer(0, &body)
            }
            OPEN => answer(0, &body[..16]),
            _ => answer(-libc::ENOSYS, &[]),
        };
        assert!(length >= 40);
        let _ = fuse.write_all(&reply);
    }
}

/// A loop device whose file does not answer once it is read, until this is dropped.
struct HangingDrive {
    device: String,
    file: String,
    /// The number of the connection in `/sys/fs/fuse/connections`.
    connection: u32,
}

impl HangingDrive {
    fn new(scratch: &Scratch, reading: mpsc::Sender<()>) -> Self {
        // SAFETY: only this thread, and what it starts, gets mounts of its own.
        assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWNS) }, 0, "needs root");
        mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).expect("mounts of our own");
        mount("control", CONNECTIONS, "fusectl", MountFlags::empty(), None).expect("the control of FUSE");
        let file = scratch.path("drive");
        std::fs::write(&file, "").expect("a file");
        let fuse = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/fuse")
            .expect("FUSE");
        let data = std::ffi::CString::new(format!("fd={},rootmode=100000,user_id=0,group_id=0", fuse.as_raw_fd()))
            .expect("no NUL");
        mount("drive", &file, "fuse", MountFlags::empty(), data.as_c_str()).expect("a file system of one file");
        std::thread::spawn(move || serve(fuse, &reading));
        let connection = rustix::fs::minor(rustix::fs::stat(&file).expect("the file of FUSE").st_dev);
        let made = Command::new("losetup")
            .args(["--find", "--show", "--read-only", &file])
            .output()
            .expect("losetup");
        assert!(made.status.success(), "{made:?}");
        let device = String::from_utf8(made.stdout).expect("UTF-8").trim().into();
        HangingDrive {
            device,
            file,
            connection,
        }
    }
}

impl Drop for HangingDrive {
    fn drop(&mut self) {
        let _ = std::fs::write(format!("{CONNECTIONS}/{}/abort", self.connection), "1");
        let _ = Command::new("losetup").args(["--detach", &self.device]).status();
        let _ = unmount(&self.file, UnmountFlags::DETACH);
    }
}

/// That a program which begins this call, and says that it is late after half a second, ends then.
fn assert_ends(call: impl Fn(&HangingDrive, &Scratch) -> String) {
    let scratch = Scratch::new();
    let (sender, reading) = mpsc::channel();
    let drive = HangingDrive::new(&scratch, sender);
    std::fs::create_dir(scratch.path("mounted")).expect("a directory");
    let deadline = "natives.setTimer(500, false, () => { say('late'); natives.exit(0) })";
    let script = format!("{}\n{deadline}", call(&drive, &scratch));
    let began = Instant::now();
    let mut child = command(&scratch, &script)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the runtime starts");
    reading
        .recv_timeout(Duration::from_secs(10))
        .expect("the drive is read");
    while child.try_wait().expect("our child").is_none() {
        if began.elapsed() > Duration::from_secs(10) {
            drop(drive);
            let _ = child.wait();
            panic!("the process does not end");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    // Not until its end: what is stuck must not hold the pipe.
    assert_ended(child.wait_with_output().expect("our child").into(), "late");
}

#[test]
fn a_mount_that_hangs_lets_timers_go_on_and_the_process_end() {
    assert_ends(|drive, scratch| {
        let directory = scratch.path("mounted");
        let (device, done) = (&drive.device, "(result) => say(natives.errorName(result))");
        format!("natives.offload.mount({device:?}, {directory:?}, 'ext4', C.MS_RDONLY, '', {done})")
    });
}

#[test]
fn a_read_of_a_device_that_hangs_lets_timers_go_on_and_the_process_end() {
    assert_ends(|drive, _| {
        let (device, done) = (&drive.device, "(result) => say(natives.errorName(result))");
        format!("natives.offload.readFile({device:?}, C.O_RDONLY, 4096, {done})")
    });
}
