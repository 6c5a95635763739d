//! What is done thousands of times leaves nothing behind in those who did it.

use medic_supervisor::control::client::Client;
use medic_supervisor::machine::fleet::{Operation, Outcome};
use serde_json::json;

use crate::harness::{Image, Machine, SLEEPS, alive};
use crate::trial::{ask_by, descriptors, kill, record, status};

/// What a process holds: descriptors, and kilobytes of memory.
fn holds(pid: u32) -> (usize, u64) {
    (descriptors(pid), status(pid, "VmRSS"))
}

#[track_caller]
fn assert_nothing_gained(what: &str, before: (usize, u64), after: (usize, u64)) {
    assert_eq!(after.0, before.0, "descriptors of {what}");
    assert!(after.1 <= before.1 + 64, "memory of {what}: {} kB, then {} kB", before.1, after.1);
}

fn connect(machine: &Machine) -> Client {
    Client::connect(&machine.root().join("run/supervisor")).expect("init answers")
}

#[test]
fn three_thousand_restarts_cost_neither_descriptors_nor_memory() {
    let machine = Image::new().service("p", "s", SLEEPS, json!({})).boot();
    let client = connect(&machine);
    let restart = |times: u32| {
        for _ in 0..times {
            assert_eq!(ask_by(&client, Operation::Restart), Outcome::Done);
        }
    };
    restart(50);
    let (init, supervisor) = (machine.pid(), record(&machine).supervisor_pid.expect("supervised"));
    let before = [init, supervisor].map(holds);
    restart(3000);
    let now = record(&machine);
    // The first start is no restart.
    assert_eq!((now.supervisor_pid, now.starts, now.failures), (Some(supervisor), 3051, 0));
    for (what, pid, before) in [("init", init, before[0]), ("the supervisor", supervisor, before[1])] {
        assert_nothing_gained(what, before, holds(pid));
    }
}

#[test]
fn replacing_supervisors_and_repairing_services_costs_init_neither_descriptors_nor_memory() {
    let machine = Image::new().service("p", "s", SLEEPS, json!({})).boot();
    let client = connect(&machine);
    let round = |times: u32| {
        for _ in 0..times {
            let before = record(&machine);
            [before.service_pid, before.supervisor_pid].into_iter().flatten().for_each(kill);
            machine.wait_for("another supervisor is there", |m| {
                record(m).supervisor_pid.filter(|pid| Some(*pid) != before.supervisor_pid && alive(*pid))
            });
            assert_eq!(ask_by(&client, Operation::Restart), Outcome::Done);
        }
    };
    round(20);
    let before = holds(machine.pid());
    round(200);
    assert_nothing_gained("init", before, holds(machine.pid()));
}
