//! An image definition and the manifests of its packages become a value, which is then carried out. Pure: no files, no clock.

mod accounts;
mod base;
mod bundle;
mod configuration;
mod container;
mod error;
mod packages;
mod programs;

#[cfg(test)]
mod tests;

use medic_archive::Tree;
use medic_model::image::ImageDefinition;
use medic_model::{Arch, ImageName, Manifest, PackageName, Version};

use crate::oci::documents::ContainerConfig;

pub(crate) use base::MTIME as BASE_MTIME;
pub use bundle::package_tree;
pub(crate) use container::STOP_GRACE;
pub use error::PlanError;

/// What an image will be: the trees of its layers and the container's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The image.
    pub name: ImageName,
    /// Its version: that of the package that the definition names in `version_of`.
    pub version: Version,
    /// What it runs on.
    pub arch: Arch,
    /// The first layer: folders that every image has. The same bytes in every image.
    pub base: Tree,
    /// The packages, in the order of their layers.
    pub packages: Vec<PlannedPackage>,
    /// The layers of packages, in order: which of `packages` stand in each. Most hold one.
    pub layers: Vec<Vec<usize>>,
    /// The last layer: accounts, links, folders, the system's name. Last, so that it can change while daemons keep the others.
    pub configuration: Tree,
    /// Environment, entrypoint, ports, labels and so on.
    pub container: ContainerConfig,
}

/// A package of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedPackage {
    /// The package.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// Where its manifest stands among those that the plan was made from.
    pub index: usize,
}

/// What a plan is told beside the definition and the manifests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Seconds since 1970-01-01T00:00:00Z: the image's time of creation, an input, so that it does not change by itself.
    pub created: u64,
    /// The commit that the image is made from (`org.opencontainers.image.revision`).
    pub revision: Option<String>,
    /// Where the sources of the image's definition are (`org.opencontainers.image.source`).
    pub source: Option<String>,
}

impl Plan {
    /// Plans the image of `definition` from the manifests of exactly its packages, in any order.
    ///
    /// # Errors
    /// [`PlanError`]: a package is missing, superfluous, for another architecture or in conflict; users, links or folders
    /// collide; the entrypoint is nowhere in the image.
    pub fn new(
        definition: &ImageDefinition,
        manifests: &[Manifest],
        arch: Arch,
        facts: &Facts,
    ) -> Result<Self, PlanError> {
        let name = definition.name.clone();
        container::check_repository_name(&name)?;
        check_platform(definition, arch)?;
        let packages = packages::select(definition, manifests, arch)?;
        let chosen: Vec<&Manifest> = packages.iter().map(|package| &manifests[package.index]).collect();
        packages::check_relations(&chosen)?;
        for manifest in &chosen {
            bundle::check(manifest)?;
        }
        packages::check_versions(definition, &chosen)?;
        let version = packages::version(definition, &chosen)?;
        let accounts = accounts::Accounts::new(definition, &chosen)?;
        let base = base::tree();
        let configuration = configuration::tree(definition, &chosen, &version, &accounts, &base)?;
        programs::check(definition, &chosen)?;
        let container = container::config(definition, &chosen, &version, facts)?;
        let layers = packages::layers(definition, &packages);
        Ok(Self { name, version, arch, base, packages, layers, configuration, container })
    }
}

/// Whether an image may be built for an architecture; can be asked before anything is built.
///
/// # Errors
/// [`PlanError::Platform`].
pub fn check_platform(definition: &ImageDefinition, arch: Arch) -> Result<(), PlanError> {
    if definition.platforms.contains(&arch) {
        return Ok(());
    }
    let platforms = definition.platforms.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Err(PlanError::Platform { image: definition.name.clone(), arch, platforms })
}
