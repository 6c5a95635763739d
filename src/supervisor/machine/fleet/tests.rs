//! [`super::Fleet`] with supervisors that do what is wanted of them, at once, late, or never.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::machine::service::Phase;

mod every_state;

const BUDGET: Millis = 8000;
const GRACE: Millis = 3000;
const READY: Millis = 2000;

/// How a service behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nature {
    /// It is ready and ends as soon as it is asked to.
    Good,
    /// It runs, and never becomes ready.
    Late,
    /// It ends whenever it is started.
    Crashing,
    /// It ends only when it is killed.
    Stubborn,
}

#[derive(Debug, Clone)]
struct World {
    fleet: Fleet,
    now: Millis,
    natures: Vec<Nature>,
    seen: BTreeMap<Id, Seen>,
    supervised: BTreeMap<Id, bool>,
    /// Since when a service is asked to end.
    asked: BTreeMap<Id, Millis>,
    replies: BTreeMap<Ticket, Vec<Outcome>>,
    tickets: Ticket,
    said: Vec<String>,
    settled: Option<Vec<Id>>,
    exit: Option<u8>,
    marks: BTreeMap<Id, bool>,
    marks_fail: bool,
    /// What supervisors were asked to reload, and whether they never answer.
    reloads: Vec<Ticket>,
    reloads_hang: bool,
    /// The next supervisor cannot be made.
    fork_fails: bool,
    /// In which order services were first asked to run, and asked to end.
    ups: Vec<Id>,
    leaves: Vec<Id>,
}

impl World {
    /// Services, each with those it comes after.
    fn new(services: &[(Nature, &[Id])]) -> Self {
        let mut fleet = Fleet::new(BUDGET);
        for (id, (nature, after)) in services.iter().enumerate() {
            let ready_within = (*nature == Nature::Late).then_some(READY);
            let name = format!("p/s{id}");
            let setting =
                Setting { name, after: after.to_vec(), grace: GRACE, ready_within, disabled: false };
            assert_eq!(fleet.add(setting), id);
        }
        Self {
            fleet,
            now: 1000,
            natures: services.iter().map(|(nature, _)| *nature).collect(),
            seen: BTreeMap::new(),
            supervised: BTreeMap::new(),
            asked: BTreeMap::new(),
            replies: BTreeMap::new(),
            tickets: 0,
            said: Vec::new(),
            settled: None,
            exit: None,
            marks: BTreeMap::new(),
            marks_fail: false,
            reloads: Vec::new(),
            reloads_hang: false,
            fork_fails: false,
            ups: Vec::new(),
            leaves: Vec::new(),
        }
    }

    fn booted(services: &[(Nature, &[Id])]) -> Self {
        let mut world = Self::new(services);
        world.tell(Event::Begin((0..services.len()).collect()));
        world.settle();
        world
    }

    fn tell(&mut self, event: Event) {
        let mut actions = Vec::new();
        self.fleet.step(self.now, event, &mut actions);
        let mut at = 0;
        while let Some(action) = actions.get(at).cloned() {
            at += 1;
            match action {
                Action::Fork(id) => {
                    assert_ne!(self.supervised.get(&id), Some(&true), "a second supervisor for {id}");
                    let worked = !std::mem::take(&mut self.fork_fails);
                    self.supervised.insert(id, worked);
                    self.fleet.step(self.now, Event::Forked(id, worked), &mut actions);
                }
                Action::Publish(id) => self.published(id),
                Action::Mark(ticket, id, disabled) => {
                    let result = if self.marks_fail { Err("disk full".to_owned()) } else { Ok(()) };
                    if result.is_ok() {
                        self.marks.insert(id, disabled);
                    }
                    self.fleet.step(self.now, Event::Marked(ticket, result), &mut actions);
                }
                Action::Reload(ticket, _) => {
                    self.reloads.push(ticket);
                    if !self.reloads_hang {
                        self.fleet.step(self.now, Event::Reloaded(ticket, Ok(())), &mut actions);
                    }
                }
                Action::Reply(ticket, outcome) => self.replies.entry(ticket).or_default().push(outcome),
                Action::Settled(unwell) => {
                    assert_eq!(self.settled, None, "settled twice");
                    self.settled = Some(unwell);
                }
                Action::Say(line) => self.said.push(line),
                Action::Free(id) => {
                    self.supervised.remove(&id);
                }
                Action::StopCommand => {}
                Action::Exit(code) => {
                    assert_eq!(self.exit, None, "ended twice");
                    self.exit = Some(code);
                }
            }
        }
    }

