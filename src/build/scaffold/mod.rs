//! A first recipe for something that has none: its source fetched on first trust, looked into, and a text written that builds.
//!
//! | module | what it is for |
//! | --- | --- |
//! | `origin` | what a user wrote: an address, a file, a name in a registry |
//! | `inspect` | what an archive is, and what it says of itself |
//! | `licence` | the licence, as an SPDX expression |
//! | `npm` | the dependencies of an npm package |
//! | `steps` | the steps for each kind of project |
//! | `text` | the recipe's text |
//!
//! Nothing of what is fetched is ever run. What could not be found out stands in the text with the words `FILL IN`, and is listed.

mod inspect;
mod licence;
mod npm;
mod origin;
mod steps;
mod text;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use fs_err as fs;
use medic_archive::upstream::{self, Mtime, Options};
use medic_model::recipe::{Location, Recipe};
use medic_model::{ByteSize, ComponentName, Date};

pub use inspect::Kind;

use crate::definitions::{DefinitionError, Definitions};
use crate::error::{BuildError, ErrorKind};
use crate::fetch::Limits;
use crate::fetch::ask::{Asker, First};
use crate::report::{Event, Reporter};
use crate::settings::Settings;
use crate::store::Store;
use crate::upkeep;
use origin::Origin;

/// An archive larger than this is refused.
const MAX_ARCHIVE: ByteSize = ByteSize(512 << 20);
/// More than this is not unpacked to be looked into.
const MAX_UNPACKED: u64 = 4 << 30;

/// Why there is no first recipe.
#[derive(Debug, thiserror::Error)]
pub enum ScaffoldError {
    /// There is a recipe, or something else of that name.
    #[error("recipes/{0} is there already: nothing was written. Another name, or remove it first")]
    Exists(ComponentName),
    /// What the user wrote is no place.
    #[error("{0}")]
    Origin(String),
    /// A source is not to be had.
    #[error("'{origin}' could not be had: {reason}")]
    Source {
        /// What was asked for.
        origin: String,
        /// Why.
        reason: String,
    },
    /// It is no archive, or one that is refused.
    #[error("'{origin}' cannot be looked into: {error}")]
    Archive {
        /// What was asked for.
        origin: String,
        /// Why.
        error: Box<upstream::UnpackError>,
    },
    /// It is of no known kind.
    #[error(
        "'{origin}' has neither configure, configure.ac, CMakeLists.txt, Makefile nor package.json in its top folder, but: {}.{} Write the recipe by hand: docs/recipes.md",
        names.join(", "), hint(names)
    )]
    Kind {
        /// What was asked for.
        origin: String,
        /// What is in its top folder.
        names: Vec<String>,
    },
    /// Its dependencies cannot be told.
    #[error("the dependencies of '{origin}' cannot be told: {reason}")]
    Dependencies {
        /// What was asked for.
        origin: String,
        /// Why.
        reason: String,
    },
    /// It cannot be written.
    #[error("{file} cannot be written: {source}")]
    Write {
        /// The recipe.
        file: String,
        /// Why.
        source: std::io::Error,
    },
}

fn hint(names: &[String]) -> &'static str {
    let has = |name: &str| names.iter().any(|other| other == name);
    match () {
        () if has("meson.build") => " Meson is not known: a build root with it is needed.",
        () if has("Cargo.toml") => " A Cargo project is built as recipes/medic-os is.",
        () => "",
    }
}

impl ScaffoldError {
    /// Which kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Exists(_) | Self::Origin(_) | Self::Kind { .. } => ErrorKind::Definition,
            Self::Source { .. } | Self::Archive { .. } | Self::Dependencies { .. } => ErrorKind::Fetch,
            Self::Write { .. } => ErrorKind::Store,
        }
    }
}

impl From<ScaffoldError> for BuildError {
    fn from(error: ScaffoldError) -> Self {
        Self::Scaffold(Box::new(error))
    }
}

/// A first recipe. Nothing is written yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The component.
    pub name: ComponentName,
    /// Its recipe, relative to the workspace.
    pub file: String,
    /// The recipe's text.
    pub text: String,
    /// How it is built.
    pub kind: Kind,
    /// What was fetched: the archive first.
    pub sources: Vec<First>,
    /// What is to be filled in by hand.
    pub gaps: Vec<Gap>,
    /// What else is to be known.
    pub notes: Vec<String>,
}

/// A line of the text with something that could not be found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// From 1.
    pub line: usize,
    /// What is to be filled in.
    pub what: String,
}

