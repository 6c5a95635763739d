//! What a package says of itself, in the words of others: an SPDX document of all that is in it, and an in-toto statement of
//! where it comes from.
//!
//! Both stand beside the archive in the store, and neither is part of it or of any key: they are made of what packing knows (recipes,
//! sources by digest, action keys, the files themselves), and made again when that knowledge or their form changes. A document
//! is a function of values (`facts`); reading those is apart (`gather`).

mod cargo;
mod elf;
mod facts;
mod gather;
mod identify;
mod image;
mod json;
mod keep;
mod licence;
mod provenance;
pub mod spdx;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

use medic_model::recipe::FileSource;
use medic_model::roots::ToolchainLibrary;
use medic_model::{Arch, ComponentName};

use crate::error::BuildError;
use crate::package::BuiltPackage;
use crate::root::DebianPackage;
use crate::store::{ComponentRecord, StoreError};
use crate::toolchain::ToolchainPlan;

pub use image::{ImageFacts, image_build_type, image_provenance};
pub use keep::{Archived, Documents, document_name, keep};

/// The project's page: what the addresses in documents begin with.
pub const HOME: &str = env!("CARGO_PKG_REPOSITORY");
/// What writes the documents.
pub const TOOL: &str = concat!("medic-build-", env!("CARGO_PKG_VERSION"));

/// How the components of a package were made.
pub struct Evidence<'a> {
    /// The compiler.
    pub toolchain: &'a ToolchainPlan,
    /// Each component.
    pub made: BTreeMap<ComponentName, Made<'a>>,
    /// The commit of the workspace, as far as the caller knows one.
    pub revision: Option<&'a str>,
    /// Sees to it that sources are in the store.
    pub fetch: &'a Fetch<'a>,
}

/// Sees to it that sources are in the store.
pub type Fetch<'a> = dyn Fn(&[&FileSource]) -> Result<(), BuildError> + 'a;

/// How a component was made.
#[derive(Debug)]
pub struct Made<'a> {
    /// Its result in the store.
    pub record: &'a ComponentRecord,
    /// The recipe's folder.
    pub folder: PathBuf,
    /// The build root's folder.
    pub root: PathBuf,
    /// The Debian packages that the build root is made of.
    pub packages: Vec<DebianPackage>,
}

impl Evidence<'_> {
    fn libraries(&self) -> &[ToolchainLibrary] {
        &self.toolchain.definition.libraries
    }
}

/// Why documents cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("the SBOM and the provenance of '{of}' cannot be made: {message}")]
pub struct AttestError {
    of: String,
    message: String,
}

impl AttestError {
    fn new(of: &str, error: &dyn std::error::Error) -> Self {
        Self { of: of.to_owned(), message: error.to_string() }
    }
}

/// The SPDX document of an image that holds these packages, in their order: all of theirs as one.
///
/// # Errors
/// A package's document cannot be read.
pub fn image_document(
    name: &str,
    version: &str,
    arch: Arch,
    packages: &[BuiltPackage],
) -> Result<String, BuildError> {
    let document = |package: &BuiltPackage| {
        let path = &package.documents.spdx;
        let text = std::fs::read(path).map_err(StoreError::from_io("read", path))?;
        serde_json::from_slice(&text)
            .map_err(|error| AttestError::new(&path.to_string_lossy(), &error).into())
    };
    let documents = packages.iter().map(document).collect::<Result<Vec<_>, BuildError>>()?;
    Ok(json::text_in_order(&spdx::of_image(name, version, arch, documents)))
}
