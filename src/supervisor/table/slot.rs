//! One service's words.

use std::sync::atomic::{AtomicU64, Ordering};

use medic_sys::process::Exit;

use crate::machine::fleet::Seen;
use crate::machine::service::{Past, Phase};
use crate::machine::wanted::Wanted;

pub(super) mod word {
    // init's half
    pub const WANTED: usize = 0;
    pub const FLAGS: usize = 1;
    pub const SUPERVISOR: usize = 2;
    pub const SINCE: usize = 3;
    pub const PACKAGE: usize = 8;
    pub const SERVICE: usize = 16;
    // the supervisor's half
    pub const CLAIM: usize = 32;
    pub const SEQUENCE: usize = 33;
    pub const PHASE: usize = 34;
    pub const RUNNING_SINCE: usize = 35;
    pub const STARTS: usize = 36;
    pub const FAILURES: usize = 37;
    pub const SERVED: usize = 38;
    pub const WAIT_UNTIL: usize = 39;
    pub const LAST_EXIT: usize = 40;
    pub const CHANGED: usize = 41;
    pub const DROPPED: usize = 42;
    pub const ADOPTED: usize = 43;
    pub const TOLD: usize = 44;
}

/// The words of a name: 64 bytes.
const NAME: usize = 8;

/// What init tells of a service beside what is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags {
    /// The slot holds a service.
    pub used: bool,
    /// The service is disabled.
    pub disabled: bool,
    /// It waits for services that it comes after.
    pub gated: bool,
}

impl Flags {
    pub(super) fn to_word(self) -> u64 {
        u64::from(self.used) | u64::from(self.disabled) << 1 | u64::from(self.gated) << 2
    }

    pub(super) fn from_word(word: u64) -> Self {
        Self { used: word & 1 != 0, disabled: word & 2 != 0, gated: word & 4 != 0 }
    }
}

/// What a supervisor publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// What a later supervisor must know, and everybody may.
    pub past: Past,
    /// How the service ended last.
    pub last_exit: Option<Exit>,
    /// Lines of its log that were dropped.
    pub dropped: u64,
    /// Of them, those that a line of the log has told of.
    pub told: u64,
    /// Lines of its log that the supervisor holds, since they cannot be written: they go with it when it dies.
    pub held: u16,
    /// Whether the service was started by an earlier supervisor.
    pub adopted: bool,
}

const PHASES: [Phase; 8] = [
    Phase::Down,
    Phase::Starting,
    Phase::Up,
    Phase::Late,
    Phase::Stopping,
    Phase::Waiting,
    Phase::Done,
    Phase::Over,
];

pub(super) fn phase_of(word: u64) -> Phase {
    usize::try_from(word).ok().and_then(|index| PHASES.get(index)).copied().unwrap_or_default()
}

fn phase_word(phase: Phase) -> u64 {
    PHASES.iter().position(|known| *known == phase).unwrap_or(0) as u64
}

fn exit_word(exit: Option<Exit>) -> u64 {
    match exit {
        None => 0,
        Some(Exit::Code(code)) => 0x100 | u64::from(code),
        Some(Exit::Signal(signal)) => 0x200 | u64::from(signal),
    }
}

pub(super) fn exit_of(word: u64) -> Option<Exit> {
    let number = (word & 0xff) as u8;
    match word >> 8 {
        1 => Some(Exit::Code(number)),
        2 => Some(Exit::Signal(number)),
        _ => None,
    }
}

/// Dropped and held lines in one word: whoever is killed between two would leave a sum that was never true.
fn lines_word(dropped: u64, held: u16) -> u64 {
    u64::from(held) << 48 | dropped & 0xffff_ffff_ffff
}

/// Dropped and held lines.
pub(super) fn lines_of(word: u64) -> (u64, u16) {
    (word & 0xffff_ffff_ffff, (word >> 48) as u16)
}

/// The lower half of a claim: the service's process; 0 for none.
pub(super) fn pid_of(claim: u64) -> u32 {
    (claim & u64::from(u32::MAX)) as u32
}