/// Works out a first recipe for a component from an archive of it.
///
/// # Errors
/// [`ScaffoldError`]; the store's disk.
pub fn draft(
    settings: &Settings,
    name: &ComponentName,
    from: &str,
    reporter: &dyn Reporter,
) -> Result<Draft, BuildError> {
    let file = format!("recipes/{name}/recipe.yaml");
    if fs::symlink_metadata(settings.workspace.join(format!("recipes/{name}"))).is_ok() {
        return Err(ScaffoldError::Exists(name.clone()).into());
    }
    let origin = origin::read(from, &settings.workspace).map_err(ScaffoldError::Origin)?;
    // Held while files are put into it.
    let _store = Store::open(&settings.store, &settings.command_line, reporter)?;
    let (events, cancel) = (|event| reporter.report(Event::Fetch(event)), AtomicBool::new(false));
    let limits = Limits::default();
    let asker = Asker::new(&settings.store, &settings.access, &limits, &events, &cancel)?;
    let (origin, first, told) = fetch(&asker, from, origin)?;
    let scratch = asker.scratch()?;
    let (folder, strip) = unpack(from, &first, scratch.path())?;
    let found = inspect::inspect(&folder, matches!(origin.location, Location::Npm(_)));
    let Some(kind) = found.kind else {
        return Err(ScaffoldError::Kind { origin: from.to_owned(), names: found.names }.into());
    };
    let (mut dependencies, mut programs, mut notes) = (Vec::new(), BTreeMap::new(), Vec::new());
    if kind == Kind::Npm {
        let cannot = |reason: String| ScaffoldError::Dependencies { origin: from.to_owned(), reason };
        let lock = npm::lock(&asker, &folder, scratch.path()).map_err(|reason| cannot(reason.to_string()))?;
        dependencies = npm::fetch(&asker, npm::dependencies(&lock).map_err(cannot)?)?;
        programs = npm::programs(&fs::read(folder.join("package.json")).unwrap_or_default());
        let wants = dependencies.iter().map(|one| &one.dependency).filter(|one| one.wants_script);
        notes.extend(wants.map(|one| {
            format!(
                "{} {} runs a script when npm installs it; here it does not: it may not work",
                one.package.name, one.package.version
            )
        }));
    }
    notes.extend(root_note(&settings.workspace, kind)?);
    let licence = licence::licence(&folder, &found);
    let released: Option<Date> = told.or_else(|| upkeep::newest_below(&folder));
    let parts = text::Parts {
        name,
        origin: &origin,
        first: &first,
        strip,
        kind,
        found: &found,
        licence: licence.as_ref(),
        released,
        dependencies: &dependencies,
        programs: &programs,
    };
    let text = text::write(&parts);
    Recipe::from_yaml(&file, &text).map_err(DefinitionError::from)?;
    let sources = [first].into_iter().chain(dependencies.into_iter().map(|one| one.file)).collect();
    Ok(Draft { name: name.clone(), file, gaps: text::gaps(&text), text, kind, sources, notes })
}

/// Writes a first recipe: its folder is made, and nothing is ever replaced.
///
/// # Errors
/// There is something of that name by now; the disk.
pub fn write(workspace: &Path, draft: &Draft) -> Result<(), BuildError> {
    let path = workspace.join(&draft.file);
    let folder = path.parent().unwrap_or(workspace);
    let failed = |source| ScaffoldError::Write { file: draft.file.clone(), source };
    match fs::create_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(ScaffoldError::Exists(draft.name.clone()).into());
        }
        made => made.map_err(failed)?,
    }
    upkeep::put(&path, &draft.text).map_err(failed)?;
    Ok(())
}

/// The archive; for a registry that tells more, with the file it really has and the day it was put there.
fn fetch(asker: &Asker<'_>, from: &str, origin: Origin) -> Result<(Origin, First, Option<Date>), BuildError> {
    let (mut origin, mut told) = (origin, None);
    if let (Location::Pypi(_) | Location::Npm(_) | Location::Crate(_), Some(version)) =
        (&origin.location, &origin.version)
        && let Ok(survey) = upkeep::survey(asker, &upkeep::Indexes::default(), &origin.location, version)
        && let Some(offer) = survey.offers.into_iter().find(|offer| offer.version == *version)
    {
        (origin.location, told) = (offer.location, offer.released);
    }
    match asker.first(&origin.location, MAX_ARCHIVE)? {
        Ok(first) => Ok((origin, first, told)),
        Err(reason) => {
            let (origin, reason) = (from.to_owned(), reason.to_string());
            Err(ScaffoldError::Source { origin, reason }.into())
        }
    }
}

/// Unpacks an archive to be looked into: the folder that is the source folder, and how many parts of names are dropped for that.
fn unpack(from: &str, first: &First, scratch: &Path) -> Result<(PathBuf, u32), BuildError> {
    let folder = scratch.join("unpacked");
    fs::create_dir(&folder)
        .map_err(|error| crate::store::StoreError::new("make the folder", &folder, error))?;
    let limits = upstream::Limits { size: MAX_UNPACKED, ..upstream::Limits::default() };
    let options = Options { strip: 0, mtime: Mtime::Member, limits };
    upstream::unpack(&first.path, &folder, &options)
        .map_err(|error| ScaffoldError::Archive { origin: from.to_owned(), error: Box::new(error) })?;
    let mut entries = fs::read_dir(&folder)
        .map_err(|error| crate::store::StoreError::new("read the folder", &folder, error))?
        .flatten();
    match (entries.next(), entries.next()) {
        (Some(only), None) if only.file_type().is_ok_and(|kind| kind.is_dir()) => Ok((only.path(), 1)),
        _ => Ok((folder.clone(), 0)),
    }
}

/// That the workspace has no build root for this kind.
fn root_note(workspace: &Path, kind: Kind) -> Result<Option<String>, BuildError> {
    let roots = Definitions::new(workspace).build_roots()?;
    let name = kind.root();
    let lacks = !roots.roots.contains_key(name);
    let needs = match kind {
        Kind::CMake => "cmake",
        Kind::Autoreconf => "autoconf, automake and libtool",
        Kind::Npm => "nodejs",
        Kind::Autotools | Kind::Configure | Kind::Make => "make",
    };
    Ok(lacks.then(|| {
        format!("recipes/build-roots.yaml has no root '{name}': add one, as 'c' is, with the Debian package {needs}")
    }))
}
