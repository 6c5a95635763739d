//! Memory that several processes share: a file mapped as words, each of them atomic.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

/// A file mapped for reading and writing, as 64-bit words. Children of fork share it.
#[derive(Debug)]
pub struct SharedWords {
    words: NonNull<AtomicU64>,
    length: usize,
}

/// A file mapped for reading only.
#[derive(Debug)]
pub struct SharedView(SharedWords);

/// A wish to the kernel: a mapping right behind the program's variables often needs no page table of its own. The first 64 KiB
/// there are left to mappings that are given back at once ([`right_behind_the_program`]).
pub(crate) fn behind_the_program() -> *mut libc::c_void {
    right_behind_the_program().wrapping_byte_add(65536)
}

/// As [`behind_the_program`], for what is given back at once.
pub(crate) fn right_behind_the_program() -> *mut libc::c_void {
    unsafe extern "C" {
        /// Made by the linker: where the program's variables end.
        static _end: u8;
    }
    // No kernel has larger pages; an address within one that is taken would be a wish for that one.
    (&raw const _end).cast_mut().map_addr(|end| end.next_multiple_of(65536)).cast()
}

fn map(file: &File, length: usize, protection: i32) -> io::Result<SharedWords> {
    let bytes = length.checked_mul(8).filter(|bytes| *bytes > 0);
    let bytes = bytes.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    if file.metadata()?.len() < bytes as u64 {
        // Touching a page beyond the file's end would be a SIGBUS.
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the file is shorter than what it should hold",
        ));
    }
    // SAFETY: a new mapping, where the kernel sees fit, touches no existing memory; the descriptor is open.
    let at =
        unsafe { libc::mmap(behind_the_program(), bytes, protection, libc::MAP_SHARED, file.as_raw_fd(), 0) };
    match NonNull::new(at.cast::<AtomicU64>()) {
        Some(words) if at != libc::MAP_FAILED => Ok(SharedWords { words, length }),
        _ => Err(io::Error::last_os_error()),
    }
}

impl SharedWords {
    /// Maps the first `length` words of a file that is open for reading and writing and is at least that long.
    pub fn map(file: &File, length: usize) -> io::Result<Self> {
        map(file, length, libc::PROT_READ | libc::PROT_WRITE)
    }
}

impl Deref for SharedWords {
    type Target = [AtomicU64];
    fn deref(&self) -> &[AtomicU64] {
        // SAFETY: the mapping is page-aligned, `length` words long, lives as long as `self`, and is only touched by atomics.
        unsafe { std::slice::from_raw_parts(self.words.as_ptr(), self.length) }
    }
}

impl Drop for SharedWords {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `map` with this length, and no slice of it outlives `self`.
        unsafe { libc::munmap(self.words.as_ptr().cast(), self.length * 8) };
    }
}

// SAFETY: the memory is only reached through atomics, from whatever thread.
unsafe impl Send for SharedWords {}
// SAFETY: as above.
unsafe impl Sync for SharedWords {}

impl SharedView {
    /// Maps the first `length` words of a file that is open for reading and is at least that long.
    pub fn map(file: &File, length: usize) -> io::Result<Self> {
        map(file, length, libc::PROT_READ).map(Self)
    }

    /// How many words there are.
    pub fn length(&self) -> usize {
        self.0.length
    }

    /// The word at `index` as it is now; 0 beyond the end.
    pub fn load(&self, index: usize) -> u64 {
        self.0.get(index).map_or(0, |word| word.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(bytes: usize) -> File {
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(&vec![0; bytes]).expect("written");
        file
    }

    #[test]
    fn what_one_mapping_writes_another_reads() {
        let file = file(4096);
        let words = SharedWords::map(&file, 512).expect("mapped");
        let view = SharedView::map(&file, 512).expect("mapped");
        words[511].store(42, Ordering::Release);
        assert_eq!((view.load(511), view.load(512), view.length()), (42, 0, 512));
    }

    #[test]
    fn a_short_file_is_refused_before_it_can_kill_the_reader() {
        assert!(SharedView::map(&file(4095), 512).is_err());
        assert!(SharedWords::map(&file(4096), 0).is_err());
    }
}
