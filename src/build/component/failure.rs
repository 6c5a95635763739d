//! What is told of a step that failed.

use std::path::Path;

use medic_model::ComponentName;

use super::output::OutputError;
use crate::error::{BuildError, FailureCause, StepFailure};
use crate::log::tail;
use crate::sandbox::Ending;

/// What the look at the result is called, which is no step of the recipe.
pub const CHECK: &str = "check the result";
/// How many lines of the log are shown.
const LINES: usize = 30;
/// What programs say when there is no network.
const NO_NETWORK: [&str; 9] = [
    "Could not resolve",
    "Couldn't resolve",
    "Network is unreachable",
    "Temporary failure in name resolution",
    "Temporary failure resolving",
    "Name or service not known",
    "bad address",
    "No address associated with hostname",
    "unable to resolve host",
];

/// What programs say when there is no space.
const NO_SPACE: [&str; 2] = ["No space left on device", "Disk quota exceeded"];

/// What patch says when a patch does not apply.
const NO_FIT: [&str; 2] = ["FAILED at", "with fuzz"];

/// The failure of a step.
pub fn of_step(
    component: &ComponentName,
    name: &str,
    ending: Ending,
    log: &Path,
    work: &Path,
) -> FailureCause {
    let tail = tail(log, LINES);
    if let Some(message) = sandbox_message(&tail) {
        return BuildError::Environment { what: "making a sandbox".to_owned(), message }.into();
    }
    let hint = hint(&tail, ending);
    let disk_is_full = mentions(&tail, &NO_SPACE);
    FailureCause::Step(Box::new(StepFailure {
        component: component.clone(),
        step: name.to_owned(),
        ending: ending.to_string(),
        tail,
        log: log.to_owned(),
        work: work.to_owned(),
        hint,
        disk_is_full,
    }))
}

/// The failure of what the steps made; the disk's is the store's.
pub fn of_output(component: &ComponentName, error: OutputError, log: &Path, work: &Path) -> FailureCause {
    match error {
        OutputError::Store(error) => error.into(),
        error => FailureCause::Step(Box::new(StepFailure {
            component: component.clone(),
            step: CHECK.to_owned(),
            ending: format!("failed: {error}"),
            tail: Vec::new(),
            log: log.to_owned(),
            work: work.to_owned(),
            hint: None,
            disk_is_full: false,
        })),
    }
}

/// What bubblewrap says when it cannot make the sandbox: then no step was run.
fn sandbox_message(tail: &[String]) -> Option<String> {
    let last = tail.last()?;
    let says = last
        .strip_prefix("bwrap: ")
        .filter(|says| !says.starts_with("execvp") && !says.starts_with("Can't chdir"))?;
    Some(format!("bwrap says: {says}"))
}

fn mentions(tail: &[String], words: &[&str]) -> bool {
    tail.iter().any(|line| words.iter().any(|word| line.contains(word)))
}

fn hint(tail: &[String], ending: Ending) -> Option<String> {
    let says = |words: &[&str]| mentions(tail, words);
    if says(&NO_NETWORK) {
        Some(
            "build steps have no network: declare what is to be fetched under 'sources', with its digest"
                .to_owned(),
        )
    } else if says(&NO_SPACE) {
        Some(
            "the disk of the store is full: free some space there, or set MEDIC_OS_STORE to a larger one"
                .to_owned(),
        )
    } else if says(&NO_FIT) {
        Some(
            "the patch does not fit these sources exactly, and no fuzz is allowed: make it again for this version".to_owned(),
        )
    } else if says(&["fork: Resource temporarily unavailable", "annot fork", "an't fork"]) {
        Some("a step may run so many processes and no more (docs/sandbox.md)".to_owned())
    } else if says(&["Read-only file system"]) {
        Some("only /build and /tmp can be written: install into $DESTDIR$PREFIX".to_owned())
    } else if ending == Ending::Status(127) {
        Some(
            "a program is not there: if the build root lacks it, add its Debian package in recipes/build-roots.yaml"
                .to_owned(),
        )
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint_of(line: &str, status: i32) -> Option<String> {
        hint(&["some line".to_owned(), line.to_owned()], Ending::Status(status))
    }

    #[test]
    fn what_the_log_gives_away_is_said() {
        for line in [
            "curl: (6) Could not resolve host: example.org",
            "connect: Network is unreachable",
            "wget: bad address 'example.org'",
            "fatal: unable to access 'https://x/': Temporary failure in name resolution",
        ] {
            assert!(hint_of(line, 1).is_some_and(|hint| hint.contains("no network")), "{line}");
        }
        assert!(hint_of("sh: cmake: not found", 127).is_some_and(|hint| hint.contains("build-roots.yaml")));
        assert!(hint_of("cp: /usr/x: Read-only file system", 1).is_some_and(|hint| hint.contains("DESTDIR")));
        assert!(
            hint_of("cc: No space left on device", 1).is_some_and(|hint| hint.contains("MEDIC_OS_STORE"))
        );
        assert!(hint_of("Hunk #1 FAILED at 2.", 1).is_some_and(|hint| hint.contains("no fuzz")));
        assert!(hint_of("sh: 3: Cannot fork", 2).is_some_and(|hint| hint.contains("processes")));
        assert_eq!(hint_of("error: expected ';'", 1), None);
    }

    #[test]
    fn a_sandbox_that_cannot_be_made_is_no_failed_step() {
        let says = |line: &str| sandbox_message(&[line.to_owned()]);
        assert!(says("bwrap: No permissions to create new namespace").is_some());
        assert_eq!(says("bwrap: execvp /bin/sh: No such file or directory"), None);
        assert_eq!(
            says("bwrap: Can't chdir to /build/src: No such file or directory"),
            None,
            "a step removed it"
        );
        assert_eq!(says("make: bwrap: command not found"), None);
    }
}
