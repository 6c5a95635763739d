//! One builder at a time in a store: the next one waits, and says for whom. And no removal of what a command still uses.

use std::fs::{File, TryLockError};
use std::io::Write as _;
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

/// Says, while it lives, that a command uses what it got from a store, after its build is over: packages become an image,
/// layers an archive. Any number of commands may; whoever removes what is old waits for the end of all of them.
#[derive(Debug)]
pub struct InUse {
    _file: File,
}

impl InUse {
    /// For a command that uses what is there. Waits while something is being removed.
    ///
    /// # Errors
    /// The store's folder cannot be made or written.
    pub fn take(root: &Path, reporter: &dyn Reporter) -> Result<Self, StoreError> {
        Self::wait(root, reporter, File::try_lock_shared, |path| {
            std::fs::read_to_string(path).unwrap_or_default().trim().to_owned()
        })
    }

    /// For whoever removes: nobody else uses the store while this lives.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub(super) fn alone(
        root: &Path,
        command_line: &str,
        reporter: &dyn Reporter,
    ) -> Result<Self, StoreError> {
        let others = |_: &Path| "other commands that make images of what is in it".to_owned();
        let alone = Self::wait(root, reporter, File::try_lock, others)?;
        // For people only: a full disk must not keep anyone from making room.
        let _ = alone._file.set_len(0);
        let _ = (&alone._file).write_all(holder(std::process::id(), command_line).as_bytes());
        Ok(alone)
    }

    fn wait(
        root: &Path,
        reporter: &dyn Reporter,
        try_lock: impl Fn(&File) -> Result<(), TryLockError>,
        holder: impl Fn(&Path) -> String,
    ) -> Result<Self, StoreError> {
        super::make_folder(root)?;
        let path = super::Layout::new(root).in_use();
        let opened = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let file = opened.map_err(StoreError::from_io("open the lock", &path))?;
        let mut told = false;
        loop {
            match try_lock(&file) {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::Error(error)) => return Err(StoreError::new("lock", &path, error)),
                Err(TryLockError::WouldBlock) if !told => {
                    reporter.report(Event::Waiting { holder: holder(&path), since: since(&path) });
                    told = true;
                }
                Err(TryLockError::WouldBlock) => {}
            }
            std::thread::sleep(PAUSE);
        }
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
    #[test]
    fn many_use_a_store_and_whoever_removes_waits_for_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let use_it = || InUse::take(folder.path(), &crate::report::Silent).expect("nobody removes");
        let (first, second) = (use_it(), use_it());
        let recorder = Recorder(Mutex::new(Vec::new()));
        let told = || recorder.0.lock().expect("not poisoned").len();
        std::thread::scope(|scope| {
            let alone = scope.spawn(|| InUse::alone(folder.path(), "cargo xtask gc", &recorder));
            while told() == 0 {
                std::thread::sleep(Duration::from_millis(5));
            }
            drop(first);
            assert!(!alone.is_finished());
            drop(second);
            let alone = alone.join().expect("no panic").expect("free");
            let next = scope.spawn(|| InUse::take(folder.path(), &recorder).map(drop));
            while told() == 1 {
                std::thread::sleep(Duration::from_millis(5));
            }
            assert!(!next.is_finished());
            drop(alone);
            next.join().expect("no panic").expect("free");
        });
        let events = recorder.0.into_inner().expect("not poisoned");
        let [_, Event::Waiting { holder, .. }] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!(*holder, format!("{}: cargo xtask gc", std::process::id()));
    }
}
