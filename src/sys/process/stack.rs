//! A stack inside the program's own memory, for a process that is copied often.
//!
//! Every copy has page tables of its own for each region of its address space that it has pages in: three, of 4 KiB each, for
//! the kernel's stack alone, which lies far from everything else. On a stack beside the program's variables they cost nothing.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ops::Range;

/// Bytes of the stack; what is not used of them is never there.
const SIZE: usize = 256 * 1024;
/// The page below the stack that nobody may touch, as large as any kernel's pages.
const GUARD: usize = 64 * 1024;
/// With room to find a whole page for the guard: a variable that is aligned so far would make the program's file larger.
const ALL: usize = 2 * GUARD + SIZE;

#[repr(C, align(16))]
struct Stack(UnsafeCell<MaybeUninit<[u8; ALL]>>);

// SAFETY: it is reached by `on_own_stack` only, which gives it away once.
unsafe impl Sync for Stack {}

static STACK: Stack = Stack(UnsafeCell::new(MaybeUninit::uninit()));
static TAKEN: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// Runs `main` on a stack of 256 KiB inside the program's memory. Copies of this process ([`fork`](super::fork())) that `main`
/// makes do not have the kernel's stack any more: nothing on it may be touched by them, the process's arguments and its
/// environment included, and `/proc/PID/cmdline` of a copy is empty.
///
/// For the first caller in a process, and on kinds of machine that are known; others stay on the stack they are on.
pub fn on_own_stack<F: FnOnce() -> T, T>(main: F) -> T {
    if TAKEN.swap(true, std::sync::atomic::Ordering::AcqRel) {
        return main();
    }
    let low = STACK.0.get().cast::<u8>();
    let guard = low.map_addr(|low| low.next_multiple_of(GUARD));
    // SAFETY: the guard is whole pages of a variable that nobody else uses. Failing leaves it accessible, as it was.
    unsafe { libc::mprotect(guard.cast(), GUARD, libc::PROT_NONE) };
    if let Some(kernels) = kernels_stack() {
        // SAFETY: the range is a mapping of this process; only copies made from here on lack it.
        unsafe { libc::madvise(kernels.start as *mut libc::c_void, kernels.len(), libc::MADV_DONTFORK) };
    }
    let mut call = Call { main: Some(main), result: None };
    // SAFETY: the end of the variable is aligned; nobody else has it (see `TAKEN`); `call` lives until `switch` returns.
    unsafe { switch(low.add(ALL), begin::<F, T>, (&raw mut call).cast()) };
    let Some(result) = call.result else { unreachable!("`begin` has set it, or the process has ended") };
    result
}

struct Call<F, T> {
    main: Option<F>,
    result: Option<T>,
}

extern "C" fn begin<F: FnOnce() -> T, T>(call: *mut u8) {
    // SAFETY: `on_own_stack` passes a `Call` of these types that nobody else touches meanwhile.
    let call = unsafe { &mut *call.cast::<Call<F, T>>() };
    call.result = call.main.take().map(|main| main());
}

/// Where the kernel put the stack that the process began with.
fn kernels_stack() -> Option<Range<usize>> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let (low, high) =
        maps.lines().find(|line| line.ends_with("[stack]"))?.split_once(' ')?.0.split_once('-')?;
    Some(usize::from_str_radix(low, 16).ok()?..usize::from_str_radix(high, 16).ok()?)
}

/// Calls `function` with `argument` on the stack that ends at `top`.
///
/// # Safety
/// Nobody else uses the stack, which is large enough; `top` is aligned to 16 bytes; `function` does not unwind.
#[cfg(target_arch = "x86_64")]
unsafe fn switch(top: *mut u8, function: extern "C" fn(*mut u8), argument: *mut u8) {
    // SAFETY: the old stack is kept in a register that a called function preserves, and is taken again after the call.
    unsafe {
        std::arch::asm!(
            "mov r12, rsp",
            "mov rsp, {top}",
            "call {function}",
            "mov rsp, r12",
            top = in(reg) top,
            function = in(reg) function,
            in("rdi") argument,
            out("r12") _,
            clobber_abi("C"),
        );
    }
}

/// As on x86-64.
///
/// # Safety
/// As on x86-64.
#[cfg(target_arch = "aarch64")]
unsafe fn switch(top: *mut u8, function: extern "C" fn(*mut u8), argument: *mut u8) {
    // SAFETY: as on x86-64.
    unsafe {
        std::arch::asm!(
            "mov x20, sp",
            "mov sp, {top}",
            "blr {function}",
            "mov sp, x20",
            top = in(reg) top,
            function = in(reg) function,
            in("x0") argument,
            out("x20") _,
            clobber_abi("C"),
        );
    }
}

/// On the stack that is there.
///
/// # Safety
/// None is needed.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
unsafe fn switch(_top: *mut u8, function: extern "C" fn(*mut u8), argument: *mut u8) {
    function(argument);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_runs_there_once_and_where_it_is_after_that() {
        let range = STACK.0.get() as usize + GUARD..STACK.0.get() as usize + ALL;
        let on_it = || {
            let here = 0u8;
            // The address of a local variable is on the stack that is used.
            range.contains(&(std::hint::black_box(&raw const here) as usize))
        };
        let text = "kept".to_owned();
        let (first, copied) = on_own_stack(|| {
            // A copy runs on it as well.
            let copy = super::super::fork(|| i32::from(on_it()) + 3).expect("forked");
            let exit = loop {
                if let Some(exit) = super::super::child_ended(copy) {
                    super::super::reap(copy);
                    break exit;
                }
                std::thread::sleep(std::time::Duration::from_millis(1));
            };
            (on_it(), exit)
        });
        assert_eq!((first, copied, text.as_str()), (true, super::super::Exit::Code(4), "kept"));
        assert!(!on_own_stack(on_it));
    }

    #[test]
    fn the_kernels_stack_is_found() {
        assert!(kernels_stack().is_some_and(|range| range.len() >= 4096));
    }
}
