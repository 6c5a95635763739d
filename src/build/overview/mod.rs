//! The graph as people look at it: images, packages and components, with how long each component took, what the way is that
//! takes longest, and how the last build went. Nothing is built, fetched or locked for it.

mod targets;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use medic_model::image::ImageDefinition;
use medic_model::package::PackageDefinition;
use medic_model::{Arch, ComponentName, ImageName, PackageName, Version};
use serde::Serialize;

use crate::definitions::Definitions;
use crate::error::BuildError;
use crate::graph::Graph;
use crate::operation::measured;
use crate::schedule::{Milliseconds, critical_path};
use crate::store::{Layout, records};
use crate::timeline::{Timeline, newest};

pub use targets::Target;

/// Images, packages and components, and what is known of their builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// What the times are of.
    pub arch: Arch,
    /// By name.
    pub images: Vec<Image>,
    /// By name.
    pub packages: Vec<Package>,
    /// Each after all that it needs.
    pub components: Vec<Component>,
    /// The row of components, each needing the one before it, that takes longest.
    pub critical_path: Vec<ComponentName>,
    /// The newest recorded build in which any of these components was built.
    pub last_build: Option<Timeline>,
}

/// An image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Image {
    /// Its name.
    pub name: ImageName,
    /// One line for people.
    pub title: String,
    /// The packages in it.
    pub packages: Vec<PackageName>,
}

/// A package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Package {
    /// Its name.
    pub name: PackageName,
    /// One line for people.
    pub summary: String,
    /// The components whose trees it holds.
    pub components: Vec<ComponentName>,
}

/// A component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Component {
    /// Its name.
    pub name: ComponentName,
    /// Its version, as the recipe says.
    pub version: Version,
    /// One line for people.
    pub summary: String,
    /// What it needs directly.
    pub needs: Vec<ComponentName>,
    /// How long it took when it was built last; none: the store does not know.
    pub milliseconds: Option<u64>,
}

impl Overview {
    /// The milliseconds of all components, as far as known: a build of everything, one after another.
    pub fn work(&self) -> u64 {
        self.components.iter().filter_map(|one| one.milliseconds).sum()
    }

    /// The milliseconds of the critical path, as far as known: no build of everything takes less.
    pub fn critical(&self) -> u64 {
        let on_path = self.components.iter().filter(|one| self.is_critical(&one.name));
        on_path.filter_map(|one| one.milliseconds).sum()
    }

    /// Whether a component is on the critical path.
    pub fn is_critical(&self, name: &ComponentName) -> bool {
        self.critical_path.contains(name)
    }

    /// How many components the store knows no time of.
    pub fn unknown(&self) -> usize {
        self.components.iter().filter(|one| one.milliseconds.is_none()).count()
    }

    /// A component of it.
    pub fn component(&self, name: &ComponentName) -> Option<&Component> {
        self.components.iter().find(|one| one.name == *name)
    }
}

/// Everything that these are made of; of the whole workspace when there are none.
///
/// # Errors
/// A definition is wrong or does not exist; the store cannot be read.
pub fn overview(
    workspace: &Path,
    store: &Path,
    arch: Arch,
    wanted: &[Target],
) -> Result<Overview, BuildError> {
    let definitions = Definitions::new(workspace);
    let chosen = targets::choose(&definitions, workspace, wanted)?;
    let mut packages: BTreeMap<PackageName, PackageDefinition> = BTreeMap::new();
    let in_images = chosen.images.values().flat_map(|image| &image.packages);
    for name in chosen.packages.iter().chain(in_images).collect::<BTreeSet<_>>() {
        packages.insert(name.clone(), definitions.package(name)?);
    }
    let mut recipes = definitions.recipes(chosen.components)?;
    for package in packages.values() {
        recipes.extend(definitions.recipes_of(package)?);
    }
    let graph = Graph::new(recipes)?;
    let times = measured(&records(&Layout::new(store))?, arch);
    Ok(Overview {
        arch,
        images: chosen.images.into_values().map(image).collect(),
        packages: packages.into_values().map(package).collect(),
        components: graph.order().iter().map(|name| component(&graph, &times, name)).collect(),
        critical_path: critical_path(&graph, &times),
        last_build: newest(store, |build| build.arch == arch && concerns(build, &graph)),
    })
}

/// Whether any component of the graph was built in it, or could not be.
fn concerns(build: &Timeline, graph: &Graph) -> bool {
    let ran = build.components.iter().filter(|one| one.run.is_some());
    ran.into_iter().any(|one| graph.order().contains(&one.name))
}

fn image(definition: ImageDefinition) -> Image {
    Image { name: definition.name, title: definition.title, packages: definition.packages }
}

fn package(definition: PackageDefinition) -> Package {
    Package { name: definition.name, summary: definition.summary, components: definition.components }
}

fn component(graph: &Graph, times: &Milliseconds, name: &ComponentName) -> Component {
    let recipe = graph.recipe(name);
    Component {
        name: name.clone(),
        version: recipe.version.clone(),
        summary: recipe.summary.clone(),
        needs: recipe.needs.clone(),
        milliseconds: times.get(name).copied(),
    }
}

#[cfg(test)]
mod tests;
