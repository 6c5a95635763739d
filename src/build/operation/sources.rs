//! Sources without a build: fetched into the store, or copied to a folder that serves as a mirror.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use medic_archive::digest;
use medic_model::recipe::FileSource;
use medic_model::{Arch, ComponentName, Sha256};
use medic_sys::files::sync_path;

use crate::component::{ResolvedSource, resolve};
use crate::definitions::Definitions;
use crate::error::BuildError;
use crate::fetch;
use crate::report::{Event, Reporter};
use crate::settings::Settings;
use crate::store::{Store, StoreError, make_folder};
use crate::toolchain::ToolchainPlan;

/// A source that is in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Its digest.
    pub sha256: Sha256,
    /// The components that it is a source of, sorted; none of them for the compiler.
    pub components: Vec<ComponentName>,
    /// Its file in the store.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
}

/// A file in a mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vendored {
    /// Its digest.
    pub sha256: Sha256,
    /// Where it is: `<folder>/sha256/<digest>`.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// Whether it was copied now; else it was there already, and was read and found right.
    pub fresh: bool,
}

/// Sees to it that the sources of components and of all that they need are in the store, and the compiler's distribution
/// for this machine; all recipes' when `names` is empty. In the order of their digests.
///
/// # Errors
/// A definition is wrong; sources are not to be had: then one error names all of them.
pub fn fetch_sources(
    settings: &Settings,
    names: &[ComponentName],
    reporter: &dyn Reporter,
) -> Result<Vec<Fetched>, BuildError> {
    let definitions = Definitions::new(&settings.workspace);
    let names = if names.is_empty() { definitions.recipe_names()? } else { names.to_vec() };
    let mut wanted: BTreeMap<Sha256, (FileSource, Vec<ComponentName>)> = BTreeMap::new();
    for (name, recipe) in definitions.recipes(names)? {
        let sources = resolve(&recipe, &settings.workspace)?;
        for file in sources.iter().flat_map(ResolvedSource::files) {
            let (_, components) = wanted.entry(file.sha256).or_insert_with(|| (file.clone(), Vec::new()));
            if !components.contains(&name) {
                components.push(name.clone());
            }
        }
    }
    let compiler = ToolchainPlan::new(&definitions, Arch::host())?.source;
    wanted.entry(compiler.sha256).or_insert_with(|| (compiler, Vec::new()));
    // Held while files are put into it.
    let _store = Store::open(&settings.store, &settings.command_line, reporter)?;
    let files: Vec<&FileSource> = wanted.values().map(|(file, _)| file).collect();
    let (_listening, cancel) = settings.cancel.listen();
    let paths = fetch::fetch_all(
        &files,
        &settings.store,
        &settings.access,
        &fetch::Limits::default(),
        &|event| reporter.report(Event::Fetch(event)),
        cancel,
    )?;
    let fetched =
        |((sha256, (_, components)), path): ((Sha256, (FileSource, Vec<ComponentName>)), PathBuf)| {
            let size = std::fs::metadata(&path).map_err(StoreError::from_io("look at", &path))?.len();
            Ok(Fetched { sha256, components, path, size })
        };
    wanted.into_iter().zip(paths).map(fetched).collect()
}

/// Fills a folder that serves as a mirror (`MEDIC_OS_MIRRORS`) with the sources of components, as [`fetch_sources`] gives
/// them. A file is written aside, made durable and renamed; one that is there with other bytes is replaced; others stay.
///
/// # Errors
/// As [`fetch_sources`]; the folder cannot be written.
pub fn vendor(
    settings: &Settings,
    names: &[ComponentName],
    folder: &Path,
    reporter: &dyn Reporter,
) -> Result<Vec<Vendored>, BuildError> {
    let fetched = fetch_sources(settings, names, reporter)?;
    let folder = folder.join("sha256");
    make_folder(&folder)?;
    let vendored = fetched.iter().map(|source| one(source, &folder)).collect::<Result<Vec<_>, _>>()?;
    sync_path(&folder).map_err(StoreError::from)?;
    Ok(vendored)
}

fn one(source: &Fetched, folder: &Path) -> Result<Vendored, StoreError> {
    let path = folder.join(source.sha256.to_string());
    let there = digest::of_file(&path).is_ok_and(|found| found.sha256 == source.sha256);
    if !there {
        copy(&source.path, &path, folder)?;
    }
    Ok(Vendored { sha256: source.sha256, path, size: source.size, fresh: !there })
}

/// A killed copy leaves nothing under the file's name: what is aside has another.
fn copy(from: &Path, to: &Path, folder: &Path) -> Result<(), StoreError> {
    let failed = |error: std::io::Error| StoreError::new("write", to, error);
    let mut aside = tempfile::Builder::new().prefix(".partial-").tempfile_in(folder).map_err(failed)?;
    let mut file = std::fs::File::open(from).map_err(StoreError::from_io("read", from))?;
    std::io::copy(&mut file, &mut aside).map_err(failed)?;
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o444);
    aside.as_file().set_permissions(everybody).map_err(failed)?;
    aside.as_file().sync_all().map_err(failed)?;
    aside.persist(to).map_err(|error| failed(error.error))?;
    Ok(())
}
