//! Where an image comes from: the predicate of SLSA provenance on it, which whoever publishes the image makes a statement of and
//! signs. It is a function of values, and of no time or machine.

use std::collections::BTreeSet;
use std::path::Path;

use medic_archive::digest;
use medic_model::Arch;
use serde_json::{Value, json};

use super::provenance::{Resource, resource};
use super::{HOME, json as text};
use crate::error::BuildError;
use crate::package::BuiltPackage;
use crate::store::StoreError;

/// What is known of an image, of one architecture or of several.
#[derive(Debug)]
pub struct ImageFacts<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Its definition, `images/<name>.yaml`.
    pub definition: &'a Path,
    /// The commit that it is made from, as far as one is known.
    pub revision: Option<&'a str>,
    /// The time of creation that it says (RFC 3339).
    pub created: &'a str,
    /// Its packages, by architecture.
    pub packages: Vec<(Arch, &'a [BuiltPackage])>,
}

/// The type of the provenance of images.
pub fn image_build_type() -> String {
    format!("{HOME}/blob/main/docs/build-type-image-v1.md")
}

/// The predicate of provenance of an image, as JSON, and the statements of its packages' own that it names.
///
/// # Errors
/// The definition or a package's statement cannot be read.
pub fn image_provenance(facts: &ImageFacts<'_>) -> Result<(String, Vec<Vec<u8>>), BuildError> {
    let definition =
        digest::of_file(facts.definition).map_err(StoreError::from_io("read", facts.definition))?;
    let mut all: BTreeSet<Resource> = BTreeSet::new();
    let name = format!("images/{}.yaml", facts.name);
    all.insert(resource(name, definition.sha256).annotated("kind", "image definition"));
    let mut statements = Vec::new();
    for package in facts.packages.iter().flat_map(|(_, packages)| *packages) {
        let path = &package.documents.provenance;
        let statement = std::fs::read(path).map_err(StoreError::from_io("read", path))?;
        let digest = digest::of_bytes(&statement).sha256.oci();
        let archive = resource(package.manifest.archive_name(), package.sha256);
        if all.insert(archive.annotated("kind", "package").annotated("provenance", &digest)) {
            statements.push(statement);
        }
    }
    let dependencies: Vec<Value> = all.iter().map(|one| json!(one)).collect();
    let platforms: BTreeSet<Arch> = facts.packages.iter().map(|(arch, _)| *arch).collect();
    let mut external = json!({"image": facts.name, "version": facts.version, "platforms": platforms});
    if let Some(revision) = facts.revision {
        external["revision"] = revision.into();
    }
    let build_type = image_build_type();
    let predicate = json!({
        "buildDefinition": {
            "buildType": build_type,
            "externalParameters": external,
            "internalParameters": {"created": facts.created},
            "resolvedDependencies": dependencies,
        },
        "runDetails": {
            "builder": {
                "id": format!("{build_type}#builder"),
                "version": {"medic-build": env!("CARGO_PKG_VERSION")},
            },
        },
    });
    Ok((text::text(&predicate), statements))
}
