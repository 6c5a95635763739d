//! Which newer versions there are.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use medic_model::recipe::Location;
use medic_model::{ComponentName, Date, Version};

use super::bump::Failed;
use super::carry::carries;
use super::pinned::{Pinned, TOOLCHAIN};
use super::survey::{Indexes, Offer, Survey, survey};
use crate::definitions::Definitions;
use crate::error::BuildError;
use crate::fetch::ask::Asker;
use crate::fetch::{Limits, Reason};
use crate::report::{Event, Reporter};
use crate::settings::Settings;

/// A component with the newest version that could be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// The component; `toolchain` for the compiler.
    pub name: ComponentName,
    /// The version that it has.
    pub present: Version,
    /// How it stands.
    pub state: State,
    /// The newest version, where one was found.
    pub newest: Option<Finding>,
    /// The newest one of the same series: that has the same first two numbers, such as 3.5 of 3.5.7.
    pub in_series: Option<Finding>,
    /// Locations that do not have the present version any more.
    pub gone: Vec<String>,
    /// Locations at which nothing could be looked up.
    pub failed: Vec<Failed>,
}

/// A version, and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The version.
    pub version: Version,
    /// Where, for people.
    pub place: String,
    /// The day it was put there, where that is told.
    pub released: Option<Date>,
}

/// How a component stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// There is nothing newer.
    Current,
    /// There is a newer version.
    Outdated,
    /// Nothing could be looked up.
    Unknown,
    /// It has no sources that could have other versions: it is of this workspace, or of the build root.
    Own,
}

/// Looks for newer versions of components, all recipes' and the toolchain's when `names` is empty; in the order of names. What cannot be
/// looked up is said in its own line and stops nothing.
///
/// # Errors
/// A definition is wrong; the store's disk.
pub fn outdated(
    settings: &Settings,
    names: &[ComponentName],
    reporter: &dyn Reporter,
) -> Result<Vec<Lookup>, BuildError> {
    let names = if names.is_empty() { all(settings)? } else { names.to_vec() };
    let pinned = names.into_iter().collect::<BTreeSet<_>>().into_iter();
    let pinned: Vec<(ComponentName, Pinned)> = pinned
        .map(|name| Pinned::read(&settings.workspace, &name).map(|pinned| (name, pinned)))
        .collect::<Result<_, _>>()?;
    let questions: Vec<Question<'_>> =
        pinned.iter().flat_map(|(name, pinned)| questions(name, pinned)).collect();
    let (events, cancel) = (|event| reporter.report(Event::Fetch(event)), AtomicBool::new(false));
    let limits = Limits { client_stall: std::time::Duration::from_secs(60), ..Limits::default() };
    let asker = Asker::new(&settings.store, &settings.access, &limits, &events, &cancel)?;
    let answers = ask_all(&asker, &questions);
    Ok(pinned.iter().map(|(name, pinned)| lookup(name, pinned, &questions, &answers)).collect())
}

fn all(settings: &Settings) -> Result<Vec<ComponentName>, BuildError> {
    let mut names = Definitions::new(&settings.workspace).recipe_names()?;
    names.extend(TOOLCHAIN.parse::<ComponentName>().ok());
    Ok(names)
}

/// One location of one component.
struct Question<'a> {
    name: &'a ComponentName,
    location: &'a Location,
    version: &'a Version,
}

fn questions<'a>(name: &'a ComponentName, pinned: &'a Pinned) -> Vec<Question<'a>> {
    let version = &pinned.version;
    let all = pinned.sources.iter().flat_map(|source| &source.file.locations);
    let mut locations: Vec<&Location> = all
        .filter(|location| !matches!(location, Location::Path(_)) && carries(location, version.upstream()))
        .collect();
    locations.dedup();
    locations.into_iter().map(|location| Question { name, location, version }).collect()
}

