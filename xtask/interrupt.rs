//! Ctrl-C and TERM: a build ends at once with a word, a running container is stopped in good order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Once};
use std::time::{Duration, Instant};

use medic_build::Cancel;

/// Set when the user wants the running container to stop.
pub static STOP: AtomicBool = AtomicBool::new(false);
static ORDERLY: AtomicBool = AtomicBool::new(false);
static CANCEL: LazyLock<Cancel> = LazyLock::new(Cancel::new);
/// How long a fetch may take to end; it takes a tenth of that.
const PATIENCE: Duration = Duration::from_secs(1);

/// The exit code of an interrupted command: 128 + SIGINT, as shells have it.
pub const EXIT_CODE: u8 = 130;

/// What an interrupt asks to end.
pub fn cancel() -> Cancel {
    CANCEL.clone()
}

/// Whether this program was interrupted.
pub fn is_asked() -> bool {
    CANCEL.is_asked()
}

/// Says that this program was interrupted, once.
pub fn say() {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        crate::progress::say_last("interrupted: what is done is kept in the store; run it again to go on");
    });
}

/// From now on an interrupt ends this program: the store is always in good order, so there is nothing to tidy up first. A
/// fetch ends by itself, with the clients that it started and their files.
pub fn install() {
    // A second handler is never installed, so this can only fail when the kernel refuses; then the default action stays.
    drop(ctrlc::set_handler(|| {
        if ORDERLY.load(Ordering::Relaxed) {
            STOP.store(true, Ordering::Relaxed);
        } else {
            CANCEL.ask();
            if CANCEL.is_heeded() {
                // The command ends in `main` meanwhile, and this thread with it.
                wait_while(|| CANCEL.is_heeded());
                wait_while(|| true);
            }
            end_children();
            crate::commands::keys::show_again();
            say();
            std::process::exit(EXIT_CODE.into());
        }
    }));
}

fn wait_while(condition: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while condition() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
    }
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
