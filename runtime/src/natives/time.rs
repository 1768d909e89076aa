//! Clocks and random bytes.

use std::sync::LazyLock;
use std::time::{Instant, SystemTime};

use rustix::rand::{GetRandomFlags, getrandom};

use rustix::io::Errno;

use super::natives;
use crate::engine;
use crate::values::Bytes;

/// What the monotonic clock is counted from. Like Node's, it begins with the process.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// No program of ours asks for more.
const MOST_RANDOM: usize = 64 << 10;

natives! {
    /// Nanoseconds since 1970.
    fn realtime() -> i64 {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_nanos() as i64)
    }

    /// Nanoseconds of the monotonic clock, from when it was first asked.
    fn monotonic() -> i64 {
        START.elapsed().as_nanos() as i64
    }

    /// Milliseconds of the monotonic clock, with fractions.
    fn monotonicMs() -> f64 {
        START.elapsed().as_secs_f64() * 1e3
    }

    /// At most 64 KiB.
    fn getrandom(length: u32) -> Bytes {
        let mut bytes = vec![0; (length as usize).min(MOST_RANDOM)];
        let mut filled = 0;
        while filled < bytes.len() {
            filled += match getrandom(&mut bytes[filled..], GetRandomFlags::empty()) {
                Ok(length) => length,
                Err(Errno::INTR) => 0,
                // Linux has had it since 3.17.
                Err(error) => engine::die(&format!("getrandom: {error}")),
            };
        }
        Bytes(bytes)
    }
}
