//! All checks, in one table: what docs/checks.md, `cargo xtask lint --list` and `--explain` are made from.

use super::check::{Check, Exceptions, Level, Looks};
use super::{
    build_paths, content, exceptions, hardening, licences, linking, links, names, secrets, stripped, walk,
};
use crate::lint::rules;

/// The checks on what was built, by what they look at.
pub static BUILT: [&Check; 22] = [
    &walk::OUTSIDE,
    &walk::SPECIAL,
    &walk::BAD_NAME,
    &walk::SETUID,
    &walk::WORLD_WRITABLE,
    &links::LEAVING,
    &links::BROKEN,
    &names::CASE,
    &content::DAMAGED,
    &linking::WRONG_ARCH,
    &linking::DYNAMIC,
    &linking::NEEDED,
    &stripped::UNSTRIPPED,
    &stripped::DEBUG_INFO,
    &hardening::NO_PIE,
    &hardening::NO_RELRO,
    &hardening::EXECUTABLE_STACK,
    &hardening::WRITABLE_CODE,
    &hardening::TEXT_RELOCATIONS,
    &build_paths::BUILD_PATH,
    &secrets::SECRET,
    &licences::MISSING,
];

/// Those on exceptions themselves.
pub static ON_EXCEPTIONS: [&Check; 2] = [&exceptions::STALE, &exceptions::UNKNOWN];

/// Every check and every rule for definitions.
pub fn all() -> impl Iterator<Item = &'static Check> {
    BUILT.iter().chain(&ON_EXCEPTIONS).chain(rules::ALL).copied()
}

/// The check of this name.
pub fn find(id: &str) -> Option<&'static Check> {
    all().find(|check| check.id == id)
}

/// The check on exceptions that nothing needs.
pub fn stale() -> &'static Check {
    &exceptions::STALE
}

/// The check whose name is most like a word.
pub fn nearest(word: &str) -> Option<String> {
    crate::definitions::nearest(word, all().map(|check| check.id.to_owned()))
}

/// One check, explained.
pub fn explain(check: &Check) -> String {
    let exception = match check.exceptions {
        Exceptions::Allowed => match check.looks {
            Looks::AtDefinitions => {
                format!("exceptions: [{{check: {}, reason: \"…\"}}] in the recipe", check.id)
            }
            Looks::AtPackage => {
                format!("exceptions: [{{check: {}, path: …, reason: \"…\"}}] in package.yaml", check.id)
            }
            Looks::AtSteps | Looks::AtTree => {
                format!("exceptions: [{{check: {}, path: …, reason: \"…\"}}] in the recipe", check.id)
            }
        },
        Exceptions::Never(why) => format!("none is possible: {why}"),
    };
    let level = match check.level {
        Level::Error => "an error",
        Level::Warning => "a warning",
    };
    format!(
        "{}: {}\n\nWhy it matters: {}\n\nWhat to do: {}\n\nException: {exception}\n\nWhen: {}; {level}.\n",
        check.id,
        check.title,
        check.why,
        check.mend,
        when(check.looks)
    )
}

/// When a check looks, for people.
pub fn when(looks: Looks) -> &'static str {
    match looks {
        Looks::AtSteps => "after a component's steps",
        Looks::AtTree => "after a component's steps, and when it is packed",
        Looks::AtPackage => "when a package is packed",
        Looks::AtDefinitions => "cargo xtask lint",
    }
}