/// What a new supervisor finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inherited {
    /// It is the service's first.
    Nothing,
    /// The service does not run; descendants of an earlier start may.
    Remains,
    /// The service's process.
    Process(u32),
}

/// One service's words, as init and its supervisor have them.
#[derive(Debug, Clone, Copy)]
pub struct Slot<'a> {
    words: &'a [AtomicU64],
}

impl<'a> Slot<'a> {
    pub(super) fn new(words: &'a [AtomicU64]) -> Self {
        Self { words }
    }

    fn get(&self, index: usize) -> u64 {
        self.words[index].load(Ordering::Acquire)
    }

    fn set(&self, index: usize, value: u64) {
        self.words[index].store(value, Ordering::Release);
    }

    /// Makes the slot a new service's.
    pub fn begin(&self, package: &str, service: &str) {
        for index in 0..self.words.len() {
            self.set(index, 0);
        }
        for (start, name) in [(word::PACKAGE, package), (word::SERVICE, service)] {
            for (index, chunk) in name.as_bytes().chunks(8).take(NAME).enumerate() {
                let mut bytes = [0; 8];
                bytes[..chunk.len()].copy_from_slice(chunk);
                self.set(start + index, u64::from_le_bytes(bytes));
            }
        }
    }

    /// What init tells; `supervisor` is the process, 0 for none.
    pub fn set_order(&self, wanted: Wanted, flags: Flags, supervisor: u32, now: u64) {
        self.set(word::WANTED, wanted.to_word());
        self.set(word::SUPERVISOR, u64::from(supervisor));
        self.set(word::FLAGS, flags.to_word());
        self.set(word::SINCE, now);
    }

    /// What is wanted.
    pub fn wanted(&self) -> Wanted {
        Wanted::from_word(self.get(word::WANTED))
    }

    /// Publishes a standing, whole. Only the service's supervisor does.
    pub fn set_standing(&self, standing: &Standing, now: u64) {
        let past = &standing.past;
        let sequence = &self.words[word::SEQUENCE];
        // Odd while it changes. One that a killed supervisor left odd stays odd until the next one is through.
        let before = sequence.load(Ordering::Relaxed) | 1;
        sequence.store(before, Ordering::Relaxed);
        std::sync::atomic::fence(Ordering::Release);
        let phase = phase_word(past.phase);
        if self.get(word::PHASE) != phase {
            self.set(word::CHANGED, now);
        }
        self.set(word::PHASE, phase);
        self.set(word::RUNNING_SINCE, past.since);
        self.set(word::STARTS, u64::from(past.starts));
        self.set(word::FAILURES, u64::from(past.failures));
        self.set(word::SERVED, u64::from(past.served));
        self.set(word::WAIT_UNTIL, past.wait_until);
        self.set(word::LAST_EXIT, exit_word(standing.last_exit));
        self.set(word::DROPPED, lines_word(standing.dropped, standing.held));
        self.set(word::TOLD, standing.told);
        self.set(word::ADOPTED, u64::from(standing.adopted));
        sequence.store(before.wrapping_add(1), Ordering::Release);
    }

    /// The standing as the last supervisor published it; for the next one and for init.
    pub fn standing(&self) -> Standing {
        let small = |index| u32::try_from(self.get(index)).unwrap_or(u32::MAX);
        let alive = self.service_pid() != 0;
        let last_exit = exit_of(self.get(word::LAST_EXIT));
        let (dropped, held) = lines_of(self.get(word::DROPPED));
        Standing {
            past: Past {
                served: small(word::SERVED),
                starts: small(word::STARTS),
                failures: small(word::FAILURES),
                phase: phase_of(self.get(word::PHASE)),
                since: self.get(word::RUNNING_SINCE),
                alive,
                clean: false,
                wait_until: self.get(word::WAIT_UNTIL),
                succeeded: last_exit.is_some_and(Exit::is_success),
            },
            last_exit,
            dropped,
            told: self.get(word::TOLD),
            held,
            adopted: self.get(word::ADOPTED) != 0,
        }
    }

