//! Once everything runs, no memory is asked for, whatever starts, ends and is started again.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use allocation_counter::measure;
use medic_sys::output::Output;
use medic_sys::pipe::Pipe;
use medic_sys::process::{become_subreaper, child_ended, fork, new_session, reap};
use medic_sys::signal::{number, send};
use medic_sys::socket::{pair, send_message};

use crate::channel::Order;
use crate::definition::{Prepared, Surroundings};
use crate::init::{Config, Reporter};
use crate::machine::fleet::{self, Fleet, Operation, Request, Seen, Setting};
use crate::machine::service::{Action, Event, Machine, Past, Phase, Policy};
use crate::machine::wanted::{Aim, Wanted};
use crate::place::Place;
use crate::table::{Flags, Reader, Slot, Table};
use crate::watch::Charge;
use crate::watch::run::Supervisor;

#[test]
fn a_services_machine_asks_for_no_memory() {
    let policy = Policy { grace: 5000, ready_within: Some(1000), oneshot: false, essential: false };
    let mut actions = Vec::with_capacity(8);
    let past = Past { clean: true, ..Past::default() };
    let mut machine = Machine::new(policy, Wanted::default(), past, 1, 0, &mut actions);
    let mut starts = 0;
    let used = measure(|| {
        for generation in 1..1000 {
            let now = u64::from(generation) * 10_000;
            let wanted = |aim| Event::Wanted(Wanted { generation, aim });
            let life =
                [wanted(Aim::Up), Event::Started, Event::Ready, Event::Ended { success: false, left: true }];
            let end = [Event::Left(false), Event::Started, Event::NotLive, Event::Tick, wanted(Aim::Down)];
            let rest = [Event::Ended { success: true, left: false }];
            for event in life.into_iter().chain(end).chain(rest) {
                machine.step(now, event, &mut actions);
                starts += actions.iter().filter(|action| **action == Action::Start).count();
                actions.clear();
            }
        }
    });
    assert!(starts > 1000, "{starts}");
    assert_eq!(used.count_total, 0);
}

#[test]
fn the_fleet_asks_for_no_memory() {
    let mut fleet = Fleet::new(8000);
    let mut actions = Vec::with_capacity(16);
    for id in 0..3 {
        let after = if id > 0 { vec![id - 1] } else { Vec::new() };
        fleet.add(Setting { name: format!("p/s{id}"), after, grace: 100, ..Setting::default() });
    }
    fleet.step(0, fleet::Event::Begin(vec![0, 1, 2]), &mut actions);
    for id in 0..3 {
        fleet.step(0, fleet::Event::Forked(id, true), &mut actions);
    }
    let mut round = |now: u64| {
        for id in 0..3 {
            let served = fleet.member(id).map_or(0, |member| member.wanted().generation);
            for phase in [Phase::Starting, Phase::Up, Phase::Waiting, Phase::Starting, Phase::Up] {
                let seen =
                    Seen { phase, served, failures: 1, alive: phase != Phase::Waiting, last_exit: None };
                fleet.step(now, fleet::Event::Seen(id, seen), &mut actions);
            }
            let request = Request { operation: Operation::Restart, id, force: false, within: None };
            fleet.step(now, fleet::Event::Command(now, request), &mut actions);
            let served = served + 1;
            let seen = Seen { phase: Phase::Up, served, failures: 0, alive: true, last_exit: None };
            fleet.step(now, fleet::Event::Seen(id, seen), &mut actions);
            fleet.step(now, fleet::Event::Tick, &mut actions);
        }
        let replies = actions.iter().filter(|action| matches!(action, fleet::Action::Reply(..))).count();
        actions.clear();
        replies
    };
    // The first round makes room for those who wait.
    round(1);
    let mut replies = 0;
    let used = measure(|| replies = (2..1000).map(&mut round).sum());
    assert_eq!((replies, used.count_total), (3 * 998, 0));
}

/// A place with the service `p/s`, which says something and runs.
fn place(root: &Path) -> Place {
    for folder in ["boot", "run", "srv/system/receipts", "srv/scripts/p/run"] {
        fs::create_dir_all(root.join(folder)).expect("made");
    }
    let script = root.join("srv/scripts/p/run/s");
    fs::write(&script, "#!/bin/sh\necho here I am\nexec sleep 100000\n").expect("written");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("changed");
    let receipt = r#"{"format":1,"origin":{"from":"bundle"},"installed_at":0,"manifest":{"format":1,"name":"p","version":"1","arch":"x64","summary":"","licence":"MIT","depends":[],"services":{"s":{}},"entries":[]}}"#;
    fs::write(root.join("srv/system/receipts/p.json"), receipt).expect("written");
    Place::new(root)
}

