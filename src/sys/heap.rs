//! A global allocator for a process that lives long and is copied often.
//!
//! A copy pays for each page that it writes to, and for the page tables of each region that it has pages in. The C library's
//! allocator has a region for each size of allocation; here all stand side by side, in memory beside the program's variables,
//! and a copy that says so ([`set_apart`]) has a place of its own for what it allocates.
//! Nothing is given back to the kernel but large allocations, which are mappings of their own.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};

use spinning_top::RawSpinlock;
use talc::TalcLock;
use talc::base::Talc;
use talc::base::binning::Binning;
use talc::source::Source;

use crate::memory::behind_the_program;

/// Bytes of the first region; what is not used of them is never there. Further ones have as many.
const ARENA: usize = 1 << 20;
/// Bytes of a copy's own region.
const APART: usize = 32 << 10;
/// From so many bytes on an allocation is a mapping of its own.
const LARGE: usize = 128 << 10;
/// What every kernel's pages are a divisor of.
const PAGE: usize = 64 << 10;

#[repr(C, align(4096))]
struct Arena<const SIZE: usize>(UnsafeCell<MaybeUninit<[u8; SIZE]>>);

// SAFETY: it is reached by the allocator that takes it only, once.
unsafe impl<const SIZE: usize> Sync for Arena<SIZE> {}

impl<const SIZE: usize> Arena<SIZE> {
    const fn new() -> Self {
        Self(UnsafeCell::new(MaybeUninit::uninit()))
    }

    fn start(&self) -> *mut u8 {
        self.0.get().cast()
    }
}

static FIRST: Arena<ARENA> = Arena::new();
static FIRST_IS_TAKEN: AtomicBool = AtomicBool::new(false);
static OWN: Arena<APART> = Arena::new();
static OF_A_COPY: TalcLock<RawSpinlock, Regions> = TalcLock::new(Regions::OfACopy { is_taken: false });
static IS_APART: AtomicBool = AtomicBool::new(false);

/// From here on this process, a copy, allocates in 32 KiB of its own as long as there is room: so it writes to few of the pages
/// that it shares with the process it is a copy of.
pub fn set_apart() {
    IS_APART.store(true, Ordering::Relaxed);
}

/// The allocator. The first one of a process has 1 MiB beside the program's variables; more is asked of the kernel.
#[expect(missing_debug_implementations, reason = "showing it would lock it")]
pub struct Heap(TalcLock<RawSpinlock, Regions>);

impl Heap {
    /// One that has nothing yet.
    pub const fn new() -> Self {
        Self(TalcLock::new(Regions::OfTheProgram))
    }

    /// Where a small allocation stands.
    fn home(&self, at: *mut u8) -> &TalcLock<RawSpinlock, Regions> {
        let own = OWN.start().addr();
        if (own..own + APART).contains(&at.addr()) { &OF_A_COPY } else { &self.0 }
    }
}

impl Default for Heap {
    fn default() -> Self {
        Self::new()
    }
}

/// Where small allocations come from.
#[derive(Debug)]
enum Regions {
    OfTheProgram,
    OfACopy { is_taken: bool },
}

// SAFETY: it calls nothing that allocates.
unsafe impl Source for Regions {
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        let (at, size) = match &mut talc.source {
            Self::OfACopy { is_taken: true } => return Err(()),
            Self::OfACopy { is_taken } => {
                *is_taken = true;
                (OWN.start(), APART)
            }
            Self::OfTheProgram if !FIRST_IS_TAKEN.swap(true, Ordering::AcqRel) => (FIRST.start(), ARENA),
            Self::OfTheProgram => {
                // What the region itself needs is far below a page.
                let size =
                    (layout.size().checked_add(layout.align() + PAGE).ok_or(())?).next_multiple_of(ARENA);
                let at = map(behind_the_program(), size);
                if at.is_null() {
                    return Err(());
                }
                // SAFETY: the mapping was just made. Of one huge page a copy would have to copy all for a byte.
                unsafe { libc::madvise(at.cast(), size, libc::MADV_NOHUGEPAGE) };
                (at, size)
            }
        };
        // SAFETY: the region is this allocator's own: it was taken, or made, above, and is never given back.
        unsafe { talc.claim(at, size) }.map(|_| ()).ok_or(())
    }
}

fn is_large(layout: Layout) -> bool {
    layout.size() >= LARGE && layout.align() <= 4096
}

fn whole_pages(bytes: usize) -> usize {
    bytes.next_multiple_of(PAGE)
}

/// A new mapping, zeroed, where the kernel sees fit; null when there is no memory.
fn map(wish: *mut libc::c_void, size: usize) -> *mut u8 {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping touches no existing memory.
    let at = unsafe { libc::mmap(wish, size, protection, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0) };
    if at == libc::MAP_FAILED { std::ptr::null_mut() } else { at.cast() }
}

