//! The promises of [`super::Machine`], checked three ways: by example, over every reachable state of a small world, and
//! over random long lives.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

const PLAIN: Policy = Policy { grace: 5000, ready_within: None, oneshot: false, essential: false };
const CHECKED: Policy = Policy { ready_within: Some(3000), ..PLAIN };
const ONESHOT: Policy = Policy { oneshot: true, ..PLAIN };
const ESSENTIAL: Policy = Policy { essential: true, ..PLAIN };
const POLICIES: [Policy; 5] =
    [PLAIN, CHECKED, ONESHOT, ESSENTIAL, Policy { oneshot: true, ready_within: Some(3000), ..PLAIN }];

/// The processes of a service, as the kernel has them, beside the machine that decides.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    machine: Machine,
    now: Millis,
    main: bool,
    left: bool,
    published: Past,
    generation: u32,
    /// The supervisor has ended, as was wanted.
    gone: bool,
    /// How the next starts end: none is well.
    start_fails: Option<bool>,
}

impl World {
    fn new(policy: Policy) -> Self {
        let past = Past { clean: true, ..Past::default() };
        let machine = Machine::new(policy, Wanted::default(), past, 1, 0, &mut Vec::new());
        Self {
            machine,
            now: 0,
            main: false,
            left: false,
            published: past,
            generation: 0,
            gone: false,
            start_fails: None,
        }
    }

    /// Carries out actions as the loop does, and checks what must hold.
    fn act(&mut self, mut actions: Vec<Action>) -> Vec<Action> {
        let mut at = 0;
        while let Some(action) = actions.get(at).copied() {
            at += 1;
            match action {
                Action::Start => {
                    assert!(!self.main && !self.left, "a second copy is started: {self:?}");
                    assert!(!self.gone, "started after the supervisor left");
                    self.published = self.machine.past();
                    let event = match self.start_fails {
                        None => {
                            self.main = true;
                            Event::Started
                        }
                        Some(transient) => Event::StartFailed { transient },
                    };
                    self.machine.step(self.now, event, &mut actions);
                }
                Action::Kill => {
                    (self.main, self.left) = (self.main, self.left || self.main);
                    // The kill is on its way; whoever is left is still seen once.
                    let left = self.left;
                    self.left = false;
                    self.machine.step(self.now, Event::Left(left), &mut actions);
                }
                Action::Look => self.machine.step(self.now, Event::Left(self.left), &mut actions),
                Action::Leave => {
                    assert!(!self.main && !self.left, "it leaves something behind: {self:?}");
                    self.gone = true;
                }
                Action::Check | Action::EndChecks | Action::Stop | Action::SayLate => {}
            }
        }
        self.check();
        actions
    }

    fn check(&self) {
        let machine = &self.machine;
        assert_eq!(machine.alive, self.main, "{self:?}");
        let stops = matches!(machine.state, State::Stopping { .. } | State::Killing { .. });
        let deadline = machine.deadline().filter(|at| *at <= self.now + machine.policy.grace.max(LOOK.1));
        assert!(!stops || deadline.is_some(), "a stop without a deadline: {self:?}");
        assert!(machine.state != State::Launching, "a start without its answer: {self:?}");
        if matches!(machine.phase(), Phase::Up | Phase::Starting | Phase::Late) {
            assert!(self.main, "it does not run: {self:?}");
        }
    }

    fn step(&mut self, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        self.machine.step(self.now, event, &mut actions);
        self.act(actions)
    }

    fn want(&mut self, aim: Aim) -> Vec<Action> {
        self.generation += 1;
        self.step(Event::Wanted(Wanted { generation: self.generation, aim }))
    }

    fn end(&mut self, success: bool, left: bool) -> Vec<Action> {
        self.main = false;
        self.left = left;
        self.step(Event::Ended { success, left })
    }

    /// On to the next deadline; false when there is none.
    fn wait(&mut self) -> bool {
        let Some(at) = self.machine.deadline() else { return false };
        self.now = self.now.max(at);
        self.step(Event::Tick);
        true
    }

