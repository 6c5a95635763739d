//! From components to packages.

use medic_model::PackageName;
use medic_model::package::PackageDefinition;

use super::Results;
use super::context::Context;
use crate::definitions::Definitions;
use crate::error::BuildError;
use crate::graph::Graph;
use crate::package::{BuiltPackage, Part, Source, pack};
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

/// Packs each of them, in order.
pub fn pack_all(
    context: &Context<'_>,
    packages: &[PackageDefinition],
    results: &Results,
) -> Result<Vec<BuiltPackage>, BuildError> {
    packages.iter().map(|package| pack_one(context, &source(context, package, results))).collect()
}

/// Everything that a package is made of.
pub fn source<'a>(context: &'a Context<'_>, package: &'a PackageDefinition, results: &Results) -> Source<'a> {
    let part = |name| Part {
        recipe: context.graph.recipe(name),
        sources: &context.sources[name],
        tree: context.store.layout().tree(&results[name].record.tree),
        digest: results[name].record.tree,
    };
    let mut linked: Vec<_> = package.components.iter().flat_map(|name| context.graph.closure(name)).collect();
    linked.retain(|name| !package.components.contains(name));
    linked.sort();
    linked.dedup();
    Source {
        definition: package,
        folder: context.definitions.package_folder(&package.name),
        arch: context.settings.arch,
        components: package.components.iter().map(part).collect(),
        linked: linked.into_iter().map(part).collect(),
        jobs: context.settings.jobs,
    }
}

fn pack_one(context: &Context<'_>, source: &Source<'_>) -> Result<BuiltPackage, BuildError> {
    let name = &source.definition.name;
    context.reporter.report(Event::Packing(name.clone()));
    let built = pack(source, &context.store, context.reporter)?;
    context.reporter.report(Event::Packed {
        name: name.clone(),
        version: built.manifest.version.clone(),
        size: built.size,
        fresh: built.fresh,
    });
    Ok(built)
}