// SAFETY: small allocations are talc's, large ones mappings of whole pages; which one an allocation is follows from its layout,
// which the caller has to give again.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_large(layout) {
            return map(std::ptr::null_mut(), whole_pages(layout.size()));
        }
        if IS_APART.load(Ordering::Relaxed) {
            // SAFETY: the caller keeps to the contract, which is the same.
            let at = unsafe { OF_A_COPY.alloc(layout) };
            if !at.is_null() {
                return at;
            }
        }
        // SAFETY: as above.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        if is_large(layout) {
            // SAFETY: a large allocation is a mapping of so many pages, which the caller gives up.
            unsafe { libc::munmap(at.cast(), whole_pages(layout.size())) };
        } else {
            // SAFETY: as above; it is given back to where it came from.
            unsafe { self.home(at).dealloc(at, layout) }
        }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the size is one that a layout may have.
        let next = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        if is_large(layout) && is_large(next) {
            let (before, after) = (whole_pages(layout.size()), whole_pages(size));
            // SAFETY: a large allocation is a mapping of `before` bytes; where it was is not used again.
            let moved = unsafe { libc::mremap(at.cast(), before, after, libc::MREMAP_MAYMOVE) };
            return if moved == libc::MAP_FAILED { std::ptr::null_mut() } else { moved.cast() };
        }
        // SAFETY: the old allocation is given up only when there is a new one with its bytes.
        unsafe {
            let new = self.alloc(next);
            if !new.is_null() {
                new.copy_from_nonoverlapping(at, layout.size().min(size));
                self.dealloc(at, layout);
            }
            new
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 8).expect("a layout")
    }

    fn fill(at: *mut u8, size: usize, byte: u8) {
        assert!(!at.is_null());
        // SAFETY: the allocation is at least so large.
        unsafe { at.write_bytes(byte, size) };
    }

    fn holds(at: *const u8, size: usize, byte: u8) -> bool {
        // SAFETY: the allocation is at least so large and was filled.
        unsafe { std::slice::from_raw_parts(at, size) }.iter().all(|found| *found == byte)
    }

    #[test]
    fn allocations_of_all_sizes_keep_their_bytes_while_others_come_and_go() {
        let heap = Heap::new();
        let mut live: Vec<(*mut u8, usize, u8)> = Vec::new();
        let mut state = 1u64;
        for round in 0..4000u32 {
            // A linear congruential generator (Knuth, MMIX).
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (random, byte) = ((state >> 33) as usize, (round % 251) as u8);
            let size = 1 + random % [30, 500, 9000, 300_000][random / 7 % 4];
            match live.len() {
                count if count > 100 || (count > 0 && random.is_multiple_of(3)) => {
                    let (at, size, byte) = live.swap_remove(random % count);
                    assert!(holds(at, size, byte));
                    // SAFETY: allocated with this layout.
                    unsafe { heap.dealloc(at, layout(size)) };
                }
                count if count > 0 && random % 3 == 1 => {
                    let (at, before, byte) = live[random % count];
                    // SAFETY: allocated with this layout.
                    let at = unsafe { heap.realloc(at, layout(before), size) };
                    assert!(holds(at, before.min(size), byte));
                    fill(at, size, byte);
                    live[random % count] = (at, size, byte);
                }
                _ => {
                    // SAFETY: the size is not 0.
                    let at = unsafe { heap.alloc(layout(size)) };
                    fill(at, size, byte);
                    live.push((at, size, byte));
                }
            }
        }
        assert!(live.iter().all(|(at, size, byte)| holds(*at, *size, *byte)));
    }

    #[test]
    fn zeroed_memory_is_zero_and_alignment_is_kept() {
        let heap = Heap::new();
        for size in [64, 5000, LARGE, LARGE * 3] {
            // SAFETY: the size is not 0; given back with the same layout.
            unsafe {
                let at = heap.alloc(layout(size));
                fill(at, size, 7);
                heap.dealloc(at, layout(size));
                let at = heap.alloc_zeroed(layout(size));
                assert!(holds(at, size, 0));
                heap.dealloc(at, layout(size));
                let wide = Layout::from_size_align(size, 1 << 16).expect("a layout");
                let at = heap.alloc(wide);
                assert!(at.addr().is_multiple_of(1 << 16));
                heap.dealloc(at, wide);
            }
        }
    }

    #[test]
    fn what_cannot_be_had_is_null() {
        let heap = Heap::new();
        // SAFETY: the size is not 0.
        assert!(unsafe { heap.alloc(layout(1 << 62)) }.is_null());
        let wide = Layout::from_size_align(1 << 62, 1 << 16).expect("a layout");
        // SAFETY: the size is not 0.
        assert!(unsafe { heap.alloc(wide) }.is_null());
    }

    #[test]
    fn a_copy_that_is_set_apart_has_its_own_place_until_that_is_full() {
        let heap = Heap::new();
        let is_own = |at: *mut u8| (OWN.start().addr()..OWN.start().addr() + APART).contains(&at.addr());
        // SAFETY: no size is 0; given back with the same layout.
        unsafe {
            let before = heap.alloc(layout(100));
            let copy = crate::process::fork(|| {
                set_apart();
                let own = heap.alloc(layout(100));
                fill(own, 100, 3);
                let grown = heap.realloc(own, layout(100), 20_000);
                let beyond = heap.realloc(grown, layout(20_000), 40_000);
                let is_right = is_own(own) && is_own(grown) && !is_own(beyond) && holds(beyond, 100, 3);
                heap.dealloc(beyond, layout(40_000));
                heap.dealloc(before, layout(100));
                let again = heap.alloc(layout(20_000));
                i32::from(is_right && is_own(again)) + 6
            });
            let copy = copy.expect("forked");
            let exit = loop {
                if let Some(exit) = crate::process::child_ended(copy) {
                    crate::process::reap(copy);
                    break exit;
                }
                std::thread::sleep(std::time::Duration::from_millis(1));
            };
            assert!(!is_own(before));
            assert_eq!(exit, crate::process::Exit::Code(7));
            heap.dealloc(before, layout(100));
        }
    }
}