    /// The supervisor is killed, and another one takes over. `publishes`: it had published its last standing before.
    fn replace(&mut self, publishes: bool, ended_meanwhile: Option<bool>) {
        let mut past = if publishes { self.machine.past() } else { self.published };
        if let (true, Some(success)) = (self.main, ended_meanwhile) {
            self.main = false;
            past.succeeded = success;
        }
        past.alive = self.main;
        let wanted = self.machine.wanted;
        let mut actions = Vec::new();
        self.machine = Machine::new(self.machine.policy, wanted, past, 1, self.now, &mut actions);
        self.act(actions);
    }

    /// From now on the service does as it should: is what is wanted reached, and how long does it take?
    fn reaches_what_is_wanted(&self) -> Result<Millis, String> {
        let mut world = self.clone();
        world.start_fails = None;
        let began = world.now;
        for _ in 0..200 {
            if world.is_as_wanted() {
                return Ok(world.now - began);
            }
            match world.machine.state {
                // A process that was killed ends; one that was asked to, does not, until it is killed.
                State::Killing { .. } if world.main => {
                    world.end(false, false);
                }
                State::Running { ready: false, .. } if world.machine.policy.oneshot => {
                    world.end(true, false);
                }
                State::Running { ready: false, .. } => {
                    world.step(Event::Ready);
                }
                _ => {
                    if !world.wait() {
                        return Err(format!("nothing more happens: {world:?}"));
                    }
                }
            }
        }
        Err(format!("it does not get there: {world:?}"))
    }

    fn is_as_wanted(&self) -> bool {
        match self.machine.wanted.aim {
            Aim::Down => !self.main && !self.left && self.machine.phase() == Phase::Down,
            Aim::Up => {
                matches!(self.machine.phase(), Phase::Up | Phase::Done | Phase::Over)
                    && self.machine.served == self.generation
            }
            Aim::Leave | Aim::LeaveNow => self.gone,
        }
    }

    /// The same world, told apart from others only by what can matter later.
    fn normal(&self) -> Self {
        let mut world = self.clone();
        let now = world.now;
        // Over, about to be, soon, later: what matters is what comes first.
        let relative = |at: Millis| match at.saturating_sub(now) {
            0 => 0,
            1..=50 => 50,
            51..=1000 => 1000,
            _ => 5000,
        };
        let machine = &mut world.machine;
        machine.state = match machine.state {
            State::Waiting { until } => State::Waiting { until: relative(until) },
            State::Running { ready, ready_by } => State::Running { ready, ready_by: ready_by.map(relative) },
            State::Stopping { kill_at, look_at } => {
                State::Stopping { kill_at: relative(kill_at), look_at: relative(look_at) }
            }
            State::Killing { again_at, pause } => {
                State::Killing { again_at: relative(again_at), pause: pause.min(10) }
            }
            other => other,
        };
        if let Some(Next::Retry { at }) = &mut machine.next {
            *at = relative(*at);
        }
        machine.since = Millis::from(now - machine.since >= STABLE);
        machine.starts = machine.starts.min(1);
        machine.failures = machine.failures.min(3);
        machine.random = 1;
        world.published =
            Past { since: 0, wait_until: 0, starts: world.published.starts.min(1), ..world.published };
        world.published.failures = world.published.failures.min(3);
        world.now = 0;
        world
    }

    /// Every world that may come next.
    fn successors(&self, wishes: u32) -> Vec<World> {
        let mut next = Vec::new();
        let mut then = |change: &dyn Fn(&mut World)| {
            let mut world = self.clone();
            change(&mut world);
            next.push(world);
        };
        if self.gone {
            return next;
        }
        then(&|world| {
            world.wait();
        });
        for publishes in [false, true] {
            for ended in [None, Some(false), Some(true)] {
                then(&|world| world.replace(publishes, ended));
            }
        }
        if self.generation < wishes {
            for aim in [Aim::Up, Aim::Down, Aim::Leave, Aim::LeaveNow] {
                then(&|world| {
                    world.want(aim);
                });
            }
        }
        if self.main {
            for (success, left) in [(false, false), (false, true), (true, false), (true, true)] {
                then(&|world| {
                    world.end(success, left);
                });
            }
            for event in [Event::Ready, Event::NotLive] {
                then(&|world| {
                    world.step(event);
                });
            }
        } else if self.left {
            then(&|world| {
                world.left = false;
                world.step(Event::Left(false));
            });
        }
        for fails in [None, Some(false), Some(true)] {
            then(&|world| world.start_fails = fails);
        }
        then(&|world| world.published = world.machine.past());
        next
    }
}