    /// The standing as init's decisions need it.
    pub fn seen(&self) -> Seen {
        let Standing { past, last_exit, .. } = self.standing();
        Seen { phase: past.phase, served: past.served, failures: past.failures, alive: past.alive, last_exit }
    }

    /// The service's process; 0 when none runs.
    pub fn service_pid(&self) -> u32 {
        pid_of(self.get(word::CLAIM))
    }

    /// The word by which a started process claims to be the service, and what it must be for that.
    pub fn claim(&self) -> (&'a AtomicU64, u64) {
        let claim = &self.words[word::CLAIM];
        (claim, claim.load(Ordering::Acquire) & !u64::from(u32::MAX))
    }

    /// A new supervisor begins: processes that an earlier one was about to start cannot claim any more.
    /// Gives the service's process if one has claimed; it is to be adopted.
    pub fn take_over(&self) -> Inherited {
        let claim = &self.words[word::CLAIM];
        let mut now = claim.load(Ordering::Acquire);
        loop {
            if pid_of(now) != 0 {
                return Inherited::Process(pid_of(now));
            }
            let next = now.wrapping_add(1 << 32);
            match claim.compare_exchange(now, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) if now == 0 => return Inherited::Nothing,
                Ok(_) => return Inherited::Remains,
                Err(other) => now = other,
            }
        }
    }

    /// The service's process has ended, and its number is about to be given up. Whether it was the service's.
    pub fn strike_out(&self, pid: u32, exit: Exit) -> bool {
        let claim = &self.words[word::CLAIM];
        let now = claim.load(Ordering::Acquire);
        if pid == 0 || pid_of(now) != pid {
            return false;
        }
        // Before the claim goes: a supervisor that finds no process finds how it ended.
        self.set(word::LAST_EXIT, exit_word(Some(exit)));
        claim.compare_exchange(now, now & !u64::from(u32::MAX), Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Table;

    fn table() -> (tempfile::TempDir, Table) {
        let folder = tempfile::tempdir().expect("a folder");
        let table = Table::create(folder.path(), 1, 0).expect("made");
        (folder, table)
    }

    #[test]
    fn a_standing_survives_its_supervisor() {
        let (_folder, table) = table();
        let slot = table.slot(3).expect("in range");
        slot.begin("p", "s");
        assert_eq!(slot.standing(), Standing::default());
        let (word, expected) = slot.claim();
        word.store(expected | 77, Ordering::Release);
        let past = Past {
            served: 4,
            starts: 3,
            failures: 2,
            phase: Phase::Late,
            since: 9,
            alive: true,
            clean: false,
            wait_until: 11,
            succeeded: false,
        };
        let standing =
            Standing { past, last_exit: Some(Exit::Signal(9)), dropped: 5, told: 2, held: 7, adopted: true };
        slot.set_standing(&standing, 10);
        assert_eq!(slot.standing(), standing);
        assert!(table.slot(crate::table::MAX_SERVICES).is_none());
    }

    #[test]
    fn of_a_new_supervisor_and_a_late_process_only_one_wins() {
        let (_folder, table) = table();
        let slot = table.slot(0).expect("in range");
        let (word, expected) = slot.claim();
        // The new supervisor was first: the process finds another word than it expects.
        assert_eq!(slot.take_over(), Inherited::Nothing);
        assert!(word.compare_exchange(expected, expected | 50, Ordering::AcqRel, Ordering::Acquire).is_err());
        // The process was first: it is adopted.
        let (word, expected) = slot.claim();
        assert!(word.compare_exchange(expected, expected | 51, Ordering::AcqRel, Ordering::Acquire).is_ok());
        assert_eq!(slot.take_over(), Inherited::Process(51));
        assert_eq!(slot.take_over(), Inherited::Process(51));
        assert!(!slot.strike_out(50, Exit::Code(0)) && !slot.strike_out(0, Exit::Code(0)));
        assert!(slot.strike_out(51, Exit::Code(3)));
        assert_eq!((slot.service_pid(), slot.standing().last_exit), (0, Some(Exit::Code(3))));
        assert_eq!(slot.take_over(), Inherited::Remains);
    }
}