fn surroundings(place: Place) -> Surroundings {
    Surroundings { place, environment: vec![("PATH".into(), "/usr/bin:/bin".into())] }
}

#[track_caller]
fn until<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    for _ in 0..20_000 {
        if let Some(found) = check() {
            return found;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    panic!("{what}: not within 20 s");
}

fn wait_for(pid: u32) {
    until("it ends", || child_ended(pid));
    reap(pid);
}

fn counted(root: &Path) -> u64 {
    fs::read_to_string(root.join("count")).expect("counted").parse().expect("a number")
}

/// How often a supervisor asks for memory while its service is restarted, and killed, so many times.
fn supervisor_allocates(cycles: u32) -> u64 {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    let surroundings = surroundings(place(root));
    let [package, version, service] = ["p", "1", "s"];
    let (package, version) = (package.parse().expect("a name"), version.parse().expect("a version"));
    let service = service.parse().expect("a name");
    let prepared =
        Prepared::new(&surroundings, (&package, &version), &service, &Default::default(), false, None)
            .expect("prepared");
    let table = Table::create(root, std::process::id(), 0).expect("made");
    let slot = table.slot(0).expect("in range");
    slot.begin("p", "s");
    let (log, (ours, theirs)) = (Pipe::new().expect("a pipe"), pair().expect("a pair"));
    let null = fs::File::options().read(true).write(true).open("/dev/null").expect("there");
    let output = Output::of(null.as_fd()).expect("opened");
    let charge = Charge {
        prepared: &prepared,
        slot,
        mark: None,
        log: &log,
        ready: None,
        channel: theirs.as_fd(),
        output: &output,
        null: &null,
    };
    let supervisor = fork(|| {
        new_session();
        let _ = become_subreaper();
        let Ok(mut supervisor) = Supervisor::new(&charge) else { return 1 };
        let used = measure(|| {
            supervisor.run();
        });
        i32::from(fs::write(root.join("count"), used.count_total.to_string()).is_err())
    })
    .expect("forked");
    for generation in 1..=cycles {
        want(slot, &ours, generation, Aim::Up);
        let pid = until("it is up", || is_up(slot, generation));
        send(pid, number::KILL).expect("sent");
        until("it is up again", || is_up(slot, generation).filter(|other| *other != pid));
    }
    want(slot, &ours, cycles + 1, Aim::Leave);
    wait_for(supervisor);
    assert_eq!(slot.standing().past.starts, 2 * cycles);
    counted(root)
}

fn want(slot: Slot<'_>, channel: &OwnedFd, generation: u32, aim: Aim) {
    slot.set_order(Wanted { generation, aim }, Flags { used: true, ..Flags::default() }, 0, 0);
    send_message(channel, &Order::Look.encode()).expect("sent");
}

fn is_up(slot: Slot<'_>, generation: u32) -> Option<u32> {
    let past = slot.standing().past;
    (past.phase == Phase::Up && past.served == generation && past.alive).then(|| slot.service_pid())
}

#[test]
fn a_supervisor_that_starts_and_repairs_its_service_asks_for_no_memory() {
    let [few, many] = [5, 60].map(supervisor_allocates);
    // The first lines of the log make room for all; how many come at once differs a little.
    assert!(many < few + 10, "{few} times in 5 cycles, {many} times in 60");
}

/// A reporter that nobody listens to.
struct Silent;

impl Reporter for Silent {
    fn say(&mut self, _: &str) {}
}

/// How often init asks for memory while the service is killed so many times.
fn init_allocates(kills: u32) -> u64 {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    let surroundings = surroundings(place(root));
    let init = fork(|| {
        // The services' output is none of the test's.
        let config = Config {
            place: surroundings.place.clone(),
            environment: surroundings.environment.clone(),
            command: Vec::new(),
            stop_budget: 8000,
        };
        let used = measure(|| {
            crate::init::run(config, &mut Silent);
        });
        i32::from(fs::write(root.join("count"), used.count_total.to_string()).is_err())
    })
    .expect("forked");
    let mut last = 0;
    for _ in 0..=kills {
        let pid = until("it is up", || {
            let records = Reader::open(&root.join("run/supervisor")).ok()?.records(0);
            let record = records.first().filter(|record| record.phase == Phase::Up)?;
            record.service_pid.filter(|pid| *pid != last)
        });
        send(pid, number::KILL).expect("sent");
        last = pid;
    }
    send(init, number::TERM).expect("sent");
    wait_for(init);
    counted(root)
}

#[test]
fn init_asks_for_no_memory_when_services_are_repaired() {
    // That a service does not stay up is said once, after the second time.
    let [few, many] = [3, 6].map(init_allocates);
    assert!(many < few + 3, "{few} times with 3 kills, {many} times with 6");
}
