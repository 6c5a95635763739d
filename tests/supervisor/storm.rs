//! Supervisors, and services, killed over and over at any instant.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use medic_supervisor::machine::fleet::{Operation, Outcome};
use medic_supervisor::machine::service::Phase;
use serde_json::json;

use crate::harness::{Image, Machine, alive};
use crate::trial::{Chance, ask, kill, record, table};

/// Writes numbered lines until it is enough. By the lock a second copy tells itself, at whatever instant it runs.
const WRITES: &str = r#"
exec 9>"$PACKAGE_ROOT/lock"
flock -n 9 || { echo copy >>"$PACKAGE_ROOT/copies"; exit 1; }
trap 'echo "$$ reloaded"' HUP
i=0
while [ ! -e "$PACKAGE_ROOT/enough" ]; do
    i=$((i + 1))
    echo "$$ line $i"
    [ $((i % 4)) != 0 ] || sleep 0.003 9>&-
done
echo "$$ all $i"
while :; do sleep 0.1 9>&-; done
"#;

/// All that is kept of the log of `p/s`, the oldest first.
pub fn whole_log(machine: &Machine) -> String {
    let logs = ["4", "3", "2", "1", "current"];
    assert!(!machine.root().join("srv/storage/p/s/logs/4").exists(), "the oldest lines may be gone");
    logs.map(|name| machine.read(&format!("srv/storage/p/s/logs/{name}"))).concat()
}

/// Of each process, the highest number that it wrote. Lines may come twice, as whole runs, but none may be missing.
fn check_numbers(log: &str) -> BTreeMap<u32, u64> {
    let mut highest: BTreeMap<u32, u64> = BTreeMap::new();
    for line in log.lines() {
        let said = line.split_once(' ').map_or("", |(_, said)| said);
        let Some((pid, number)) = said.split_once(" line ") else { continue };
        let pid = pid.parse().unwrap_or_else(|_| panic!("a mangled line: {line}"));
        let number: u64 = number.parse().unwrap_or_else(|_| panic!("a mangled line: {line}"));
        let before = highest.entry(pid).or_default();
        assert!(number <= *before + 1, "lines {} to {} of {pid} are lost", *before + 1, number - 1);
        *before = number.max(*before);
    }
    highest
}

fn assert_no_copy(machine: &Machine) {
    assert_eq!(machine.read("srv/copies"), "", "two copies ran at once");
}

#[test]
fn a_supervisor_killed_a_thousand_times_loses_no_line_and_never_starts_a_second_copy() {
    let mut chance = Chance::new();
    let machine = Image::new().service("p", "s", WRITES, json!({})).boot();
    let service = record(&machine).service_pid;
    let mut last = 0;
    for round in 0..1000 {
        // Any instant: also while a new supervisor has hardly begun.
        let supervisor = machine.wait_for("there is another supervisor", |m| {
            record(m).supervisor_pid.filter(|pid| *pid != last && alive(*pid))
        });
        std::thread::sleep(Duration::from_micros(chance.below(8000)));
        kill(supervisor);
        last = supervisor;
        assert_eq!(record(&machine).service_pid, service, "another process after {round} kills");
        if round % 50 == 49 {
            let sessions =
                table().iter().filter(|p| Some(p.session) == service && p.pid == p.session).count();
            assert_eq!(sessions, 1, "after {round} kills");
            assert_no_copy(&machine);
            // Asked of a supervisor that is dying, it is done by the next one.
            assert_eq!(ask(&machine, Operation::Reload), Outcome::Done, "after {round} kills");
        }
    }
    std::fs::write(machine.root().join("srv/enough"), "").expect("written");
    machine.wait_for("all is written", |m| m.log("p", "s").contains(" all ").then_some(()));
    let log = whole_log(&machine);
    let highest = check_numbers(&log);
    let (pid, number) = highest.iter().next().expect("lines");
    assert_eq!((highest.len(), Some(*pid)), (1, service));
    let twice = log.matches(" line ").count() as u64 - number;
    let _ = writeln!(std::io::stderr(), "{number} lines, {twice} of them twice");
    assert!(log.contains(&format!("{pid} all {number}\n")), "{number} lines");
    assert!(log.contains(&format!("{pid} reloaded\n")));
    assert_no_copy(&machine);
    // It is still obeyed.
    assert_eq!(ask(&machine, Operation::Restart), Outcome::Done);
    assert_ne!(record(&machine).service_pid, service);
    assert_eq!(ask(&machine, Operation::Down), Outcome::Done);
    assert_eq!((record(&machine).service_pid, record(&machine).phase), (None, Phase::Down));
    assert_eq!(ask(&machine, Operation::Up), Outcome::Done);
    assert_no_copy(&machine);
}

#[test]
fn supervisor_and_service_killed_at_any_instants_come_back_as_one() {
    let mut chance = Chance::new();
    let machine = Image::new().service("p", "s", WRITES, json!({})).boot();
    for round in 0..150 {
        for _ in 0..3 {
            let now = record(&machine);
            let victims = match chance.below(3) {
                0 => [now.supervisor_pid, None],
                1 => [now.service_pid, None],
                _ => [now.service_pid, now.supervisor_pid],
            };
            victims.into_iter().flatten().for_each(kill);
            std::thread::sleep(Duration::from_micros(chance.below(20_000)));
        }
        // A wish of its own: those who only wait for their next try are started at once.
        let outcome = ask(&machine, Operation::Restart);
        assert_eq!(outcome, Outcome::Done, "round {round}");
        assert!(record(&machine).service_pid.is_some_and(alive), "round {round}");
        assert_no_copy(&machine);
    }
    std::fs::write(machine.root().join("srv/enough"), "").expect("written");
    machine.wait_for("all is written", |m| m.log("p", "s").contains(" all ").then_some(()));
    assert!(check_numbers(&whole_log(&machine)).len() > 100);
    assert_no_copy(&machine);
}