#[test]
fn every_reachable_state_keeps_the_promises() {
    let mut total = 0;
    for policy in POLICIES {
        let mut known = HashSet::new();
        let mut open = vec![World::new(policy)];
        while let Some(world) = open.pop() {
            if !known.insert(world.normal()) {
                continue;
            }
            if !world.gone {
                let time =
                    world.reaches_what_is_wanted().unwrap_or_else(|why| panic!("{why}\nfrom {world:?}"));
                // A wait of at most 30 s, a stop with its grace, a kill, a start.
                assert!(time <= 30_000 + 2 * policy.grace + 10_000, "{time} ms from {world:?}");
            }
            open.extend(world.successors(3));
        }
        total += known.len();
    }
    println!("{total} states");
    assert!(total > 50_000, "the search has hardly begun: {total} states");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn a_long_random_life_keeps_the_promises(
        policy in prop::sample::select(&POLICIES[..]),
        choices in prop::collection::vec((any::<prop::sample::Index>(), 0u64..100_000), 1..200),
    ) {
        let mut world = World::new(policy);
        for (choice, pause) in choices {
            world.now += if pause % 3 == 0 { pause } else { 0 };
            let next = world.successors(u32::MAX);
            if next.is_empty() {
                break;
            }
            world = next[choice.index(next.len())].clone();
        }
        if !world.gone {
            prop_assert!(world.reaches_what_is_wanted().is_ok());
        }
    }
}

#[test]
fn a_first_failure_is_repaired_at_once_and_later_ones_wait_longer_and_longer() {
    let mut world = World::new(PLAIN);
    world.want(Aim::Up);
    assert_eq!((world.machine.phase(), world.main), (Phase::Up, true));
    world.end(false, false);
    assert_eq!((world.machine.phase(), world.machine.starts, world.now), (Phase::Up, 2, 0));
    let mut waits = Vec::new();
    for _ in 0..12 {
        let before = world.now;
        world.end(false, false);
        assert_eq!(world.machine.phase(), Phase::Waiting);
        world.wait();
        waits.push(world.now - before);
    }
    for (n, wait) in waits.iter().enumerate() {
        let plain = (100 << n).min(24_000);
        assert!((plain..=plain + plain / 4).contains(wait), "wait {n} is {wait} ms");
    }
}

#[test]
fn a_crash_loop_starts_ten_times_in_thirty_seconds_and_still_tries_after_ten_minutes() {
    let mut world = World::new(PLAIN);
    world.want(Aim::Up);
    let mut starts = vec![0];
    while world.now <= 600_000 {
        if world.main {
            world.end(false, false);
        } else {
            world.wait();
        }
        if world.main {
            starts.push(world.now);
        }
    }
    let early = starts.iter().filter(|at| **at <= 30_000).count();
    assert!((8..=10).contains(&early), "{early} starts in 30 s");
    assert!(starts.last().expect("some") > &570_000, "the last start was at {:?}", starts.last());
}

#[test]
fn a_minute_of_good_service_is_a_clean_slate() {
    let mut world = World::new(PLAIN);
    world.want(Aim::Up);
    for _ in 0..6 {
        world.end(false, false);
        if !world.main {
            world.wait();
        }
    }
    world.now += STABLE - 1;
    let mut brief = world.clone();
    brief.end(false, false);
    assert_eq!(brief.machine.phase(), Phase::Waiting);
    world.now += 1;
    world.end(false, false);
    assert_eq!((world.machine.phase(), world.machine.failures), (Phase::Up, 1));
}

