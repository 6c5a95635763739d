//! What happens before services start: one step after the other, each with a time limit, the first failure ends it.

use super::Millis;

/// One step: a program that must end with 0 in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What errors call it: `nginx/setup/20-certificate`.
    pub name: String,
    /// Its time limit.
    pub within: Millis,
}

/// Where the sequence stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stand {
    Ready,
    Running {
        until: Millis,
    },
    /// Its time is over, it has been killed, and its end is awaited.
    Overdue,
    Ended,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Start this step; [`Event::Ended`] or [`Event::NotStarted`] follows some time.
    Run(usize),
    /// Kill the step that runs, with all its descendants.
    Kill,
    /// All is done.
    Done,
    /// This step has failed, and why.
    Failed(usize, String),
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The sequence begins.
    Begin,
    /// The step could not be started, and why.
    NotStarted(String),
    /// The step has ended: none for success, else how.
    Ended(Option<String>),
    /// Time has passed.
    Tick,
}

/// A sequence of steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    steps: Vec<Step>,
    at: usize,
    stand: Stand,
}

impl Sequence {
    /// These steps, none of them begun.
    pub fn new(steps: Vec<Step>) -> Self {
        Self { steps, at: 0, stand: Stand::Ready }
    }

    /// Takes what has happened; gives what is to be done.
    pub fn step(&mut self, now: Millis, event: Event) -> Option<Action> {
        match (event, &self.stand) {
            (Event::Begin, Stand::Ready) => Some(self.next(now)),
            (Event::NotStarted(why), Stand::Running { .. }) => Some(self.fail(why)),
            (Event::Ended(None), Stand::Running { .. }) => {
                self.at += 1;
                Some(self.next(now))
            }
            (Event::Ended(Some(how)), Stand::Running { .. }) => Some(self.fail(how)),
            (Event::Ended(_), Stand::Overdue) => {
                let within = self.steps[self.at].within;
                Some(self.fail(format!("not done within {} s, and was killed", within / 1000)))
            }
            (Event::Tick, Stand::Running { until }) if *until <= now => {
                self.stand = Stand::Overdue;
                Some(Action::Kill)
            }
            _ => None,
        }
    }

    /// When [`Event::Tick`] is wanted.
    pub fn deadline(&self) -> Option<Millis> {
        match self.stand {
            Stand::Running { until } => Some(until),
            _ => None,
        }
    }

    fn next(&mut self, now: Millis) -> Action {
        match self.steps.get(self.at) {
            Some(step) => {
                self.stand = Stand::Running { until: now + step.within };
                Action::Run(self.at)
            }
            None => {
                self.stand = Stand::Ended;
                Action::Done
            }
        }
    }

    fn fail(&mut self, why: String) -> Action {
        self.stand = Stand::Ended;
        Action::Failed(self.at, why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(count: usize) -> Sequence {
        Sequence::new((0..count).map(|i| Step { name: format!("step {i}"), within: 1000 }).collect())
    }

    #[test]
    fn steps_run_one_after_the_other() {
        let mut boot = sequence(2);
        assert_eq!(boot.step(0, Event::Begin), Some(Action::Run(0)));
        assert_eq!(boot.deadline(), Some(1000));
        assert_eq!(boot.step(10, Event::Ended(None)), Some(Action::Run(1)));
        assert_eq!(boot.step(20, Event::Ended(None)), Some(Action::Done));
        assert_eq!((boot.deadline(), boot.step(30, Event::Ended(None))), (None, None));
        assert_eq!(sequence(0).step(0, Event::Begin), Some(Action::Done));
    }

    #[test]
    fn the_first_failure_ends_it() {
        let mut boot = sequence(3);
        boot.step(0, Event::Begin);
        boot.step(1, Event::Ended(None));
        assert_eq!(
            boot.step(2, Event::Ended(Some("exit code 1".to_owned()))),
            Some(Action::Failed(1, "exit code 1".to_owned()))
        );
        assert_eq!(boot.step(3, Event::Tick), None);
    }

    #[test]
    fn a_step_that_takes_too_long_is_killed_and_has_failed_even_if_it_ends_well() {
        let mut boot = sequence(1);
        boot.step(0, Event::Begin);
        assert_eq!(boot.step(999, Event::Tick), None);
        assert_eq!(boot.step(1000, Event::Tick), Some(Action::Kill));
        assert_eq!(boot.step(1001, Event::Tick), None);
        let Some(Action::Failed(0, why)) = boot.step(1002, Event::Ended(None)) else {
            panic!("it has failed");
        };
        assert!(why.contains("not done within 1 s"), "{why}");
    }
}