    fn published(&mut self, id: Id) {
        let Some(member) = self.fleet.member(id) else { return };
        match member.wanted().aim {
            Aim::Up if !self.ups.contains(&id) => self.ups.push(id),
            Aim::Leave if !self.leaves.contains(&id) => self.leaves.push(id),
            _ => {}
        }
    }

    /// One supervisor does what it can at this moment; whether it did anything.
    fn supervise(&mut self, id: Id) -> bool {
        if self.supervised.get(&id) != Some(&true) {
            return false;
        }
        let Some(wanted) = self.fleet.member(id).map(Member::wanted) else { return false };
        let nature = self.natures[id];
        let before = self.seen.get(&id).copied().unwrap_or_default();
        let mut seen = before;
        let must_end = before.alive && (wanted.aim != Aim::Up || wanted.generation > before.served);
        if must_end {
            let since = *self.asked.entry(id).or_insert(self.now);
            let ends = nature != Nature::Stubborn || self.now >= since + GRACE || wanted.aim == Aim::LeaveNow;
            (seen.alive, seen.phase) = if ends { (false, Phase::Down) } else { (true, Phase::Stopping) };
        } else if wanted.aim == Aim::Up && wanted.generation > before.served {
            self.asked.remove(&id);
            seen.served = wanted.generation;
            (seen.alive, seen.phase, seen.failures) = match nature {
                Nature::Good | Nature::Stubborn => (true, Phase::Up, 0),
                Nature::Late => (true, Phase::Late, 0),
                Nature::Crashing => (false, Phase::Waiting, 2),
            };
        } else if wanted.aim != Aim::Up {
            (seen.alive, seen.phase) = (false, Phase::Down);
        }
        self.seen.insert(id, seen);
        if seen != before {
            self.tell(Event::Seen(id, seen));
        }
        let leaves = matches!(wanted.aim, Aim::Leave | Aim::LeaveNow);
        if leaves && !seen.alive && self.supervised.get(&id) == Some(&true) {
            self.supervised.insert(id, false);
            self.tell(Event::SupervisorEnded(id, Exit::Code(0)));
            return true;
        }
        seen != before
    }

    /// Lets all supervisors do what they can, without time passing.
    fn settle(&mut self) {
        for _ in 0..100 {
            let moved = (0..self.natures.len()).filter(|id| self.supervise(*id)).count();
            if moved == 0 {
                return;
            }
        }
        panic!("it does not come to rest: {self:?}");
    }

    /// Time passes, in small steps.
    fn wait(&mut self, millis: Millis) {
        let end = self.now + millis;
        while self.now < end && self.exit.is_none() {
            self.now += 50;
            if self.fleet.deadline().is_some_and(|at| at <= self.now) {
                self.tell(Event::Tick);
            }
            self.settle();
        }
    }

    fn ask(&mut self, operation: Operation, id: Id, force: bool) -> Ticket {
        self.tickets += 1;
        let request = Request { operation, id, force, within: None };
        self.tell(Event::Command(self.tickets, request));
        self.tickets
    }

    /// Asks, lets everybody do what they can, and gives the answer.
    fn answer(&mut self, operation: Operation, id: Id) -> Outcome {
        let ticket = self.ask(operation, id, false);
        self.settle();
        self.replies.get(&ticket).map_or_else(|| panic!("no answer: {self:?}"), |replies| replies[0].clone())
    }

    fn kill_supervisor(&mut self, id: Id) {
        self.end_supervisor(id, Exit::Signal(9));
    }

    fn end_supervisor(&mut self, id: Id, exit: Exit) {
        self.supervised.insert(id, false);
        self.tell(Event::SupervisorEnded(id, exit));
    }
}

#[test]
fn services_start_when_those_they_come_after_are_ready() {
    let mut world = World::new(&[(Nature::Good, &[1]), (Nature::Good, &[2]), (Nature::Good, &[])]);
    world.tell(Event::Begin(vec![0, 1, 2]));
    assert_eq!(world.ups, [2]);
    assert!(world.fleet.member(0).expect("there").is_gated());
    world.settle();
    assert_eq!(world.ups, [2, 1, 0]);
    assert_eq!(world.settled, Some(vec![]));
}

#[test]
fn a_service_that_is_not_ready_holds_up_only_those_after_it_and_is_named() {
    let world = World::booted(&[
        (Nature::Late, &[]),
        (Nature::Good, &[0]),
        (Nature::Good, &[1]),
        (Nature::Good, &[]),
        (Nature::Crashing, &[]),
    ]);
    assert_eq!(world.settled, Some(vec![0, 1, 2, 4]));
    assert_eq!(world.ups, [0, 3, 4]);
}

