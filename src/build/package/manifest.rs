//! What a package says of itself.

use std::collections::BTreeSet;

use medic_archive::package;
use medic_archive::tree::Tree;
use medic_model::manifest::{ComponentRecord, FORMAT, Provenance};
use medic_model::{Manifest, Sha256, Version};

use super::{PackageError, Part, Source, check};

/// The package's version: its first component's, with our revision.
///
/// # Errors
/// With the revision it is longer than a version may be.
pub fn version(source: &Source<'_>) -> Result<Version, PackageError> {
    let fault =
        |message: String| PackageError::Definition { package: source.definition.name.to_string(), message };
    let first = source.components.first().ok_or_else(|| fault("'components' is empty".to_owned()))?;
    source.definition.version(&first.recipe.version).map_err(|error| fault(error.to_string()))
}

/// Every component in the package, those that are linked statically too, by name.
pub fn records(source: &Source<'_>) -> Vec<ComponentRecord> {
    let mut records: Vec<_> = source.components.iter().chain(&source.linked).map(record).collect();
    records.sort_by(|a, b| a.name.cmp(&b.name));
    records.dedup_by(|a, b| a.name == b.name);
    records
}

fn record(part: &Part<'_>) -> ComponentRecord {
    ComponentRecord {
        name: part.recipe.name.clone(),
        version: part.recipe.version.clone(),
        licence: part.recipe.licence.clone(),
        homepage: part.recipe.homepage.clone(),
        sources: part.sources.iter().flat_map(super::ResolvedSource::digests).collect(),
    }
}

/// The manifest of a package that holds `tree`.
///
/// # Errors
/// A file cannot be read; the result is not what a reader would take, such as a link out of the package.
pub fn manifest(source: &Source<'_>, tree: &Tree, key: Sha256) -> Result<Manifest, PackageError> {
    let definition = source.definition;
    let name = definition.name.to_string();
    let components = records(source);
    let manifest = Manifest {
        format: FORMAT,
        name: definition.installed_name().clone(),
        version: version(source)?,
        arch: source.arch,
        summary: definition.summary.clone(),
        licence: licence(&components),
        depends: definition.depends.clone(),
        conflicts: definition.conflicts.clone(),
        provides: definition.provides.clone(),
        data_compatible_from: definition.data_compatible_from.clone(),
        users: definition.users.clone(),
        services: definition.services.clone(),
        entries: package::entries(tree)
            .map_err(|source| PackageError::Entries { package: name.clone(), source })?,
        provenance: Provenance { action_key: key, components },
    };
    check(&manifest, &name)?;
    Ok(manifest)
}

/// All components' licences hold at once: SPDX's `AND` (SPDX specification 2.3, annex D), each once. An expression with `OR`
/// binds more loosely and needs parentheses.
fn licence(components: &[ComponentRecord]) -> String {
    let each: BTreeSet<&str> = components.iter().map(|component| component.licence.as_str()).collect();
    let part = |licence: &str| {
        if licence.contains(" OR ") && each.len() > 1 { format!("({licence})") } else { licence.to_owned() }
    };
    each.iter().map(|licence| part(licence)).collect::<Vec<_>>().join(" AND ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_hold_together() {
        let of = |licences: &[&str]| {
            let record = |licence: &&str| ComponentRecord {
                name: "x".parse().expect("a name"),
                version: "1".parse().expect("a version"),
                licence: (*licence).to_owned(),
                homepage: String::new(),
                sources: Vec::new(),
            };
            licence(&licences.iter().map(record).collect::<Vec<_>>())
        };
        assert_eq!(of(&["Zlib", "BSD-2-Clause", "Zlib"]), "BSD-2-Clause AND Zlib");
        assert_eq!(of(&["MIT OR Apache-2.0"]), "MIT OR Apache-2.0");
        assert_eq!(of(&["MIT OR Apache-2.0", "Zlib"]), "(MIT OR Apache-2.0) AND Zlib");
    }
}
