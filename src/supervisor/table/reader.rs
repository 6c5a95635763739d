//! The table as those see it who inspect: another process, at any time, also while it is written.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use medic_sys::memory::SharedView;
use medic_sys::process::Exit;

use super::slot::{Flags, exit_of, lines_of, phase_of, pid_of, word};
use super::{FILE_NAME, FORMAT, MAX_SERVICES, SLOT, header};
use crate::machine::service::Phase;
use crate::machine::wanted::{Aim, Wanted};

/// How far init is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Packages are reconciled, setup steps run, services get up for the first time.
    Booting = 0,
    /// Every service has been started, or has shown that it cannot be.
    Running = 1,
    /// Everything is being ended.
    Stopping = 2,
}

/// One service's status, as it was at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its package.
    pub package: String,
    /// Its name.
    pub service: String,
    /// What is wanted of it.
    pub wanted: Wanted,
    /// It is not to run until it is enabled.
    pub disabled: bool,
    /// It waits for services that it comes after.
    pub gated: bool,
    /// Its supervisor; none when it is not supervised.
    pub supervisor_pid: Option<u32>,
    /// Its process; none when it does not run.
    pub service_pid: Option<u32>,
    /// Its phase.
    pub phase: Phase,
    /// Milliseconds it has been running, if it runs.
    pub up: Option<u64>,
    /// How often it was started.
    pub starts: u32,
    /// Failures in a row.
    pub failures: u32,
    /// How it ended last.
    pub last_exit: Option<Exit>,
    /// Lines of its log that were dropped.
    pub dropped: u64,
    /// Whether it was started by an earlier supervisor than the present one.
    pub adopted: bool,
}

/// Why the status cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReaderError {
    /// No init has made the file.
    #[error("nothing is supervised here: {} is not there, so /boot/init does not run", path.display())]
    NotThere {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It was written by another version of this program.
    #[error("{} is of another version: restart the container, so that init is of the present one", path.display())]
    Format {
        /// The file.
        path: PathBuf,
    },
}

/// The table, read only.
#[derive(Debug)]
pub struct Reader {
    view: SharedView,
}

