//! Every state that two services can get into, by every order in which commands, kills, failures and time can come.
//!
//! What is asked for and what goes wrong is bounded in number, so there is an end to it; everything else comes in any order.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher};

use super::*;

/// How much of each may still happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Left {
    commands: u32,
    kills: u32,
    failing_forks: u32,
    waits: u32,
}

const LEFT: Left = Left { commands: 2, kills: 1, failing_forks: 1, waits: 1 };

const OPERATIONS: [Operation; 7] = [
    Operation::Supervise,
    Operation::Unsupervise,
    Operation::Up,
    Operation::Down,
    Operation::Restart,
    Operation::Disable,
    Operation::Enable,
];

#[derive(Debug, Clone)]
struct State {
    world: World,
    left: Left,
    /// What was asked of each service last.
    last: [Option<(Operation, Ticket)>; 2],
    stopped: bool,
}

/// Takes what is printed as what is to be hashed.
struct Printed(DefaultHasher);

impl std::fmt::Write for Printed {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

impl State {
    fn hash(&self) -> u64 {
        use std::fmt::Write as _;
        let mut printed = Printed(DefaultHasher::new());
        // What was said has no part in what follows.
        let world = &self.world;
        let answered: Vec<(&Ticket, &Vec<Outcome>)> = world.replies.iter().collect();
        let parts = (&world.fleet, world.now, &world.seen, &world.supervised, &world.asked, answered);
        write!(
            printed,
            "{parts:?} {:?} {:?} {:?}",
            self.left,
            self.last,
            (self.stopped, world.exit, world.fork_fails)
        )
        .expect("it is only counted");
        printed.0.finish()
    }

    fn successors(&self) -> Vec<Self> {
        let mut next = Vec::new();
        if self.world.exit.is_some() {
            return next;
        }
        let mut then = |change: &dyn Fn(&mut Self) -> bool| {
            let mut state = self.clone();
            if change(&mut state) {
                next.push(state);
            }
        };
        for id in 0..2 {
            then(&|state| state.world.supervise(id));
            if self.left.kills > 0 && self.world.supervised.get(&id) == Some(&true) {
                then(&|state| {
                    state.left.kills -= 1;
                    state.world.kill_supervisor(id);
                    true
                });
            }
            if self.left.commands > 0 {
                for operation in OPERATIONS {
                    then(&|state| {
                        state.left.commands -= 1;
                        let ticket = state.world.ask(operation, id, false);
                        state.last[id] = Some((operation, ticket));
                        true
                    });
                }
            }
        }
        if self.left.failing_forks > 0 {
            then(&|state| {
                state.left.failing_forks -= 1;
                state.world.fork_fails = true;
                true
            });
        }
        if self.left.waits > 0 {
            then(&|state| {
                state.left.waits -= 1;
                state.world.pass()
            });
        }
        if self.left.commands > 0 {
            then(&|state| {
                state.left.commands -= 1;
                state.stopped = true;
                state.world.tell(Event::Stop(3));
                true
            });
        }
        next
    }

    /// From now on nothing is asked and nothing goes wrong: is everything answered, and as was asked for?
    fn check(&self) -> Result<(), String> {
        let mut world = self.world.clone();
        world.fork_fails = false;
        let began = world.now;
        world.settle();
        // Forks are tried again, stops come to their ends, late commands to theirs.
        for _ in 0..40 {
            if world.exit.is_some() || !world.pass() {
                break;
            }
            world.settle();
        }
        for ticket in 1..=world.tickets {
            let answers = world.replies.get(&ticket).map_or(0, Vec::len);
            if answers != 1 {
                return Err(format!("{answers} answers to command {ticket}: {world:?}"));
            }
        }
        if self.stopped {
            let ended = world.exit == Some(3) && world.now - began <= BUDGET;
            return ended.then_some(()).ok_or_else(|| format!("it does not end: {world:?}"));
        }
        if let Some(at) = world.fleet.deadline() {
            return Err(format!("something is still to be done at {at}: {world:?}"));
        }
        (0..2).try_for_each(|id| self.check_service(&world, id))
    }

    fn check_service(&self, world: &World, id: Id) -> Result<(), String> {
        let member = world.fleet.member(id).ok_or("it is forgotten")?;
        let seen = world.seen.get(&id).copied().unwrap_or_default();
        let supervised = world.supervised.get(&id) == Some(&true);
        let nature = world.natures[id];
        let fault = |what: &str| Err(format!("service {id} {what}: {self:?}\nthen {world:?}"));
        if member.is_watched() != supervised {
            return fault("has another supervisor than it is said to have");
        }
        let wanted = member.is_watched() && member.wanted().aim == Aim::Up;
        if seen.alive != (wanted && nature != Nature::Crashing) {
            return fault("is not as wanted");
        }
        if wanted && seen.served != member.wanted().generation {
            return fault("is of an earlier wish");
        }
        // What was asked last, and done, is what is.
        let Some((operation, ticket)) = self.last[id] else { return Ok(()) };
        if world.replies[&ticket] != [Outcome::Done] {
            return Ok(());
        }
        let is = (supervised, wanted, member.disabled);
        let right = match operation {
            Operation::Up | Operation::Restart | Operation::Supervise | Operation::Enable => {
                is == (true, true, false)
            }
            Operation::Down => is == (true, false, false),
            Operation::Unsupervise => is == (false, false, false),
            Operation::Disable => is == (false, false, true),
            Operation::Reload => true,
        };
        if right { Ok(()) } else { fault(&format!("is {is:?} after {operation:?}")) }
    }
}

impl World {
    /// On to the next moment at which something is due; false when nothing is.
    fn pass(&mut self) -> bool {
        let ends = self.asked.iter().filter(|(id, _)| self.natures[**id] == Nature::Stubborn);
        let ends = ends.map(|(_, asked)| asked + GRACE).filter(|at| *at > self.now);
        let Some(at) = self.fleet.deadline().into_iter().chain(ends).min() else { return false };
        self.now = self.now.max(at);
        if self.fleet.deadline().is_some_and(|at| at <= self.now) {
            self.tell(Event::Tick);
        }
        true
    }
}

#[test]
fn every_reachable_state_of_two_services_keeps_the_promises() {
    let configurations: [[(Nature, &[Id]); 2]; 5] = [
        [(Nature::Good, &[]), (Nature::Good, &[0])],
        [(Nature::Stubborn, &[]), (Nature::Good, &[0])],
        [(Nature::Good, &[]), (Nature::Stubborn, &[])],
        [(Nature::Late, &[]), (Nature::Good, &[0])],
        [(Nature::Crashing, &[]), (Nature::Stubborn, &[0])],
    ];
    let mut total = 0;
    for services in configurations {
        let mut world = World::new(&services);
        world.tell(Event::Begin(vec![0, 1]));
        let mut known = HashSet::new();
        let mut open = vec![State { world, left: LEFT, last: [None; 2], stopped: false }];
        while let Some(state) = open.pop() {
            if known.insert(state.hash()) {
                state.check().unwrap_or_else(|why| panic!("{services:?}: {why}"));
                open.extend(state.successors());
            }
        }
        total += known.len();
        println!("{services:?}: {} states", known.len());
    }
    println!("{total} states");
    assert!(total > 50_000, "the search has hardly begun: {total} states");
}