#[test]
fn a_dependency_that_becomes_ready_late_lets_the_others_start() {
    let mut world = World::booted(&[(Nature::Late, &[]), (Nature::Good, &[0])]);
    let seen = Seen { phase: Phase::Up, ..world.seen[&0] };
    world.tell(Event::Seen(0, seen));
    assert_eq!(world.ups, [0, 1]);
}

#[test]
fn who_is_not_to_run_holds_nobody_up() {
    let mut world = World::new(&[(Nature::Good, &[]), (Nature::Good, &[0])]);
    world.fleet.member_mut(0).expect("there").disabled = true;
    world.tell(Event::Begin(vec![0, 1]));
    world.settle();
    assert_eq!((world.ups, world.settled), (vec![1], Some(vec![])));
}

#[test]
fn every_command_does_what_it_says() {
    let mut world = World::booted(&[(Nature::Good, &[])]);
    let mut answer = |operation| world.answer(operation, 0);
    assert_eq!(answer(Operation::Up), Outcome::AlreadyUp);
    assert_eq!(answer(Operation::Restart), Outcome::Done);
    assert_eq!(answer(Operation::Reload), Outcome::Done);
    assert_eq!(answer(Operation::Enable), Outcome::NotDisabled);
    assert_eq!(answer(Operation::Supervise), Outcome::AlreadySupervised);
    assert_eq!(answer(Operation::Down), Outcome::Done);
    assert_eq!(answer(Operation::Down), Outcome::AlreadyDown);
    assert_eq!(answer(Operation::Restart), Outcome::IsDown);
    assert_eq!(answer(Operation::Reload), Outcome::NotRunning);
    assert_eq!(answer(Operation::Up), Outcome::Done);
    assert_eq!(answer(Operation::Unsupervise), Outcome::Done);
    for operation in
        [Operation::Unsupervise, Operation::Up, Operation::Down, Operation::Restart, Operation::Reload]
    {
        assert_eq!(answer(operation), Outcome::Unsupervised);
    }
    assert_eq!(answer(Operation::Supervise), Outcome::Done);
    assert_eq!(answer(Operation::Disable), Outcome::Done);
    for operation in
        [Operation::Up, Operation::Down, Operation::Restart, Operation::Supervise, Operation::Unsupervise]
    {
        assert_eq!(answer(operation), Outcome::Disabled);
    }
    assert_eq!(answer(Operation::Disable), Outcome::AlreadyDisabled);
    assert_eq!(answer(Operation::Enable), Outcome::Done);
    assert_eq!(answer(Operation::Up), Outcome::AlreadyUp);
    assert_eq!(world.answer(Operation::Up, 77), Outcome::NoSuchService);
    assert_eq!(world.marks, BTreeMap::from([(0, false)]));
}

#[test]
fn force_enables_and_supervises() {
    for operation in [Operation::Disable, Operation::Unsupervise, Operation::Down] {
        let mut world = World::booted(&[(Nature::Good, &[])]);
        assert_eq!(world.answer(operation, 0), Outcome::Done);
        let ticket = world.ask(Operation::Up, 0, true);
        world.settle();
        assert_eq!(world.replies[&ticket], [Outcome::Done], "{operation:?}");
        assert_eq!(world.seen[&0].phase, Phase::Up);
    }
}

#[test]
fn a_mark_that_cannot_be_written_leaves_the_service_as_it_is() {
    let mut world = World::booted(&[(Nature::Good, &[])]);
    world.marks_fail = true;
    assert_eq!(world.answer(Operation::Disable, 0), Outcome::Failed("disk full".to_owned()));
    assert_eq!((world.seen[&0].phase, world.answer(Operation::Restart, 0)), (Phase::Up, Outcome::Done));
}

#[test]
fn a_stop_that_takes_its_time_is_awaited_and_a_failing_start_is_told() {
    let mut world = World::booted(&[(Nature::Stubborn, &[]), (Nature::Crashing, &[]), (Nature::Late, &[])]);
    let down = world.ask(Operation::Down, 0, false);
    world.settle();
    assert!(!world.replies.contains_key(&down));
    world.wait(GRACE);
    assert_eq!(world.replies[&down], [Outcome::Done]);
    assert!(
        matches!(world.answer(Operation::Restart, 1), Outcome::Failed(why) if why.contains("tried again"))
    );
    let Outcome::Failed(why) = world.answer(Operation::Restart, 2) else { panic!("it is late") };
    assert!(why.contains("not ready within 2 s"), "{why}");
}

