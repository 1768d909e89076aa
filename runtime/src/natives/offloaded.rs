//! Calls that the device, the network or a reader can hold up, on threads of their own.

use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::process::Child;

use rustix::fs::{Mode, OFlags, fsync};
use rustix::io::Errno;
use rustix::ioctl::{NoArg, ioctl};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use super::apart::apart;
use super::children::{SpawnOptions, starting};
use super::files::{self, DirectoryEntry, Stat};
use crate::descriptors::{File, get, place};
use crate::event_loop::offload;
use crate::values::{Bytes, Text};

/// `CDROMEJECT` of `linux/cdrom.h`.
const CDROMEJECT: rustix::ioctl::Opcode = 0x5309;

/// Makes natives of functions that give the work of a thread; the caller's last argument takes its result.
macro_rules! offloaded {
    ($($(#[doc = $doc:literal])* fn $name:ident($($argument:ident: $type:ty),* $(,)?) -> $result:ty $body:block)*) => {
        /// The natives of `natives.offload`.
        #[allow(non_snake_case)]
        pub const NATIVES: &[super::Native] = &[$({
            fn body($($argument: $type),*) -> Result<impl FnOnce() -> Result<$result, Errno> + Send + 'static, Errno> $body
            fn code<'js>(params: &rquickjs::function::Params<'_, 'js>) -> rquickjs::Result<rquickjs::Value<'js>> {
                let mut _position = 0;
                $(let $argument = super::argument(params, &mut _position)?;)*
                let done = super::argument(params, &mut _position)?;
                crate::values::Outcome::into_value(offload(done, body($($argument),*)), params.ctx())
            }
            fn signature() -> (Vec<String>, String) {
                let result = <Result<$result, Errno> as crate::values::Outcome>::declaration();
                let done = format!("done: (result: {result}) => void");
                (vec![$(super::parameter::<$type>(stringify!($argument)),)* done], "Ticket".into())
            }
            super::Native { name: stringify!($name), docs: &[$($doc),*], signature, code }
        }),*];
    };
}

fn write_all(file: &File, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::write(file, bytes) {
            Ok(length) => bytes = &bytes[length..],
            Err(Errno::INTR) => {}
            // A terminal that somebody else has made non-blocking: this thread can wait for it.
            Err(Errno::AGAIN) => {
                let mut descriptors = [rustix::event::PollFd::new(file, rustix::event::PollFlags::OUT)];
                rustix::event::poll(&mut descriptors, None)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

offloaded! {
    /// Starts a program: no shell, a process group of its own, no signal blocked or ignored, nothing inherited but
    /// three descriptors, which can be closed here at once. Gives the child's process id. What is started after
    /// `cancel` runs unheard of.
    fn spawn(options: SpawnOptions) -> Child {
        starting(options)
    }

    /// As `natives.openat`. What is opened after `cancel` is closed.
    fn openat(directory: i32, path: Text, flags: u32, mode: u32) -> OwnedFd {
        let directory = place(directory)?;
        Ok(move || files::open(&directory, &path.0, flags, mode))
    }

    /// As `natives.read`.
    fn read(file: i32, maximum: f64) -> Bytes {
        let file = get(file)?;
        Ok(move || files::read_some(&file, maximum))
    }

    /// Opens a file with these flags and reads all of it; EFBIG when it has more bytes.
    fn readFile(path: Text, flags: u32, maximum: f64) -> Bytes {
        let path = CString::new(path.0).map_err(|_| Errno::INVAL)?;
        let flags = OFlags::from_bits_retain(flags) | OFlags::CLOEXEC;
        // The engine's heap is smaller than any number that this loses digits of.
        let room = maximum.clamp(0.0, f64::from(u32::MAX)) as usize + 1;
        Ok(move || {
            let mut bytes = vec![0; room];
            let mut length = 0;
            apart(&mut || {
                let file = rustix::fs::open(&path, flags, Mode::empty())?;
                while length < room {
                    match rustix::io::read(&file, &mut bytes[length..]) {
                        Ok(0) => return Ok(()),
                        Ok(more) => length += more,
                        Err(Errno::INTR) => {}
                        Err(error) => return Err(error),
                    }
                }
                Err(Errno::FBIG)
            })?;
            bytes.truncate(length);
            Ok(Bytes(bytes))
        })
    }

    /// As `natives.pread`.
    fn pread(file: i32, maximum: f64, offset: f64) -> Bytes {
        let file = get(file)?;
        Ok(move || files::read_at(&file, maximum, offset))
    }

    /// As `natives.write`, but all of the bytes.
    fn writeAll(file: i32, bytes: Bytes) -> () {
        let file = get(file)?;
        Ok(move || write_all(&file, &bytes.0))
    }

    /// As `natives.fsync`.
    fn fsync(file: i32) -> () {
        let file = get(file)?;
        Ok(move || fsync(&*file))
    }

    /// As `natives.fstatat`.
    fn fstatat(directory: i32, path: Text, follow: bool) -> Stat {
        let directory = place(directory)?;
        Ok(move || files::stat_at(&directory, &path.0, follow))
    }

    /// As `natives.readdir`.
    fn readdir(file: i32) -> Vec<DirectoryEntry> {
        let file = get(file)?;
        Ok(move || files::entries(&file))
    }

    /// `mount(2)`; flags are `MS_*`, `data` the options of the file system.
    fn mount(source: Text, target: Text, fileSystem: Text, flags: u32, data: Text) -> () {
        let [source, target, kind, data] = [source, target, fileSystem, data].map(|text| CString::new(text.0));
        let (Ok(source), Ok(target), Ok(kind), Ok(data)) = (source, target, kind, data) else {
            return Err(Errno::INVAL);
        };
        let flags = MountFlags::from_bits_retain(flags);
        Ok(move || apart(&mut || mount(&source, &target, &kind, flags, data.as_c_str())))
    }

    /// `umount2(2)`; flags are `MNT_*` and `UMOUNT_NOFOLLOW`.
    fn umount(target: Text, flags: u32) -> () {
        let target = CString::new(target.0).map_err(|_| Errno::INVAL)?;
        Ok(move || apart(&mut || unmount(&target, UnmountFlags::from_bits_retain(flags))))
    }

    /// `CDROMEJECT` of `ioctl(2)`, on a drive that is opened for it.
    fn eject(device: Text) -> () {
        let device = CString::new(device.0).map_err(|_| Errno::INVAL)?;
        Ok(move || apart(&mut || {
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
            let drive = rustix::fs::open(&device, flags, Mode::empty())?;
            // SAFETY: CDROMEJECT takes no argument, so the kernel touches no memory of ours.
            unsafe { ioctl(&drive, NoArg::<CDROMEJECT>::new()) }
        }))
    }
}
