//! A recipe for another version: its sources fetched on first trust, its text changed in place.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use fs_err as fs;
use medic_model::recipe::Location;
use medic_model::{ComponentName, Date, Sha256, Version};
use medic_sys::files::sync_path;

use super::UpkeepError;
use super::carry::{carries, moved};
use super::edit::{Edit, edit};
use super::outdated::place_of;
use super::pinned::{Pinned, PinnedSource};
use super::released::newest_file;
use super::survey::{Indexes, Offer, Survey, survey};
use crate::definitions::DefinitionError;
use crate::error::BuildError;
use crate::fetch::ask::{Asker, First};
use crate::fetch::{Limits, Reason};
use crate::report::{Event, Reporter};
use crate::settings::Settings;
use crate::store::Store;

/// A document for another version. Nothing is written yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bump {
    /// What is changed.
    pub name: ComponentName,
    /// Its document, relative to the workspace.
    pub file: String,
    /// The version that it has.
    pub from: Version,
    /// The version that it gets.
    pub to: Version,
    /// The sources that become others.
    pub sources: Vec<BumpedSource>,
    /// The day of the new release; none when it is not known, and then what stands there stays.
    pub released: Option<Date>,
    /// The text as it is.
    pub before: String,
    /// The text as it is to be.
    pub after: String,
}

/// A source that becomes another file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BumpedSource {
    /// The digest that it had.
    pub old: Sha256,
    /// The digest that it gets.
    pub sha256: Sha256,
    /// Bytes.
    pub size: u64,
    /// Every place that gave these bytes.
    pub places: Vec<String>,
    /// Locations that gave nothing: they are changed all the same.
    pub failed: Vec<Failed>,
}

/// A location that gave nothing, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The location, for people.
    pub place: String,
    /// Why.
    pub reason: String,
}

/// How many versions are named when another was asked for.
const NAMED: usize = 8;

/// Works out what a document says for another version, and fetches the sources of that version into the store.
///
/// # Errors
/// [`UpkeepError`]: the version is nowhere, or two locations give different files. Nothing is changed.
pub fn bump(
    settings: &Settings,
    name: &ComponentName,
    to: &Version,
    reporter: &dyn Reporter,
) -> Result<Bump, BuildError> {
    let pinned = Pinned::read(&settings.workspace, name)?;
    if pinned.version == *to {
        let (file, version) = (pinned.file, to.to_string());
        return Err(UpkeepError::Same { file, version }.into());
    }
    // Held while files are put into it.
    let _store = Store::open(&settings.store, &settings.command_line, reporter)?;
    let (events, cancel) = (|event| reporter.report(Event::Fetch(event)), AtomicBool::new(false));
    let limits = Limits::default();
    let asker = Asker::new(&settings.store, &settings.access, &limits, &events, &cancel)?;
    let mover = Mover { asker: &asker, indexes: Indexes::default(), pinned: &pinned, to };
    let (mut sources, mut edits, mut days) = (Vec::new(), vec![pinned.set_version(to)], Vec::new());
    edits.extend(pinned.set_purl(to));
    let version = pinned.version.upstream();
    for source in &pinned.sources {
        // A commit alone says nothing of a version: it moves only where nothing else does.
        let plain = |location: &Location| !matches!(location, Location::Git(_)) && carries(location, version);
        let only_git = source.file.locations.iter().all(|location| matches!(location, Location::Git(_)));
        if source.file.locations.iter().any(plain) || only_git {
            let (bumped, changes, day) = mover.source(source)?;
            sources.push(bumped);
            edits.extend(changes);
            days.extend(day);
        }
    }
    if sources.is_empty() {
        let (file, version) = (pinned.file.clone(), version.to_owned());
        return Err(UpkeepError::NoVersion { file, version }.into());
    }
    let released = days.into_iter().max();
    edits.extend(released.and_then(|day| pinned.set_released(day)));
    let after =
        edit(&pinned.text, &edits).map_err(|error| UpkeepError::Edit { file: pinned.file.clone(), error })?;
    pinned.check(&after).map_err(DefinitionError::from)?;
    Ok(Bump {
        name: name.clone(),
        file: pinned.file.clone(),
        from: pinned.version.clone(),
        to: to.clone(),
        sources,
        released: pinned.released.and(released),
        before: pinned.text.clone(),
        after,
    })
}

/// Writes the changed document: aside, made durable, renamed.
///
/// # Errors
/// It is not what it was when the bump was worked out; it cannot be written.
pub fn write(workspace: &Path, bump: &Bump) -> Result<(), BuildError> {
    let path = workspace.join(&bump.file);
    let failed = |source| UpkeepError::Write { file: bump.file.clone(), source };
    if fs::read_to_string(&path).map_err(failed)? != bump.before {
        return Err(UpkeepError::Changed(bump.file.clone()).into());
    }
    put(&path, &bump.after).map_err(failed)?;
    Ok(())
}

