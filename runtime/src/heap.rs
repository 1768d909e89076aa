//! The engine's heap: blocks cut from chunks of one huge page each.
//!
//! The engine asks for arenas of 4 KiB and for what does not fit into them. From the C library, each of their pages
//! costs a fault when it is first touched: a thousand faults and a third of a start. A huge page costs one. A program
//! is short and small, so chunks are never given back, and a block that is freed waits for the next of its size.
//! Without huge pages (`/sys/kernel/mm/transparent_hugepage/enabled`: `never`), all of it works as slowly as before.

use std::ptr::null_mut;

use rquickjs::allocator::Allocator;

/// The size and alignment of a huge page on x86-64, and on arm64 with pages of 4 KiB.
const CHUNK: usize = 2 << 20;

/// Before each block: its class and its size. As large as the alignment of `malloc`.
const HEADER: usize = 16;

/// Larger blocks are the C library's, which maps each by itself and gives it back; all of them for AddressSanitizer,
/// which watches those only.
const LARGEST: usize = if cfg!(feature = "address-sanitizer") {
    0
} else {
    64 << 10
};

/// Blocks have at least so many bytes. From here on, a quarter of a power of two is a multiple of the alignment.
const SMALLEST: usize = 64;

/// The class of the C library's blocks.
const FOREIGN: usize = usize::MAX;

/// The heap of one engine.
pub struct Heap {
    /// What is left of the last chunk.
    next: *mut u8,
    left: usize,
    /// Of each class, the block that was freed last; it holds the address of the one before.
    free: [*mut u8; class_of(LARGEST).0 + 1],
}

/// The class of blocks that have room for `size` bytes, and their size: four to each power of two.
const fn class_of(size: usize) -> (usize, usize) {
    let last = if size < SMALLEST { SMALLEST - 1 } else { size - 1 };
    let power = last.ilog2() as usize;
    let quarter = (last - (1 << power)) >> (power - 2);
    let classes_below = (power - 5) * 4;
    (classes_below + quarter, (1 << power) + ((quarter + 1) << (power - 2)))
}

/// Maps a chunk; null when the kernel refuses.
fn map_chunk() -> *mut u8 {
    let (protection, flags) = (
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
    );
    // SAFETY: a new anonymous mapping touches no memory that is in use.
    let start = unsafe { libc::mmap(null_mut(), 2 * CHUNK, protection, flags, -1, 0) }.cast::<u8>();
    if start.cast() == libc::MAP_FAILED {
        return null_mut();
    }
    let before = start.align_offset(CHUNK);
    // SAFETY: both ends lie in the mapping that was just made, outside of the chunk, and nobody has their address. That
    // they stay mapped, or that the advice is not taken, would do no harm.
    unsafe {
        let chunk = start.add(before);
        if before > 0 {
            libc::munmap(start.cast(), before);
        }
        libc::munmap(chunk.add(CHUNK).cast(), CHUNK - before);
        libc::madvise(chunk.cast(), CHUNK, libc::MADV_HUGEPAGE);
        chunk
    }
}

/// Writes a block's header; gives the address after it.
///
/// # Safety
///
/// `block` is null, or aligned and the start of `HEADER + size` bytes that nobody uses.
unsafe fn finish(block: *mut u8, class: usize, size: usize) -> *mut u8 {
    if block.is_null() {
        return block;
    }
    // SAFETY: the caller's promise.
    unsafe {
        block.cast::<[usize; 2]>().write([class, size]);
        block.add(HEADER)
    }
}

/// The class and the size of a block.
///
/// # Safety
///
/// `address` came from `finish`, and the block is not freed.
unsafe fn header_of(address: *mut u8) -> [usize; 2] {
    // SAFETY: the caller's promise; the engine writes behind the header only.
    unsafe { address.sub(HEADER).cast::<[usize; 2]>().read() }
}

impl Heap {
    /// An empty heap, for one engine.
    pub fn new() -> Self {
        Heap {
            next: null_mut(),
            left: 0,
            free: [null_mut(); class_of(LARGEST).0 + 1],
        }
    }

    /// Cuts a block from the chunk; null when no more can be mapped.
    fn cut(&mut self, length: usize) -> *mut u8 {
        if length > self.left {
            let chunk = map_chunk();
            if chunk.is_null() {
                return chunk;
            }
            (self.next, self.left) = (chunk, CHUNK);
        }
        let block = self.next;
        // SAFETY: `length` bytes are left behind `next`, in one mapping.
        self.next = unsafe { block.add(length) };
        self.left -= length;
        block
    }
}