#[test]
fn a_later_command_overtakes_an_earlier_one_and_each_is_answered() {
    let mut world = World::booted(&[(Nature::Stubborn, &[])]);
    let down = world.ask(Operation::Down, 0, false);
    world.settle();
    let up = world.ask(Operation::Up, 0, false);
    assert_eq!(world.replies[&down], [Outcome::Overtaken]);
    world.wait(GRACE + 100);
    assert_eq!((&world.replies[&up][..], world.seen[&0].phase), (&[Outcome::Done][..], Phase::Up));
}

#[test]
fn a_supervisor_that_dies_is_replaced_whatever_is_wanted() {
    let mut world = World::booted(&[(Nature::Good, &[])]);
    world.kill_supervisor(0);
    assert!(world.supervised[&0]);
    assert!(world.said[0].contains("supervisor of 'p/s0' died"), "{:?}", world.said);
    // Dying over and over, it is replaced more slowly, but always.
    for _ in 0..20 {
        world.kill_supervisor(0);
        world.wait(1500);
        assert!(world.supervised[&0]);
    }
    // Also while its service is being stopped.
    let mut world = World::booted(&[(Nature::Stubborn, &[])]);
    let stop = world.ask(Operation::Unsupervise, 0, false);
    world.settle();
    world.kill_supervisor(0);
    world.wait(GRACE + 500);
    assert_eq!((&world.replies[&stop][..], world.supervised[&0]), (&[Outcome::Done][..], false));
}

#[test]
fn a_supervisor_that_cannot_live_is_tried_ever_more_slowly_one_that_is_killed_is_back_at_once() {
    for (exit, most) in [(Exit::Signal(9), 20), (Exit::Code(1), 1000), (Exit::Signal(11), 1000)] {
        let mut world = World::booted(&[(Nature::Good, &[])]);
        let mut longest = 0;
        for _ in 0..1000 {
            world.end_supervisor(0, exit);
            if let Some(at) = world.fleet.deadline() {
                longest = longest.max(at - world.now);
                world.now = at;
                world.tell(Event::Tick);
            }
            assert!(world.supervised[&0]);
        }
        assert_eq!(longest, most, "{exit}");
    }
}

#[test]
fn a_reload_that_died_with_the_supervisor_is_asked_of_the_next_one() {
    let mut world = World::booted(&[(Nature::Good, &[])]);
    world.reloads_hang = true;
    let ticket = world.ask(Operation::Reload, 0, false);
    world.kill_supervisor(0);
    assert_eq!((&world.reloads[..], world.replies.get(&ticket)), (&[ticket, ticket][..], None));
    world.tell(Event::Reloaded(ticket, Ok(())));
    assert_eq!(world.replies[&ticket], [Outcome::Done]);
    // Nobody is left to be asked.
    let ticket = world.ask(Operation::Reload, 0, false);
    assert_eq!(world.answer(Operation::Unsupervise, 0), Outcome::Done);
    assert_eq!(world.replies[&ticket], [Outcome::NotRunning]);
}

#[test]
fn everything_ends_in_the_reverse_order_within_the_budget() {
    let mut world = World::booted(&[
        (Nature::Good, &[]),
        (Nature::Good, &[0]),
        (Nature::Good, &[1]),
        (Nature::Good, &[]),
    ]);
    world.tell(Event::Stop(0));
    assert_eq!(world.leaves, [2, 3]);
    world.settle();
    assert_eq!((&world.leaves[..], world.exit), (&[2, 3, 1, 0][..], Some(0)));

    // A chain of services that take all their grace is cut short.
    let mut world = World::booted(&[
        (Nature::Stubborn, &[]),
        (Nature::Stubborn, &[0]),
        (Nature::Stubborn, &[1]),
        (Nature::Stubborn, &[2]),
    ]);
    let begin = world.now;
    let ticket = world.ask(Operation::Down, 0, false);
    world.tell(Event::Stop(7));
    assert_eq!(world.replies[&ticket], [Outcome::ShuttingDown]);
    world.wait(60_000);
    assert_eq!(world.exit, Some(7));
    assert!(world.now - begin <= BUDGET, "{} ms", world.now - begin);
}

#[test]
fn a_circle_can_be_stopped() {
    let mut world = World::booted(&[(Nature::Good, &[1]), (Nature::Good, &[0])]);
    // init breaks circles before; here they only must not hold up the rest.
    assert_eq!(world.settled, Some(vec![0, 1]));
    world.tell(Event::Stop(0));
    world.settle();
    assert_eq!(world.exit, Some(0));
}

