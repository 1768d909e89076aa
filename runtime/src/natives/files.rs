//! Files by descriptor.

use std::os::fd::OwnedFd;

use rustix::buffer::{SpareCapacity, spare_capacity};
use rustix::fs::{self, Access, AtFlags, Dir, FileType, Gid, Mode, OFlags, RenameFlags, Timespec, Timestamps, Uid};
use rustix::io::Errno;

use super::natives;
use crate::descriptors::{File, Place, errno, get, place, remove};
use crate::shapes::{record, tuple};
use crate::values::{Bytes, BytesOrText, Text};

record! {
    /// What `stat(2)` tells of a file. Times are milliseconds since 1970, with fractions.
    Stat {
        dev: u64,
        ino: u64,
        mode: u32,
        nlink: u64,
        uid: u32,
        gid: u32,
        rdev: u64,
        size: f64,
        blksize: f64,
        blocks: f64,
        atimeMs: f64,
        mtimeMs: f64,
        ctimeMs: f64,
    }
}

impl From<fs::Stat> for Stat {
    #[allow(clippy::unnecessary_cast)] // The fields' types differ by architecture.
    fn from(stat: fs::Stat) -> Self {
        let milliseconds = |seconds: i64, nanoseconds: u64| seconds as f64 * 1e3 + nanoseconds as f64 / 1e6;
        Stat {
            dev: stat.st_dev as u64,
            ino: stat.st_ino as u64,
            mode: stat.st_mode,
            nlink: stat.st_nlink as u64,
            uid: stat.st_uid,
            gid: stat.st_gid,
            rdev: stat.st_rdev as u64,
            size: stat.st_size as f64,
            blksize: stat.st_blksize as f64,
            blocks: stat.st_blocks as f64,
            atimeMs: milliseconds(stat.st_atime as i64, stat.st_atime_nsec as u64),
            mtimeMs: milliseconds(stat.st_mtime as i64, stat.st_mtime_nsec as u64),
            ctimeMs: milliseconds(stat.st_ctime as i64, stat.st_ctime_nsec as u64),
        }
    }
}

