//! Ctrl-C and TERM: a build ends at once with a word, a running container is stopped in good order.

use std::sync::atomic::{AtomicBool, Ordering};

/// Set when the user wants the running container to stop.
pub static STOP: AtomicBool = AtomicBool::new(false);
static ORDERLY: AtomicBool = AtomicBool::new(false);

/// The exit code of an interrupted command: 128 + SIGINT, as shells have it.
pub const EXIT_CODE: i32 = 130;

/// From now on an interrupt ends this program: the store is always in good order, so there is nothing to tidy up first.
pub fn install() {
    // A second handler is never installed, so this can only fail when the kernel refuses; then the default action stays.
    drop(ctrlc::set_handler(|| {
        if ORDERLY.load(Ordering::Relaxed) {
            STOP.store(true, Ordering::Relaxed);
        } else {
            end_children();
            crate::progress::say_last(
                "interrupted: what is done is kept in the store; run it again to go on",
            );
            std::process::exit(EXIT_CODE);
        }
    }));
}

/// From now on an interrupt sets [`STOP`].
pub fn make_orderly() {
    ORDERLY.store(true, Ordering::Relaxed);
}

/// Tells the direct children (sandboxes, package clients) to end: in a terminal they got the signal themselves, but not
/// when only this process did.
fn end_children() {
    let pid = std::process::id();
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return };
    for task in tasks.flatten() {
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
            // It may have ended by itself; then there is nothing to do.
            let _ =
                nix::sys::signal::kill(nix::unistd::Pid::from_raw(child), nix::sys::signal::Signal::SIGTERM);
        }
    }
}