#[test]
fn an_essential_service_takes_everything_with_it() {
    let mut world = World::booted(&[(Nature::Good, &[]), (Nature::Good, &[])]);
    let served = world.seen[&0].served;
    let over =
        Seen { phase: Phase::Over, served, failures: 0, alive: false, last_exit: Some(Exit::Signal(9)) };
    world.seen.insert(0, over);
    world.tell(Event::Seen(0, over));
    world.settle();
    assert_eq!(world.exit, Some(137));
    assert!(world.said[0].contains("'p/s0' is essential"), "{:?}", world.said);
}

#[test]
fn the_commands_exit_code_is_the_containers() {
    let mut world = World::booted(&[(Nature::Good, &[])]);
    world.tell(Event::CommandStarted);
    world.tell(Event::CommandEnded(Exit::Code(7)));
    world.settle();
    assert_eq!(world.exit, Some(7));
    // Asked to end from outside, it is waited for.
    let mut world = World::booted(&[(Nature::Good, &[])]);
    world.tell(Event::CommandStarted);
    world.tell(Event::Stop(0));
    world.settle();
    assert_eq!(world.exit, None);
    world.tell(Event::CommandEnded(Exit::Signal(15)));
    assert_eq!(world.exit, Some(143));
    // But not for ever.
    let mut world = World::booted(&[(Nature::Good, &[])]);
    world.tell(Event::CommandStarted);
    world.tell(Event::Stop(0));
    world.wait(BUDGET + 50);
    assert_eq!(world.exit, Some(0));
}

#[test]
fn a_removed_service_is_stopped_and_forgotten_and_its_number_is_used_again() {
    let mut world = World::booted(&[(Nature::Good, &[]), (Nature::Good, &[])]);
    world.tell(Event::Remove(0));
    assert_eq!(world.answer(Operation::Up, 0), Outcome::NoSuchService);
    world.settle();
    assert!(world.fleet.member(0).is_none());
    assert_eq!(world.fleet.add(Setting { name: "p/new".to_owned(), ..Setting::default() }), 0);
}

fn operation() -> impl Strategy<Value = Operation> {
    prop::sample::select(vec![
        Operation::Supervise,
        Operation::Unsupervise,
        Operation::Up,
        Operation::Down,
        Operation::Restart,
        Operation::Reload,
        Operation::Disable,
        Operation::Enable,
    ])
}

#[derive(Debug, Clone)]
enum Step {
    Ask(Operation, Id, bool),
    Kill(Id),
    Wait(Millis),
    Settle,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (operation(), 0usize..4, any::<bool>()).prop_map(|(operation, id, force)| Step::Ask(operation, id, force)),
        1 => (0usize..4).prop_map(Step::Kill),
        1 => (50u64..5000).prop_map(Step::Wait),
        3 => Just(Step::Settle),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    /// Whatever is asked for in whatever order, with supervisors dying: every command is answered once, the last wish counts,
    /// and everything ends in time.
    #[test]
    fn no_command_is_lost(
        natures in prop::collection::vec(prop::sample::select(vec![Nature::Good, Nature::Late, Nature::Crashing, Nature::Stubborn]), 4),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let services: Vec<(Nature, &[Id])> = natures.iter().zip([&[][..], &[0], &[0, 1], &[]]).map(|(n, a)| (*n, a)).collect();
        let mut world = World::booted(&services);
        for step in steps {
            match step {
                Step::Ask(operation, id, force) => {
                    world.ask(operation, id, force);
                }
                Step::Kill(id) if world.supervised.get(&id) == Some(&true) => world.kill_supervisor(id),
                Step::Kill(_) => {}
                Step::Wait(millis) => world.wait(millis),
                Step::Settle => world.settle(),
            }
        }
        world.wait(80_000);
        for ticket in 1..=world.tickets {
            prop_assert_eq!(world.replies.get(&ticket).map_or(0, Vec::len), 1, "the answers to {}", ticket);
        }
        for (id, member) in world.fleet.members() {
            let seen = world.seen.get(&id).copied().unwrap_or_default();
            let runs = member.is_watched() && member.wanted().aim == Aim::Up && natures[id] != Nature::Crashing;
            prop_assert_eq!(seen.alive, runs, "service {}", id);
            prop_assert!(!member.disabled || !member.is_watched());
        }
        let begin = world.now;
        world.tell(Event::Stop(3));
        world.wait(60_000);
        prop_assert_eq!(world.exit, Some(3));
        prop_assert!(world.now - begin <= BUDGET);
    }
}
