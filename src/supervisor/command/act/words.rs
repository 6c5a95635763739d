//! What is said about an outcome: the legacy system's words.

use crate::machine::fleet::{Operation, Outcome};

/// The words of an operation.
#[derive(Debug)]
pub struct Words {
    operation: Operation,
    /// `supervisor-start` and `-stop` have exit codes of their own.
    pub of_supervisors: bool,
    /// `Package 'p' has no services …`
    pub to_do: &'static str,
    verb: &'static str,
    doing: &'static str,
    done: &'static str,
}

/// What an outcome means for the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It was done.
    Done(String),
    /// It was so already, which is fine.
    Fine(String),
    /// It does not concern this service.
    Skipped(String),
    /// It failed.
    Failed(String),
}

impl Words {
    /// The words of this operation.
    pub fn of(operation: Operation) -> Self {
        let (of_supervisors, to_do, verb, doing, done) = match operation {
            Operation::Supervise => (true, "to start", "start supervisor for", "start", ""),
            Operation::Unsupervise => (true, "to stop", "stop supervisor for", "stop", ""),
            Operation::Up => (false, "to start", "start", "starting", "was started successfully"),
            Operation::Down => (false, "to stop", "shut down", "stopping", "was stopped successfully"),
            Operation::Restart => (false, "to restart", "restart", "restarting", "restarted successfully"),
            Operation::Reload => (false, "to reload", "reload", "reloading", "reloaded successfully"),
            Operation::Disable => (false, "to disable", "disable", "disabling", "was disabled successfully"),
            Operation::Enable => (false, "to enable", "enable", "enabling", "was enabled successfully"),
        };
        Self { operation, of_supervisors, to_do, verb, doing, done }
    }

    /// What the outcome for the service `name` means; `bare`: only the package was named.
    pub fn verdict(&self, name: &str, outcome: &Outcome, bare: bool, force: bool) -> Verdict {
        let text = self.text(name, outcome);
        match outcome {
            Outcome::Done => Verdict::Done(text),
            Outcome::AlreadyUp if force => Verdict::Fine(text),
            Outcome::AlreadyUp
            | Outcome::AlreadyDown
            | Outcome::IsDown
            | Outcome::Disabled
            | Outcome::AlreadyDisabled
            | Outcome::NotDisabled
            | Outcome::Unsupervised
            | Outcome::AlreadySupervised
            | Outcome::NotRunning
                if bare =>
            {
                Verdict::Skipped(format!("{}; skipping", text.replace(" currently ", " ")))
            }
            _ => Verdict::Failed(text),
        }
    }

    fn text(&self, name: &str, outcome: &Outcome) -> String {
        let service = |what: &str| format!("Service '{name}' {what}");
        match outcome {
            Outcome::Done => match self.operation {
                Operation::Supervise => format!("Supervisor started for service '{name}'"),
                Operation::Unsupervise => format!("Supervisor stopped for service '{name}'"),
                _ => service(self.done),
            },
            Outcome::AlreadyUp => service("is already up"),
            Outcome::AlreadyDown => service("is already down"),
            Outcome::IsDown => service("is stopped"),
            Outcome::Disabled => service("is currently disabled"),
            Outcome::AlreadyDisabled => service("is already disabled"),
            Outcome::NotDisabled => service("is not currently disabled"),
            Outcome::Unsupervised if self.of_supervisors => service("is already unsupervised"),
            Outcome::Unsupervised => format!("Supervisor is not running for '{name}'"),
            Outcome::AlreadySupervised => service("is already supervised"),
            Outcome::NotRunning => service("is not currently running"),
            Outcome::NoSuchService => service("doesn't exist"),
            Outcome::TimedOut(within) => service(&format!(
                "has not got there within {} s, and is still on its way",
                within.div_ceil(1000)
            )),
            Outcome::Failed(why) => format!("Service '{name}': {why}"),
            Outcome::Overtaken => service("was told otherwise by another command meanwhile"),
            Outcome::ShuttingDown => service("cannot be changed: everything is being ended"),
            Outcome::Busy => service("cannot be changed: too many commands wait; try again"),
        }
    }

    /// `Failed to restart service 'p/s'`
    pub fn failed(&self, name: &str) -> String {
        match self.operation {
            Operation::Reload => format!("Failed to reload configuration for '{name}'"),
            Operation::Supervise | Operation::Unsupervise => format!("Failed to {} '{name}'", self.verb),
            _ => format!("Failed to {} service '{name}'", self.verb),
        }
    }

    /// `Finished restarting services in package 'p'`
    pub fn finished(&self, package: &str, bare: bool) -> String {
        let which = if bare { "all services" } else { "all specified services" };
        match self.operation {
            Operation::Supervise => format!("Supervisor started for {which} in package '{package}'"),
            Operation::Unsupervise => format!("Supervisor stopped for {which} in package '{package}'"),
            _ => format!("Finished {} services in package '{package}'", self.doing),
        }
    }

    /// `Failed to restart one or more services in package 'p'`
    pub fn unfinished(&self, package: &str) -> String {
        match self.operation {
            Operation::Supervise | Operation::Unsupervise => {
                format!("Failed to {} one or more specified services", self.doing)
            }
            Operation::Down => format!("Failed to stop one or more services in package '{package}'"),
            _ => format!("Failed to {} one or more services in package '{package}'", self.verb),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_legacy_system() {
        let restart = Words::of(Operation::Restart);
        let verdict = |outcome, bare| restart.verdict("p/s", &outcome, bare, false);
        assert_eq!(
            verdict(Outcome::Done, false),
            Verdict::Done("Service 'p/s' restarted successfully".into())
        );
        assert_eq!(
            verdict(Outcome::IsDown, true),
            Verdict::Skipped("Service 'p/s' is stopped; skipping".into())
        );
        assert_eq!(
            verdict(Outcome::Disabled, true),
            Verdict::Skipped("Service 'p/s' is disabled; skipping".into())
        );
        assert_eq!(
            verdict(Outcome::Disabled, false),
            Verdict::Failed("Service 'p/s' is currently disabled".into())
        );
        assert_eq!(restart.failed("p/s"), "Failed to restart service 'p/s'");
        assert_eq!(restart.finished("p", true), "Finished restarting services in package 'p'");
        assert_eq!(restart.unfinished("p"), "Failed to restart one or more services in package 'p'");
        assert_eq!(Words::of(Operation::Reload).failed("p/s"), "Failed to reload configuration for 'p/s'");
    }

    #[test]
    fn force_makes_up_fine_and_nothing_else() {
        let up = Words::of(Operation::Up);
        assert!(matches!(up.verdict("p/s", &Outcome::AlreadyUp, false, true), Verdict::Fine(_)));
        assert!(matches!(up.verdict("p/s", &Outcome::AlreadyUp, false, false), Verdict::Failed(_)));
        assert!(matches!(up.verdict("p/s", &Outcome::AlreadyUp, true, false), Verdict::Skipped(_)));
        assert!(matches!(up.verdict("p/s", &Outcome::TimedOut(1), true, true), Verdict::Failed(_)));
    }
}