#[test]
fn a_stop_waits_for_descendants_and_then_kills() {
    let mut world = World::new(PLAIN);
    world.want(Aim::Up);
    assert_eq!(world.want(Aim::Down), [Action::EndChecks, Action::Stop]);
    assert_eq!(world.machine.deadline(), Some(5000));
    // The service itself ends, and leaves somebody who writes to disk: there is time for that.
    world.end(true, true);
    assert_eq!(world.machine.phase(), Phase::Stopping);
    world.now = 4999;
    assert_eq!(world.step(Event::Tick), [Action::Look]);
    world.now = 5000;
    assert!(world.step(Event::Tick).contains(&Action::Kill));
    while world.machine.phase() != Phase::Down {
        assert!(world.wait());
    }
    assert!(world.now <= 5100, "{}", world.now);
}

#[test]
fn what_an_unexpected_end_leaves_is_killed_before_the_next_start() {
    let mut world = World::new(PLAIN);
    world.want(Aim::Up);
    let actions = world.end(false, true);
    let position = |wanted| actions.iter().position(|action| *action == wanted);
    assert!(position(Action::Kill).is_some() && position(Action::Start).is_none());
    world.wait();
    assert_eq!(world.machine.phase(), Phase::Up);
}

#[test]
fn a_service_that_is_not_ready_in_time_is_late_goes_on_and_may_become_ready() {
    let mut world = World::new(CHECKED);
    world.want(Aim::Up);
    assert_eq!((world.machine.phase(), world.machine.deadline()), (Phase::Starting, Some(3000)));
    world.now = 3000;
    assert_eq!(world.step(Event::Tick), [Action::SayLate]);
    assert_eq!((world.machine.phase(), world.machine.deadline(), world.main), (Phase::Late, None, true));
    world.step(Event::Ready);
    assert_eq!(world.machine.phase(), Phase::Up);
}

#[test]
fn a_oneshot_is_done_an_essential_service_is_over() {
    let mut world = World::new(ONESHOT);
    world.want(Aim::Up);
    assert_eq!((world.machine.phase(), world.machine.deadline()), (Phase::Starting, None));
    world.end(true, false);
    assert_eq!((world.machine.phase(), world.machine.deadline()), (Phase::Done, None));
    world.want(Aim::Up);
    assert_eq!(world.machine.phase(), Phase::Starting, "asked again, it does its work again");
    world.end(false, false);
    assert_eq!(world.machine.starts, 3, "a failure is tried again");
    let mut world = World::new(ESSENTIAL);
    world.want(Aim::Up);
    world.end(true, false);
    assert_eq!(world.machine.phase(), Phase::Over);
}

#[test]
fn a_machine_without_processes_to_spare_is_tried_again_within_a_second() {
    let mut world = World::new(PLAIN);
    world.start_fails = Some(true);
    world.want(Aim::Up);
    for _ in 0..50 {
        let before = world.now;
        world.wait();
        assert!(world.now - before < 1000);
    }
    assert_eq!(world.machine.failures, 0, "it is not the service's fault");
    world.start_fails = None;
    world.wait();
    assert_eq!(world.machine.phase(), Phase::Up);
}

#[test]
fn an_adopted_service_is_not_started_again_and_can_be_stopped() {
    let mut world = World::new(CHECKED);
    world.want(Aim::Up);
    world.step(Event::Ready);
    let since = world.machine.since;
    world.now = 500;
    world.replace(true, None);
    assert_eq!((world.machine.phase(), world.machine.starts, world.machine.since), (Phase::Up, 1, since));
    // Killed between the start and the next publication: it still is known what it was started for.
    let mut world = World::new(PLAIN);
    world.want(Aim::Up);
    world.replace(false, None);
    assert_eq!((world.machine.phase(), world.main), (Phase::Up, true));
    world.want(Aim::Down);
    world.end(false, false);
    assert_eq!(world.machine.phase(), Phase::Down);
}

#[test]
fn an_older_wish_does_not_undo_a_newer_one() {
    let mut world = World::new(PLAIN);
    world.want(Aim::Up);
    world.want(Aim::Up);
    world.step(Event::Wanted(Wanted { generation: 1, aim: Aim::Down }));
    assert_eq!(world.machine.wanted.aim, Aim::Up);
}