// SAFETY: blocks are disjoint parts of chunks or of the C library's heap, aligned to 16 bytes, at least as long as
// asked for, and stay where they are until freed; `usable_size` is the size that `finish` was told.
unsafe impl Allocator for Heap {
    fn alloc(&mut self, size: usize) -> *mut u8 {
        if size > LARGEST {
            let Some(length) = size.checked_add(HEADER) else {
                return null_mut();
            };
            // SAFETY: `malloc` gives null or so many new bytes.
            return unsafe { finish(libc::malloc(length).cast(), FOREIGN, size) };
        }
        let (class, size) = class_of(size);
        let freed = self.free[class];
        if freed.is_null() {
            let block = self.cut(HEADER + size);
            // SAFETY: the block is new, and its length a multiple of the alignment.
            return unsafe { finish(block, class, size) };
        }
        // SAFETY: what the list holds was put there by `dealloc`, which wrote the link; the header is still there.
        self.free[class] = unsafe { freed.cast::<*mut u8>().read() };
        freed
    }

    fn calloc(&mut self, count: usize, size: usize) -> *mut u8 {
        let Some(total) = count.checked_mul(size) else {
            return null_mut();
        };
        let address = self.alloc(total);
        if !address.is_null() {
            // SAFETY: the block has at least so many bytes.
            unsafe { address.write_bytes(0, total) };
        }
        address
    }

    unsafe fn dealloc(&mut self, address: *mut u8) {
        // SAFETY: the engine frees a block of ours once, and has not null here.
        unsafe {
            match header_of(address) {
                [FOREIGN, _] => libc::free(address.sub(HEADER).cast()),
                [class, _] => {
                    address.cast::<*mut u8>().write(self.free[class]);
                    self.free[class] = address;
                }
            }
        }
    }

    unsafe fn realloc(&mut self, address: *mut u8, size: usize) -> *mut u8 {
        if address.is_null() {
            return self.alloc(size);
        }
        // SAFETY: the engine hands over a block of ours, and uses what it gets back in its place unless that is null.
        unsafe {
            let [class, old] = header_of(address);
            if class == FOREIGN && size > LARGEST {
                let Some(length) = size.checked_add(HEADER) else {
                    return null_mut();
                };
                return finish(libc::realloc(address.sub(HEADER).cast(), length).cast(), FOREIGN, size);
            }
            if class != FOREIGN && size <= LARGEST && class_of(size).0 == class {
                return address;
            }
            let new = self.alloc(size);
            if !new.is_null() {
                new.copy_from_nonoverlapping(address, old.min(size));
                self.dealloc(address);
            }
            new
        }
    }

    unsafe fn usable_size(address: *mut u8) -> usize {
        // SAFETY: the engine asks of a block of ours.
        unsafe { header_of(address)[1] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_has_room_for_what_it_is_for_and_wastes_less_than_a_quarter() {
        for size in 0..=LARGEST {
            let (class, room) = class_of(size);
            assert!(room >= size && room % HEADER == 0, "{size}");
            assert!(room == SMALLEST || room <= size + size / 4, "{size}: {room}");
            assert_eq!(class_of(room), (class, room), "{size}");
        }
        assert_eq!(class_of(4096).1, 4096);
    }

    /// Numbers that look random and are the same in each run (xorshift).
    fn random(state: &mut u64) -> usize {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state as usize
    }

    #[test]
    fn blocks_keep_what_is_written_whatever_happens_to_others() {
        let (mut heap, mut state, mut blocks) =
            (Heap::new(), 0x2545_f491_4f6c_dd1d, Vec::<(*mut u8, usize, u8)>::new());
        let check = |&(address, size, mark): &(*mut u8, usize, u8)| {
            // SAFETY: the block is live and has so many bytes.
            unsafe {
                assert!(Heap::usable_size(address) >= size);
                assert!(
                    std::slice::from_raw_parts(address, size)
                        .iter()
                        .all(|byte| *byte == mark)
                );
            }
        };
        for round in 0..20_000 {
            let (kind, power, mark) = (random(&mut state) % 4, random(&mut state) % 18, round as u8);
            let size = random(&mut state) % (1 << power);
            let index = random(&mut state) % (blocks.len() + 1);
            // SAFETY: each block is freed once, and forgotten when it is freed or moved; what is written lies in it.
            unsafe {
                if let (0, Some(_)) = (kind, blocks.get(index)) {
                    let block = blocks.swap_remove(index);
                    check(&block);
                    heap.dealloc(block.0);
                } else if let (1, Some(block)) = (kind, blocks.get_mut(index)) {
                    check(block);
                    let address = heap.realloc(block.0, size);
                    let kept = block.1.min(size);
                    assert!(
                        std::slice::from_raw_parts(address, kept)
                            .iter()
                            .all(|byte| *byte == block.2)
                    );
                    address.write_bytes(mark, size);
                    *block = (address, size, mark);
                } else {
                    let address = if kind == 2 {
                        heap.calloc(1, size)
                    } else {
                        heap.alloc(size)
                    };
                    assert_eq!(address.addr() % HEADER, 0);
                    assert!(kind != 2 || std::slice::from_raw_parts(address, size).iter().all(|byte| *byte == 0));
                    address.write_bytes(mark, size);
                    blocks.push((address, size, mark));
                }
            }
        }
        blocks.iter().for_each(check);
        assert!(heap.alloc(usize::MAX).is_null() && heap.calloc(usize::MAX, 2).is_null());
    }
}