record! {
    /// One entry of a directory; `type` is the `S_IFMT` part of the mode, or 0 where the file system does not tell.
    DirectoryEntry { name: String, r#type: u32 }
}

tuple! {
    /// Columns and rows of a terminal.
    WindowSize(columns: u32, rows: u32)
}

/// No call reads more, so that a wrong number takes no memory.
const LARGEST_READ: f64 = (16 << 20) as f64;

/// Fills a new buffer for so many bytes.
fn fill(maximum: f64, call: impl FnOnce(SpareCapacity<'_, u8>) -> Result<usize, Errno>) -> Result<Bytes, Errno> {
    let mut bytes = Vec::with_capacity(maximum.clamp(0.0, LARGEST_READ) as usize);
    // A buffer without room is refused by a panic.
    if bytes.capacity() > 0 {
        call(spare_capacity(&mut bytes))?;
    }
    Ok(Bytes(bytes))
}

/// `read(2)` into a new buffer.
pub fn read_some(file: &File, maximum: f64) -> Result<Bytes, Errno> {
    fill(maximum, |buffer| rustix::io::read(file, buffer))
}

/// `pread(2)` into a new buffer.
pub fn read_at(file: &File, maximum: f64, offset: f64) -> Result<Bytes, Errno> {
    let offset = position(offset)?;
    fill(maximum, |buffer| rustix::io::pread(file, buffer, offset))
}

/// `openat(2)`, close-on-exec.
pub fn open(directory: &Place, path: &str, flags: u32, mode: u32) -> Result<OwnedFd, Errno> {
    fs::openat(
        directory,
        path,
        OFlags::from_bits_retain(flags) | OFlags::CLOEXEC,
        bits(mode),
    )
}

/// `fstatat(2)`.
pub fn stat_at(directory: &Place, path: &str, follow: bool) -> Result<Stat, Errno> {
    fs::statat(directory, path, links(follow)).map(Stat::from)
}

/// All entries of an open directory, from its beginning.
pub fn entries(file: &File) -> Result<Vec<DirectoryEntry>, Errno> {
    let mut entries = Vec::new();
    for entry in Dir::read_from(file)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy();
        if name != "." && name != ".." {
            let kind = match entry.file_type() {
                FileType::Unknown => 0,
                kind => kind.as_raw_mode(),
            };
            entries.push(DirectoryEntry {
                name: name.into_owned(),
                r#type: kind,
            });
        }
    }
    Ok(entries)
}

fn position(offset: f64) -> Result<u64, Errno> {
    if offset >= 0.0 {
        Ok(offset as u64)
    } else {
        Err(Errno::INVAL)
    }
}

fn bits(mode: u32) -> Mode {
    Mode::from_raw_mode(mode)
}

fn links(follow: bool) -> AtFlags {
    if follow {
        AtFlags::empty()
    } else {
        AtFlags::SYMLINK_NOFOLLOW
    }
}

/// `-1` leaves the owner as it is, as for `chown(2)`; what is no id is refused, or the file would stay its old owner's.
fn owner(uid: f64, gid: f64) -> Result<(Option<Uid>, Option<Gid>), Errno> {
    let known = |id: f64| match id {
        -1.0 => Ok(None),
        _ if id >= 0.0 && id < f64::from(u32::MAX) && id.fract() == 0.0 => Ok(Some(id as u32)),
        _ => Err(Errno::INVAL),
    };
    Ok((known(uid)?.map(Uid::from_raw), known(gid)?.map(Gid::from_raw)))
}

fn seconds(time: f64) -> Timespec {
    let whole = time.floor();
    Timespec {
        tv_sec: whole as i64,
        tv_nsec: ((time - whole) * 1e9) as _,
    }
}

natives! {
    fn openat(directory: i32, path: Text, flags: u32, mode: u32) -> Result<OwnedFd, Errno> {
        open(&place(directory)?, &path.0, flags, mode)
    }

    /// Standard input, output and error stay open. An offloaded call that is under way keeps the file open until it
    /// ends.
    fn close(file: i32) -> Result<(), Errno> {
        if (0..=2).contains(&file) {
            return Ok(());
        }
        crate::event_loop::unwatch(file);
        remove(file)
    }

    /// At most `maximum` bytes; empty at the end.
    fn read(file: i32, maximum: f64) -> Result<Bytes, Errno> {
        read_some(&*get(file)?, maximum)
    }

    fn pread(file: i32, maximum: f64, offset: f64) -> Result<Bytes, Errno> {
        read_at(&*get(file)?, maximum, offset)
    }

    /// Strings are written as UTF-8. Less than all can be written.
    fn write(file: i32, bytes: BytesOrText) -> Result<usize, Errno> {
        rustix::io::write(&*get(file)?, &bytes.0)
    }

    fn pwrite(file: i32, bytes: BytesOrText, offset: f64) -> Result<usize, Errno> {
        rustix::io::pwrite(&*get(file)?, &bytes.0, position(offset)?)
    }

    fn fsync(file: i32) -> Result<(), Errno> {
        fs::fsync(&*get(file)?)
    }

    fn ftruncate(file: i32, length: f64) -> Result<(), Errno> {
        fs::ftruncate(&*get(file)?, position(length)?)
    }

    fn fchmod(file: i32, mode: u32) -> Result<(), Errno> {
        fs::fchmod(&*get(file)?, bits(mode))
    }

    /// An id of -1 stays as it is.
    fn fchown(file: i32, uid: f64, gid: f64) -> Result<(), Errno> {
        let (uid, gid) = owner(uid, gid)?;
        fs::fchown(&*get(file)?, uid, gid)
    }

    /// Of a symbolic link the link itself, unless `follow`. An id of -1 stays as it is.
    fn fchownat(directory: i32, path: Text, uid: f64, gid: f64, follow: bool) -> Result<(), Errno> {
        let (uid, gid) = owner(uid, gid)?;
        fs::chownat(&place(directory)?, &path.0, uid, gid, links(follow))
    }

    /// Follows symbolic links.
    fn fchmodat(directory: i32, path: Text, mode: u32) -> Result<(), Errno> {
        fs::chmodat(&place(directory)?, &path.0, bits(mode), AtFlags::empty())
    }

    /// Seconds since 1970. Of a symbolic link the link itself, unless `follow`.
    fn utimensat(directory: i32, path: Text, accessed: f64, modified: f64, follow: bool) -> Result<(), Errno> {
        let times = Timestamps { last_access: seconds(accessed), last_modification: seconds(modified) };
        fs::utimensat(&place(directory)?, &path.0, &times, links(follow))
    }

    fn fstat(file: i32) -> Result<Stat, Errno> {
        fs::fstat(&*get(file)?).map(Stat::from)
    }

    fn fstatat(directory: i32, path: Text, follow: bool) -> Result<Stat, Errno> {
        stat_at(&place(directory)?, &path.0, follow)
    }

    /// `mode` is a sum of 4 (read), 2 (write) and 1 (execute), or 0.
    fn faccessat(directory: i32, path: Text, mode: u32) -> Result<(), Errno> {
        fs::accessat(&place(directory)?, &path.0, Access::from_bits_retain(mode), AtFlags::empty())
    }

    /// `directoryToo` is `AT_REMOVEDIR`: an empty directory and nothing else.
    fn unlinkat(directory: i32, path: Text, directoryToo: bool) -> Result<(), Errno> {
        let flags = if directoryToo { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        fs::unlinkat(&place(directory)?, &path.0, flags)
    }

    fn mkdirat(directory: i32, path: Text, mode: u32) -> Result<(), Errno> {
        fs::mkdirat(&place(directory)?, &path.0, bits(mode))
    }

    fn renameat(fromDirectory: i32, from: Text, toDirectory: i32, to: Text) -> Result<(), Errno> {
        fs::renameat(&place(fromDirectory)?, &from.0, &place(toDirectory)?, &to.0)
    }

    /// Fails with EEXIST where `to` is there (`RENAME_NOREPLACE`).
    fn renameatNoReplace(fromDirectory: i32, from: Text, toDirectory: i32, to: Text) -> Result<(), Errno> {
        fs::renameat_with(&place(fromDirectory)?, &from.0, &place(toDirectory)?, &to.0, RenameFlags::NOREPLACE)
    }

    fn linkat(fromDirectory: i32, from: Text, toDirectory: i32, to: Text) -> Result<(), Errno> {
        fs::linkat(&place(fromDirectory)?, &from.0, &place(toDirectory)?, &to.0, AtFlags::empty())
    }

    fn symlinkat(target: Text, directory: i32, path: Text) -> Result<(), Errno> {
        fs::symlinkat(&target.0, &place(directory)?, &path.0)
    }

    fn readlinkat(directory: i32, path: Text) -> Result<String, Errno> {
        let target = fs::readlinkat(&place(directory)?, &path.0, Vec::new())?;
        Ok(target.to_string_lossy().into_owned())
    }

    /// All entries of an open directory but `.` and `..`, in no order.
    fn readdir(file: i32) -> Result<Vec<DirectoryEntry>, Errno> {
        entries(&*get(file)?)
    }

    fn realpath(path: Text) -> Result<String, Errno> {
        let path = std::fs::canonicalize(path.0).map_err(errno)?;
        Ok(path.to_string_lossy().into_owned())
    }

    fn isatty(file: i32) -> bool {
        get(file).is_ok_and(|file| rustix::termios::isatty(&*file))
    }

    /// Columns and rows of a terminal.
    fn windowSize(file: i32) -> Result<WindowSize, Errno> {
        let size = rustix::termios::tcgetwinsize(&*get(file)?)?;
        Ok(WindowSize(size.ws_col.into(), size.ws_row.into()))
    }
}