fn ask_all(asker: &Asker<'_>, questions: &[Question<'_>]) -> Vec<Option<Result<Survey, Reason>>> {
    let (indexes, next) = (Indexes::default(), AtomicUsize::new(0));
    let answers: Mutex<Vec<Option<Result<Survey, Reason>>>> =
        Mutex::new(questions.iter().map(|_| None).collect());
    let worker = || {
        while let Some((index, question)) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            questions.get(index).map(|question| (index, question))
        } {
            let answer = survey(asker, &indexes, question.location, question.version);
            if let (Err(Reason::Connect(_)), Location::Url(url)) = (&answer, question.location) {
                asker.give_up_host(url);
            }
            answers.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(answer);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..asker.workers().min(questions.len()) {
            scope.spawn(worker);
        }
    });
    answers.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn lookup(
    name: &ComponentName,
    pinned: &Pinned,
    questions: &[Question<'_>],
    answers: &[Option<Result<Survey, Reason>>],
) -> Lookup {
    let (mut surveys, mut failed, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    for (question, answer) in questions.iter().zip(answers).filter(|(question, _)| question.name == name) {
        match answer {
            Some(Ok(survey)) => {
                if survey.gone == Some(true) {
                    gone.push(place_of(question.location));
                }
                surveys.push(survey);
            }
            Some(Err(reason)) => {
                failed.push(Failed { place: place_of(question.location), reason: reason.to_string() });
            }
            None => {}
        }
    }
    let present = &pinned.version;
    let newest = newest(&surveys, present, |_| true);
    let series = |version: &Version| version.numbers().into_iter().take(2).collect::<Vec<_>>();
    let in_series = self::newest(&surveys, present, |version| series(version) == series(present));
    let state = match &newest {
        Some(finding) if finding.version > upstream(present) => State::Outdated,
        _ if !surveys.is_empty() => State::Current,
        _ if failed.is_empty() => State::Own,
        _ => State::Unknown,
    };
    Lookup { name: name.clone(), present: present.clone(), state, newest, in_series, gone, failed }
}

/// A version without our own revision: upstream has none.
fn upstream(version: &Version) -> Version {
    version.upstream().parse().unwrap_or_else(|_| version.clone())
}

/// The newest version that was found; a pre-release only where the present one is one.
fn newest(surveys: &[&Survey], present: &Version, of: impl Fn(&Version) -> bool) -> Option<Finding> {
    let pre_releases = present.is_pre_release();
    let all = surveys.iter().flat_map(|survey| survey.offers.iter().map(move |offer| (offer, &survey.place)));
    let wanted = |(offer, _): &(&Offer, &String)| {
        (pre_releases || !(offer.pre_release || offer.version.is_pre_release())) && of(&offer.version)
    };
    let (offer, place) = all.filter(wanted).max_by(|(one, _), (other, _)| one.version.cmp(&other.version))?;
    Some(Finding { version: offer.version.clone(), place: place.clone(), released: offer.released })
}

/// A location, for people.
pub(super) fn place_of(location: &Location) -> String {
    match location {
        Location::Url(url) => crate::fetch::shown(url),
        Location::Debian(path) => format!("Debian mirror: {path}"),
        Location::Pypi(file) => format!("Python package index: {}", file.file),
        Location::Npm(package) => format!("npm registry: {}@{}", package.name, package.version),
        Location::Crate(package) => format!("crate registry: {} {}", package.name, package.version),
        Location::Git(tree) => format!("git: {} {}", crate::fetch::shown(&tree.url), tree.commit),
        Location::Path(path) => format!("file {path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survey_of(versions: &[&str]) -> Survey {
        let offer = |version: &&str| Offer {
            version: version.parse().expect("a version"),
            location: Location::Url(format!("https://x.example/{version}")),
            released: None,
            pre_release: false,
        };
        Survey { offers: versions.iter().map(offer).collect(), gone: None, place: "there".to_owned() }
    }

    #[test]
    fn a_pre_release_is_proposed_to_a_pre_release_only() {
        let survey = survey_of(&["1.0", "1.1", "2.0-rc1", "0.9", "1.0.7"]);
        let told = |present: &str| {
            let present = present.parse().expect("a version");
            newest(&[&survey], &present, |_| true).expect("found").version.to_string()
        };
        assert_eq!(told("1.0"), "1.1");
        assert_eq!(told("2.0-beta1"), "2.0-rc1");
        let series = newest(&[&survey], &"1.0.2".parse().expect("one"), |v| v.numbers().starts_with(&[1, 0]));
        assert_eq!(series.expect("found").version.to_string(), "1.0.7");
    }
}
