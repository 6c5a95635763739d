//! From components to packages.

use std::collections::BTreeSet;

use medic_model::package::PackageDefinition;
use medic_model::recipe::FileSource;
use medic_model::{ComponentName, PackageName};

use super::Results;
use super::context::Context;
use crate::attest::{Evidence, Fetch, Made};
use crate::definitions::Definitions;
use crate::error::BuildError;
use crate::fetch::absent;
use crate::graph::Graph;
use crate::package::{BuiltPackage, Part, RECORD, Source, find, pack};
use crate::report::Event;
use crate::settings::Settings;

/// The definitions of these packages.
pub fn wanted(settings: &Settings, names: &[PackageName]) -> Result<Vec<PackageDefinition>, BuildError> {
    let definitions = Definitions::new(&settings.workspace);
    names.iter().map(|name| Ok(definitions.package(name)?)).collect()
}

/// The components of all these packages, and all that those need.
pub fn graph(settings: &Settings, packages: &[PackageDefinition]) -> Result<Graph, BuildError> {
    let definitions = Definitions::new(&settings.workspace);
    let mut recipes = std::collections::BTreeMap::new();
    for package in packages {
        recipes.extend(definitions.recipes_of(package)?);
    }
    Ok(Graph::new(recipes)?)
}

/// Packs each of them, in order. None when a tree that was to be packed turned out to be damaged: it has been removed, so the
/// component must be built again first.
pub fn pack_all(
    context: &Context<'_>,
    packages: &[PackageDefinition],
    results: &Results,
) -> Result<Option<Vec<BuiltPackage>>, BuildError> {
    packages.iter().map(|package| pack_one(context, package, results)).collect()
}

/// What a package is made of, given the results of all its components and what they need.
pub fn source<'a>(context: &'a Context<'_>, package: &'a PackageDefinition, results: &Results) -> Source<'a> {
    let part = |name| Part {
        recipe: context.graph.recipe(name),
        sources: &context.sources[name],
        tree: context.store.layout().tree(&results[name].record.tree),
        digest: results[name].record.tree,
    };
    Source {
        definition: package,
        folder: context.definitions.package_folder(package.installed_name()),
        arch: context.settings.arch,
        components: package.components.iter().map(part).collect(),
        linked: linked(context, package).into_iter().map(part).collect(),
        toolchain_licences: context.definitions.toolchain_licences(),
        jobs: context.settings.jobs,
        own_paths: context.settings.own_paths(),
    }
}

/// What a package's components are linked with, and it does not hold.
pub fn linked<'a>(context: &'a Context<'_>, package: &PackageDefinition) -> Vec<&'a ComponentName> {
    let mut linked: Vec<_> = package.components.iter().flat_map(|name| context.graph.closure(name)).collect();
    linked.retain(|name| !package.components.contains(name));
    linked.sort();
    linked.dedup();
    linked
}

fn pack_one(
    context: &Context<'_>,
    package: &PackageDefinition,
    results: &Results,
) -> Result<Option<BuiltPackage>, BuildError> {
    let (source, store) = (source(context, package, results), &context.store);
    let fetch = |wanted: &[&FileSource]| context.fetch_files(&absent(wanted, store.layout().root()));
    let evidence = evidence(context, &source, results, &fetch);
    let mut built = match find(&source, &evidence, store, context.reporter)? {
        Ok(built) => {
            touch_package(&built);
            built
        }
        Err(unpacked) => {
            context.reporter.report(Event::Packing(package.name.clone()));
            for name in &package.components {
                if !context.is_sound(&results[name].record)? {
                    return Ok(None);
                }
            }
            pack(&source, unpacked, &evidence, store, context.reporter)?
        }
    };
    let parts = source.components.iter().chain(&source.linked);
    let isolation: BTreeSet<_> =
        parts.filter_map(|part| results[&part.recipe.name].record.isolation.clone()).collect();
    built.isolation = isolation.into_iter().collect();
    context.reporter.report(Event::Packed {
        name: package.name.clone(),
        version: built.manifest.version.clone(),
        size: built.size,
        fresh: built.fresh,
    });
    Ok(Some(built))
}

/// Its record is what `gc` goes by.
fn touch_package(built: &BuiltPackage) {
    if let Some(folder) = built.archive.parent() {
        crate::store::touch(&folder.join(RECORD));
    }
}

/// How the components of a package were made.
fn evidence<'a>(
    context: &'a Context<'_>,
    source: &Source<'_>,
    results: &'a Results,
    fetch: &'a Fetch<'a>,
) -> Evidence<'a> {
    let made = |part: &Part<'_>| {
        let (name, root) = (&part.recipe.name, context.root(&part.recipe.name));
        let made = Made {
            record: &results[name].record,
            folder: context.definitions.recipe_folder(name),
            root: root.tree.clone(),
            packages: root.packages(context.reporter),
        };
        (name.clone(), made)
    };
    Evidence {
        toolchain: &context.toolchain,
        made: source.components.iter().chain(&source.linked).map(made).collect(),
        revision: context.settings.revision.as_deref(),
        fetch,
    }
}
