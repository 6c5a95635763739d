//! One builder at a time in a store: the next one waits, and says for whom.

use std::path::Path;
use std::time::{Duration, SystemTime};

use medic_sys::files::Lock;

use super::StoreError;
use crate::report::{Event, Reporter};

/// How long from one try to the next: a build takes seconds at least.
const PAUSE: Duration = Duration::from_millis(100);

/// What is written into the lock: the process number and the command line on one line.
fn holder(pid: u32, command_line: &str) -> String {
    let plain: String = command_line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("{pid}: {plain}")
}

/// Takes the store's lock, waiting for as long as another has it. Each one that is waited for is reported once.
///
/// # Errors
/// The lock cannot be made.
pub(super) fn take(path: &Path, command_line: &str, reporter: &dyn Reporter) -> Result<Lock, StoreError> {
    let own = holder(std::process::id(), command_line);
    let mut told = None;
    loop {
        match Lock::try_take(path, &own)? {
            Ok(lock) => return Ok(lock),
            // The holder writes its name just after it got the lock: an empty text is read again.
            Err(holder) if !holder.is_empty() && told.as_ref() != Some(&holder) => {
                reporter.report(Event::Waiting { holder: holder.clone(), since: since(path) });
                told = Some(holder);
            }
            Err(_) => {}
        }
        std::thread::sleep(PAUSE);
    }
}

/// The holder wrote its name when it got the lock, so that is when the file was changed.
fn since(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|meta| meta.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    struct Recorder(Mutex<Vec<Event>>);

    impl Reporter for Recorder {
        fn report(&self, event: Event) {
            self.0.lock().expect("not poisoned").push(event);
        }
    }

    #[test]
    fn a_second_one_waits_and_says_for_whom() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lock");
        let first = take(&path, "cargo xtask build-image\nnginx", &crate::report::Silent).expect("free");
        let recorder = Recorder(Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            let second = scope.spawn(|| take(&path, "second", &recorder).map(drop));
            while recorder.0.lock().expect("not poisoned").is_empty() {
                std::thread::sleep(Duration::from_millis(5));
            }
            assert!(!second.is_finished());
            drop(first);
            second.join().expect("no panic").expect("free");
        });
        let events = recorder.0.into_inner().expect("not poisoned");
        let [Event::Waiting { holder, since }] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!(*holder, format!("{}: cargo xtask build-image nginx", std::process::id()));
        assert!(since.is_some_and(|since| since.elapsed().is_ok_and(|time| time < Duration::from_secs(60))));
    }
}
