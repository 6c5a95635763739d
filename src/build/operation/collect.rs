//! What a store holds, and what of it the workspace's definitions need as they are now.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use medic_model::package::PackageDefinition;
use medic_model::{Arch, ComponentName, PackageName, Sha256};

use super::context::Context;
use super::{Machine, Results, packages, rebuild, stored};
use crate::component::{ResolvedSource, resolve};
use crate::definitions::Definitions;
use crate::error::BuildError;
use crate::fetch;
use crate::package::{self, BuiltPackage};
use crate::report::Reporter;
use crate::root;
use crate::sandbox::Bubblewrap;
use crate::settings::Settings;
use crate::store::gc::{Freed, Object, PackageFound, Pin, Plan, carry_out, survey as objects};
use crate::store::{Store, StoreError};

/// What a store holds. While this lives, nobody else uses the store.
#[derive(Debug)]
pub struct Survey {
    /// Everything that the builder keeps, with what is needed now pinned.
    pub objects: Vec<Object>,
    /// The packages that are needed now.
    pub packages: Vec<CurrentPackage>,
    store: Store,
}

/// A package in the store that is needed now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentPackage {
    /// Its name.
    pub name: PackageName,
    /// What it is for.
    pub arch: Arch,
    /// Its archive.
    pub archive: PathBuf,
    /// The archive's digest.
    pub sha256: Sha256,
    /// Whether the next build takes just this one. Else that cannot be known before something else is built, and this is the
    /// one that was used last.
    pub certain: bool,
}

/// Looks at everything in the store; waits until nobody uses it. Needed is what all packages and images of the workspace would be
/// built from or found as, for each architecture; where an action key cannot be known without building, the result that was used
/// last. And the sources of all recipes, the compiler and the build roots. Nothing is built, fetched or made.
///
/// # Errors
/// A definition is wrong: then nobody can say what is needed. The store cannot be read.
pub fn survey(settings: &Settings, reporter: &dyn Reporter) -> Result<Survey, BuildError> {
    survey_on(&Machine::own(&Bubblewrap), settings, reporter)
}

pub(super) fn survey_on(
    machine: &Machine<'_>,
    settings: &Settings,
    reporter: &dyn Reporter,
) -> Result<Survey, BuildError> {
    let definitions = Definitions::new(&settings.workspace);
    let wanted = wanted(settings, &definitions)?;
    let mut needed = sources(settings, &definitions)?;
    let mut store = Store::open_alone(&settings.store, &settings.command_line, reporter)?;
    let mut found = objects(&store)?;
    if machine.root.is_none() {
        let roots = definitions.build_roots()?;
        for name in roots.roots.keys() {
            needed.insert(root::place_of(&store, &roots, name)?);
        }
    }
    let mut current = Vec::new();
    for arch in Arch::ALL {
        let settings = Settings { arch, ..settings.clone() };
        let context =
            Context::looking(machine, &settings, packages::graph(&settings, &wanted)?, store, reporter)?;
        let results = stored(&context)?;
        needed.extend(components(&context, &results)?);
        for definition in &wanted {
            current.extend(package(&context, definition, &results, &found.packages)?);
        }
        store = context.store;
    }
    needed.extend(current.iter().filter_map(|package| package.archive.parent()).map(Path::to_owned));
    for object in found.objects.iter_mut().filter(|object| needed.contains(&object.path)) {
        object.pin = Some(Pin::Needed);
    }
    Ok(Survey { objects: found.objects, packages: current, store })
}

impl Survey {
    /// Removes what a plan over this store says.
    ///
    /// # Errors
    /// As [`carry_out`].
    pub fn carry_out(&self, plan: &Plan) -> Result<Freed, StoreError> {
        carry_out(plan, &self.store)
    }
}

/// Every package of the workspace, but those that are built on demand only and no image names.
fn wanted(settings: &Settings, definitions: &Definitions) -> Result<Vec<PackageDefinition>, BuildError> {
    let mut names: BTreeSet<PackageName> = definitions.usual_package_names()?.into_iter().collect();
    for image in definitions.image_names()? {
        names.extend(definitions.image(&image)?.packages);
    }
    packages::wanted(settings, &names.into_iter().collect::<Vec<_>>())
}

/// The sources of every recipe, and the compiler's distributions.
fn sources(settings: &Settings, definitions: &Definitions) -> Result<BTreeSet<PathBuf>, BuildError> {
    let mut digests: BTreeSet<Sha256> =
        definitions.toolchain()?.sources.values().map(|source| source.sha256).collect();
    for name in definitions.recipe_names()? {
        let resolved = resolve(&definitions.recipe(&name)?, &settings.workspace)?;
        digests.extend(resolved.iter().flat_map(ResolvedSource::files).map(|file| file.sha256));
    }
    Ok(digests.iter().map(|digest| fetch::path_of(&settings.store, digest)).collect())
}

/// The records of the components' results, and the toolchain when there are any.
fn components(context: &Context<'_>, results: &Results) -> Result<BTreeSet<PathBuf>, BuildError> {
    let newest = rebuild::newest(context)?;
    let mut needed = BTreeSet::new();
    for name in context.graph.order() {
        let record = match results.get(name) {
            Some(done) => Some(&done.record),
            None if is_known(context, name, results) => None,
            None => newest.get(name),
        };
        needed.extend(record.map(|record| context.store.layout().result(&record.key)));
    }
    if !needed.is_empty() {
        needed.extend(context.toolchain.places(&context.store, context.settings.arch));
    }
    Ok(needed)
}

/// Whether a component's action key can be known without building anything.
fn is_known(context: &Context<'_>, name: &ComponentName, results: &Results) -> bool {
    context.has_root(name) && context.graph.closure(name).iter().all(|need| results.contains_key(*need))
}

/// The archive of a package that the next build takes; where that cannot be known, the one that was used last.
fn package(
    context: &Context<'_>,
    definition: &PackageDefinition,
    results: &Results,
    found: &[PackageFound],
) -> Result<Option<CurrentPackage>, BuildError> {
    let current = |built: &BuiltPackage, certain| CurrentPackage {
        name: definition.name.clone(),
        arch: context.settings.arch,
        archive: built.archive.clone(),
        sha256: built.sha256,
        certain,
    };
    let linked = packages::linked(context, definition);
    if definition.components.iter().chain(linked).all(|name| results.contains_key(name)) {
        let source = packages::source(context, definition, results);
        let built = package::seen(&source, &context.store, context.reporter)?;
        return Ok(built.map(|built| current(&built, true)));
    }
    let same = |found: &&PackageFound| {
        let manifest = &found.package.manifest;
        manifest.name == *definition.installed_name() && manifest.arch == context.settings.arch
    };
    let newest = found.iter().filter(same).max_by_key(|found| found.used);
    Ok(newest.map(|found| current(&found.package, false)))
}