impl Reader {
    /// The table in `folder`.
    ///
    /// # Errors
    /// It is not there, cannot be read, or has another form.
    pub fn open(folder: &Path) -> Result<Self, ReaderError> {
        let path = folder.join(FILE_NAME);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ReaderError::NotThere { path });
            }
            Err(source) => return Err(ReaderError::Read { path, source }),
        };
        let view = SharedView::map(&file, SLOT * (1 + MAX_SERVICES))
            .map_err(|source| ReaderError::Read { path: path.clone(), source })?;
        if view.load(header::FORMAT) == FORMAT {
            Ok(Self { view })
        } else {
            Err(ReaderError::Format { path })
        }
    }

    /// init's process.
    pub fn init_pid(&self) -> u32 {
        u32::try_from(self.view.load(header::INIT_PID)).unwrap_or(0)
    }

    /// How far init is.
    pub fn stage(&self) -> Stage {
        match self.view.load(header::STAGE) {
            1 => Stage::Running,
            2 => Stage::Stopping,
            _ => Stage::Booting,
        }
    }

    /// Every service, sorted by package and name; `now` is the monotonic clock.
    pub fn records(&self, now: u64) -> Vec<Record> {
        let slots = usize::try_from(self.view.load(header::SLOTS)).unwrap_or(0).min(MAX_SERVICES);
        let mut records: Vec<Record> = (0..slots).filter_map(|id| self.record(id, now)).collect();
        records.sort_by(|a, b| (&a.package, &a.service).cmp(&(&b.package, &b.service)));
        records
    }

    fn record(&self, id: usize, now: u64) -> Option<Record> {
        let load = |index: usize| self.view.load(SLOT * (1 + id) + index);
        let small = |index: usize| u32::try_from(load(index)).unwrap_or(u32::MAX);
        let some = |pid: u32| (pid != 0).then_some(pid);
        // A writer needs less than a microsecond; one that was killed in between is replaced soon. Whoever waits for it
        // does not wait for ever.
        for attempt in 0.. {
            let before = load(word::SEQUENCE);
            let flags = Flags::from_word(load(word::FLAGS));
            if !flags.used {
                return None;
            }
            let service_pid = some(pid_of(load(word::CLAIM)));
            let since = load(word::RUNNING_SINCE);
            let record = Record {
                package: self.name(id, word::PACKAGE),
                service: self.name(id, word::SERVICE),
                wanted: Wanted::from_word(load(word::WANTED)),
                disabled: flags.disabled,
                gated: flags.gated,
                supervisor_pid: some(small(word::SUPERVISOR)),
                service_pid,
                phase: phase_of(load(word::PHASE)),
                up: service_pid.map(|_| now.saturating_sub(since)),
                starts: small(word::STARTS),
                failures: small(word::FAILURES),
                last_exit: exit_of(load(word::LAST_EXIT)),
                dropped: lines_of(load(word::DROPPED)).0,
                adopted: load(word::ADOPTED) != 0,
            };
            let settled = before % 2 == 0 && load(word::SEQUENCE) == before;
            if settled || attempt >= 1000 {
                return Some(record);
            }
            std::hint::spin_loop();
        }
        None
    }

    fn name(&self, id: usize, start: usize) -> String {
        let words = (0..8).map(|index| self.view.load(SLOT * (1 + id) + start + index).to_le_bytes());
        let bytes: Vec<u8> = words.flatten().take_while(|byte| *byte != 0).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Record {
    /// Whether a supervisor looks after it.
    pub fn is_watched(&self) -> bool {
        self.supervisor_pid.is_some()
    }

    /// Whether its process runs; a oneshot that has done its work counts.
    pub fn is_running(&self) -> bool {
        self.service_pid.is_some() || self.phase == Phase::Done
    }

    /// Whether it runs and is ready.
    pub fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Up | Phase::Done) && self.is_running()
    }

    /// Whether it is held down: supervised, and not to run.
    pub fn is_down(&self) -> bool {
        self.is_watched() && !self.gated && self.wanted.aim != Aim::Up
    }

    /// Whether it is on its way from one process to the next.
    pub fn is_restarting(&self) -> bool {
        self.is_watched()
            && self.wanted.aim == Aim::Up
            && (matches!(self.phase, Phase::Waiting | Phase::Stopping)
                || (self.phase == Phase::Down && !self.gated && self.starts > 0))
    }

    /// Whether it is on its way to its first process.
    pub fn is_new(&self) -> bool {
        self.is_watched() && self.wanted.aim == Aim::Up && self.starts == 0 && self.phase == Phase::Down
    }

    /// Whether it ought to run now: neither down nor disabled nor restarting.
    pub fn is_expected(&self) -> bool {
        !self.is_down() && !self.disabled && !self.is_restarting()
    }

    /// How often it was started again; 0 for a service that never was.
    pub fn restarts(&self) -> u32 {
        self.starts.saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::service::Past;
    use crate::table::{Standing, Table};

    #[test]
    fn what_is_published_can_be_read() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(matches!(Reader::open(folder.path()), Err(ReaderError::NotThere { .. })));
        let table = Table::create(folder.path(), 7, 0).expect("made");
        let reader = Reader::open(folder.path()).expect("there");
        assert_eq!((reader.init_pid(), reader.stage(), reader.records(0)), (7, Stage::Booting, vec![]));
        table.set_stage(Stage::Running);
        let long = "x".repeat(64);
        for (id, service) in [(0, "z"), (2, long.as_str())] {
            let slot = table.slot(id).expect("in range");
            slot.begin("p", service);
            let flags = Flags { used: true, ..Flags::default() };
            slot.set_order(Wanted { generation: 1, aim: Aim::Up }, flags, 33, 0);
            table.reach(id);
        }
        let slot = table.slot(0).expect("in range");
        let (claim, expected) = slot.claim();
        claim.store(expected | 44, std::sync::atomic::Ordering::Release);
        let past = Past { phase: Phase::Up, since: 1000, starts: 3, ..Past::default() };
        slot.set_standing(&Standing { past, ..Standing::default() }, 0);
        let records = reader.records(5000);
        assert_eq!(records.len(), 2);
        assert_eq!(records[0].service, long);
        let z = &records[1];
        assert_eq!(
            (z.up, z.service_pid, z.supervisor_pid, z.restarts()),
            (Some(4000), Some(44), Some(33), 2)
        );
        assert!(z.is_watched() && z.is_running() && z.is_ready() && z.is_expected());
        assert_eq!((records[0].restarts(), records[0].service_pid), (0, None));
    }

    #[test]
    fn another_versions_file_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        drop(Table::create(folder.path(), 7, 0).expect("made"));
        let path = folder.path().join(FILE_NAME);
        let mut bytes = std::fs::read(&path).expect("read");
        bytes[0] ^= 1;
        std::fs::write(&path, &bytes).expect("written");
        assert!(matches!(Reader::open(folder.path()), Err(ReaderError::Format { .. })));
        std::fs::write(&path, "short").expect("written");
        assert!(matches!(Reader::open(folder.path()), Err(ReaderError::Read { .. })));
    }
}