/// Writes a text aside, with the permissions of what it takes the place of, and renames it.
pub(crate) fn put(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let folder = path.parent().unwrap_or(path);
    let mut aside = tempfile::Builder::new().prefix(".recipe-").tempfile_in(folder)?;
    aside.write_all(text.as_bytes())?;
    let permissions = match fs::metadata(path) {
        Ok(meta) => meta.permissions(),
        Err(_) => std::os::unix::fs::PermissionsExt::from_mode(0o644),
    };
    aside.as_file().set_permissions(permissions)?;
    aside.as_file().sync_all()?;
    aside.persist(path).map_err(|error| error.error)?;
    sync_path(folder).map_err(std::io::Error::other)
}

/// Moves sources to another version.
struct Mover<'a> {
    asker: &'a Asker<'a>,
    indexes: Indexes,
    pinned: &'a Pinned,
    to: &'a Version,
}

/// A location of a source, as it is to be.
struct Moved {
    location: Location,
    given: Result<First, Failed>,
    /// What the registry says of the day.
    released: Option<Date>,
    /// Other versions that were seen on the way.
    known: Vec<Version>,
}

impl Mover<'_> {
    fn source(&self, source: &PinnedSource) -> Result<(BumpedSource, Vec<Edit>, Option<Date>), BuildError> {
        let file = || self.pinned.file.clone();
        let moved: Vec<Moved> =
            source.file.locations.iter().map(|old| self.location(source, old)).collect::<Result<_, _>>()?;
        let given: Vec<&First> = moved.iter().filter_map(|moved| moved.given.as_ref().ok()).collect();
        let failed: Vec<Failed> = moved.iter().filter_map(|moved| moved.given.clone().err()).collect();
        let Some(first) = given.first() else {
            let mut known: Vec<&Version> = moved.iter().flat_map(|moved| &moved.known).collect();
            known.sort();
            known.dedup();
            let known = known.iter().rev().take(NAMED).map(ToString::to_string).collect();
            return Err(
                UpkeepError::Absent { file: file(), version: self.to.to_string(), failed, known }.into()
            );
        };
        if let Some(other) = given.iter().find(|other| other.sha256 != first.sha256) {
            let shown = |one: &First| (one.place.clone(), one.sha256.to_string());
            return Err(
                UpkeepError::Differ { file: file(), first: shown(first), second: shown(other) }.into()
            );
        }
        let locations: Vec<Location> = moved.iter().map(|moved| moved.location.clone()).collect();
        let edits = source.set(&first.sha256.to_string(), &first.sha512.to_string(), &locations);
        let told = moved.iter().find_map(|moved| moved.released);
        let day = match told {
            Some(day) => Some(day),
            None => newest_file(&first.path, self.asker.scratch()?.path()),
        };
        let places = given.iter().map(|first| first.place.clone()).collect();
        let old = source.file.sha256;
        Ok((BumpedSource { old, sha256: first.sha256, size: first.size, places, failed }, edits, day))
    }

    /// One location for the new version: by its spelling, else by what there is; and what it gives.
    fn location(&self, source: &PinnedSource, old: &Location) -> Result<Moved, BuildError> {
        let (from, to) = (self.pinned.version.upstream(), self.to.upstream());
        let registry = matches!(old, Location::Pypi(_) | Location::Npm(_) | Location::Crate(_));
        let spelt = moved(old, from, to);
        // A registry tells the day too, so it is asked in any case.
        let mut asked = registry.then(|| self.survey(old));
        let mut reason = None;
        if let Some(location) = &spelt {
            match self.asker.first(location, source.file.max_size)? {
                Ok(first) => {
                    let released =
                        asked.and_then(Result::ok).and_then(|survey| self.offer(&survey)?.released);
                    let location = location.clone();
                    return Ok(Moved { location, given: Ok(first), released, known: Vec::new() });
                }
                Err(failed) => reason = Some(failed),
            }
        }
        let survey = asked.take().unwrap_or_else(|| self.survey(old));
        let known = |survey: &Survey| survey.offers.iter().map(|offer| offer.version.clone()).collect();
        let absent = |location: Location, reason: Reason, known| {
            let given = Err(Failed { place: place_of(&location), reason: reason.to_string() });
            Moved { location, given, released: None, known }
        };
        let at = spelt.clone().unwrap_or_else(|| old.clone());
        let survey = match survey {
            Ok(survey) => survey,
            Err(failed) => return Ok(absent(at, reason.unwrap_or(failed), Vec::new())),
        };
        let Some(offer) = self.offer(&survey).filter(|offer| Some(&offer.location) != spelt.as_ref()) else {
            return Ok(absent(at, reason.unwrap_or(Reason::Absent), known(&survey)));
        };
        Ok(match self.asker.first(&offer.location, source.file.max_size)? {
            Ok(first) => Moved {
                location: offer.location.clone(),
                given: Ok(first),
                released: offer.released,
                known: Vec::new(),
            },
            Err(failed) => absent(offer.location.clone(), failed, known(&survey)),
        })
    }

    fn survey(&self, old: &Location) -> Result<Survey, Reason> {
        survey(self.asker, &self.indexes, old, &self.pinned.version)
    }

    fn offer<'s>(&self, survey: &'s Survey) -> Option<&'s Offer> {
        survey.offers.iter().find(|offer| offer.version.as_str() == self.to.upstream())
    }
}
