//! Exceptions: findings that are meant, with a reason; and exceptions that no finding needs any more.

use medic_model::{Arch, Exception};

use super::check::{Check, Exceptions, Finding, Level, Looks};
use super::table;

/// An exception that covers nothing.
pub static STALE: Check = Check {
    id: "stale-exception",
    title: "an exception that nothing needs",
    why: "What it was declared for is mended or gone. Left where it is, it would hide the next one without anybody deciding that.",
    mend: "Remove it. One that is needed for one architecture only says which: arch: arm64.",
    looks: Looks::AtTree,
    level: Level::Error,
    exceptions: Exceptions::Never("remove the one that nothing needs"),
};

/// An exception that cannot be one.
pub static UNKNOWN: Check = Check {
    id: "unknown-exception",
    title: "an exception from a check that does not exist, or allows none",
    why: "It covers nothing, and whoever wrote it believes that it does.",
    mend: "`cargo xtask lint --list` shows the checks; `cargo xtask lint --explain ID` says what to do in place of an exception.",
    looks: Looks::AtDefinitions,
    level: Level::Error,
    exceptions: Exceptions::Never("correct the name"),
};

/// Takes out what is meant, and adds exceptions that nothing needs. `looked` says which checks looked at all: an exception from
/// another one is not judged.
pub fn apply(
    findings: Vec<Finding>,
    exceptions: &[Exception],
    arch: Arch,
    looked: impl Fn(&Check) -> bool,
) -> Vec<Finding> {
    let exceptions: Vec<&Exception> = exceptions.iter().filter(|exception| exception.is_for(arch)).collect();
    let mut needed = vec![false; exceptions.len()];
    let mut left: Vec<Finding> = findings
        .into_iter()
        .filter(|finding| {
            let mut covered = false;
            for (exception, needed) in exceptions.iter().zip(&mut needed) {
                if is_covered(finding, exception) {
                    covered = true;
                    *needed = true;
                }
            }
            !covered
        })
        .collect();
    for (exception, _) in exceptions.iter().zip(needed).filter(|(_, needed)| !needed) {
        let check = exception.check.as_str();
        // One that is unknown can cover nothing, whoever looks.
        if table::find(check).is_none_or(&looked) {
            left.push(
                STALE
                    .finds(exception.path.as_str(), format!("nothing there is found by the check '{check}'")),
            );
        }
    }
    left.sort();
    left
}

/// Whether a finding is meant.
pub fn is_covered(finding: &Finding, exception: &Exception) -> bool {
    finding.check.exceptions == Exceptions::Allowed && exception.covers(finding.check.id, &finding.path)
}
