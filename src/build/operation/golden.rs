//! What packages are now, for the record of golden digests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use medic_model::golden::{Golden, GoldenEntry};
use medic_model::package::PackageDefinition;
use medic_model::recipe::Step;
use medic_model::{Arch, ComponentName, PackageName, RelPath, Sha256};
use medic_sys::files::write_durable;
use serde::Serialize;

use super::context::Context;
use super::{Machine, build_whole_on};
use crate::component::ResolvedSource;
use crate::definitions::Definitions;
use crate::error::BuildError;
use crate::key::{BUILDER_FORMAT, FileInput, SourceInput, digest_of};
use crate::package::{PackageInput, package_input};
use crate::report::Reporter;
use crate::sandbox::{self, environment::environment};
use crate::settings::Settings;

/// Raised when definitions come to be digested differently.
const FORMAT: u32 = 1;

/// Everything in the workspace that a package's archive is made from, and the toolchain. What an action key has beside it is
/// not here: build roots, whose Debian packages move on, and tests, which change no result.
#[derive(Debug, Serialize)]
struct Definition<'a> {
    format: u32,
    builder: u32,
    arch: Arch,
    toolchain: Sha256,
    components: BTreeMap<&'a ComponentName, ComponentDefinition<'a>>,
    package: PackageInput<'a>,
}

/// A component of a package, or one that is needed for it.
#[derive(Debug, Serialize)]
struct ComponentDefinition<'a> {
    epoch: u64,
    root: &'a str,
    sources: Vec<SourceInput>,
    patches: Vec<FileInput>,
    files: Vec<FileInput>,
    needs: Vec<&'a ComponentName>,
    environment: BTreeMap<String, String>,
    steps: &'a [Step],
    licence_files: &'a [RelPath],
}

/// Builds packages, or finds them in the store, and says what each is now; all packages of the workspace when `names` is empty.
///
/// # Errors
/// As [`super::build_packages`].
pub fn golden_entries(
    settings: &Settings,
    names: &[PackageName],
    reporter: &dyn Reporter,
) -> Result<Vec<(PackageName, GoldenEntry)>, BuildError> {
    golden_entries_on(&Machine::own(&*sandbox::runner(settings)), settings, names, reporter)
}

pub(crate) fn golden_entries_on(
    machine: &Machine<'_>,
    settings: &Settings,
    names: &[PackageName],
    reporter: &dyn Reporter,
) -> Result<Vec<(PackageName, GoldenEntry)>, BuildError> {
    let all = if names.is_empty() {
        Definitions::new(&settings.workspace).usual_package_names()?
    } else {
        names.to_vec()
    };
    let whole = build_whole_on(machine, settings, &all, reporter)?;
    let entry = |(package, made_from): (&crate::BuiltPackage, &super::MadeFrom)| {
        let entry = GoldenEntry {
            version: package.manifest.version.clone(),
            archive: package.sha256,
            definition: made_from.definition,
            roots: made_from.roots,
        };
        (package.name.clone(), entry)
    };
    Ok(whole.packages.iter().zip(&whole.made_from).map(entry).collect())
}

impl Context<'_> {
    /// The digest of all that a package is made from.
    pub(super) fn definition(
        &self,
        package: &PackageDefinition,
        source: &crate::package::Source<'_>,
    ) -> Result<Sha256, BuildError> {
        let mut components = BTreeMap::new();
        for name in self.made_from(package) {
            components.insert(name, self.component_definition(name)?);
        }
        Ok(digest_of(&Definition {
            format: FORMAT,
            builder: BUILDER_FORMAT,
            arch: self.settings.arch,
            toolchain: self.toolchain.identity,
            components,
            package: package_input(source)?,
        }))
    }

    /// The digest of the build roots that a package's components were made in.
    pub(super) fn roots_of(&self, package: &PackageDefinition) -> Sha256 {
        let roots: BTreeMap<&str, Sha256> = (self.made_from(package).into_iter())
            .map(|name| (self.graph.recipe(name).root.as_str(), self.root(name).identity))
            .collect();
        digest_of(&roots)
    }

    fn made_from<'a>(&'a self, package: &'a PackageDefinition) -> Vec<&'a ComponentName> {
        let own = package.components.iter();
        own.flat_map(|name| self.graph.closure(name).into_iter().chain([name])).collect()
    }

    fn component_definition<'a>(
        &'a self,
        name: &ComponentName,
    ) -> Result<ComponentDefinition<'a>, BuildError> {
        let recipe = self.graph.recipe(name);
        Ok(ComponentDefinition {
            epoch: recipe.released.epoch(),
            root: &recipe.root,
            sources: self.sources[name].iter().map(ResolvedSource::input).collect(),
            patches: self.files(name, "patches", &recipe.patches)?,
            files: self.files(name, "files", &recipe.files)?,
            needs: recipe.needs.iter().collect(),
            environment: environment(recipe, self.settings.arch, &self.graph.closure(name)),
            steps: &recipe.steps,
            licence_files: &recipe.licence_files,
        })
    }
}

/// Where a workspace keeps its golden digests.
pub fn golden_file(workspace: &Path) -> PathBuf {
    workspace.join("packages/golden.yaml")
}

/// Writes a workspace's golden digests.
///
/// # Errors
/// The disk; then the file is as it was.
pub fn write_golden(workspace: &Path, golden: &Golden) -> Result<(), BuildError> {
    let written = write_durable(&golden_file(workspace), golden.to_yaml().as_bytes(), 0o644);
    Ok(written.map_err(crate::store::StoreError::from)?)
}
