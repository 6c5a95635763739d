//! Which packages an image holds, and whether they go together.

use std::collections::BTreeMap;

use medic_model::image::ImageDefinition;
use medic_model::{Arch, Manifest, PackageName, Version};

use super::{PlanError, PlannedPackage};

/// The definition's packages, in its order, each with its manifest's place.
pub(super) fn select(
    definition: &ImageDefinition,
    manifests: &[Manifest],
    arch: Arch,
) -> Result<Vec<PlannedPackage>, PlanError> {
    let by_name = by_name(manifests)?;
    if let Some(name) = by_name.keys().find(|name| !definition.packages.contains(name)) {
        let (image, package) = (definition.name.clone(), (*name).clone());
        return Err(PlanError::Superfluous { image, package });
    }
    let planned = |name: &PackageName| {
        let missing = || PlanError::Missing { image: definition.name.clone(), package: name.clone() };
        let index = *by_name.get(name).ok_or_else(missing)?;
        let manifest = &manifests[index];
        if manifest.arch != arch {
            return Err(PlanError::Arch { package: name.clone(), found: manifest.arch, wanted: arch });
        }
        Ok(PlannedPackage { name: name.clone(), version: manifest.version.clone(), index })
    };
    definition.packages.iter().map(planned).collect()
}

fn by_name(manifests: &[Manifest]) -> Result<BTreeMap<&PackageName, usize>, PlanError> {
    let mut by_name = BTreeMap::new();
    for (index, manifest) in manifests.iter().enumerate() {
        if let Some(first) = by_name.insert(&manifest.name, index) {
            return Err(PlanError::Twice {
                package: manifest.name.clone(),
                first: manifests[first].version.clone(),
                second: manifest.version.clone(),
            });
        }
    }
    Ok(by_name)
}

/// Whether every package has what it depends on, and none that it conflicts with.
pub(super) fn check_relations(chosen: &[&Manifest]) -> Result<(), PlanError> {
    for manifest in chosen {
        for dependency in &manifest.depends {
            if !chosen.iter().any(|other| other.meets(dependency)) {
                let other = chosen.iter().find(|other| other.name == dependency.name);
                let found = other.map_or_else(
                    || format!("no package '{}'", dependency.name),
                    |other| format!("'{}' {}", other.name, other.version),
                );
                let (package, dependency) = (manifest.name.clone(), dependency.clone());
                return Err(PlanError::Dependency { package, dependency, found });
            }
        }
        for conflict in &manifest.conflicts {
            let mut others = chosen.iter().filter(|other| other.name != manifest.name);
            if let Some(other) = others.find(|other| other.meets(conflict)) {
                return Err(PlanError::Conflict {
                    package: manifest.name.clone(),
                    conflict: conflict.clone(),
                    other: other.name.clone(),
                    version: other.version.clone(),
                });
            }
        }
    }
    Ok(())
}

/// The image's version: that of the package that gives it.
pub(super) fn version(definition: &ImageDefinition, chosen: &[&Manifest]) -> Result<Version, PlanError> {
    let package = &definition.version_of;
    let found = chosen.iter().find(|manifest| manifest.name == *package);
    let missing = || PlanError::Missing { image: definition.name.clone(), package: package.clone() };
    found.map(|manifest| manifest.version.clone()).ok_or_else(missing)
}

/// Whether every package has a version that the image wants.
pub(super) fn check_versions(definition: &ImageDefinition, chosen: &[&Manifest]) -> Result<(), PlanError> {
    for manifest in chosen {
        let wanted = definition.versions.get(&manifest.name);
        if let Some(wanted) = wanted.filter(|wanted| !wanted.matches(&manifest.version)) {
            return Err(PlanError::Version {
                image: definition.name.clone(),
                package: manifest.name.clone(),
                found: manifest.version.clone(),
                wanted: wanted.clone(),
            });
        }
    }
    Ok(())
}

/// Which packages share a layer, by their places in `packages`. A layer stands where the first of its packages does.
pub(super) fn layers(definition: &ImageDefinition, packages: &[PlannedPackage]) -> Vec<Vec<usize>> {
    let mates = |name: &PackageName| definition.layers.iter().find(|layer| layer.contains(name));
    let mut layers: Vec<Vec<usize>> = Vec::new();
    for (index, package) in packages.iter().enumerate() {
        let shared = mates(&package.name).and_then(|mates| {
            layers
                .iter_mut()
                .find(|layer| layer.first().is_some_and(|first| mates.contains(&packages[*first].name)))
        });
        match shared {
            Some(layer) => layer.push(index),
            None => layers.push(vec![index]),
        }
    }
    layers
}
