//! A receipt: what one installation put where. Written last, so a package without one is not installed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::document::{DocumentError, from_json, unique_map};
use crate::{Manifest, RelPath, Sha256, Version};

/// The version of the receipt's form that this program writes and reads.
pub const FORMAT: u32 = 1;

/// `/srv/system/receipts/<package>.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// [`FORMAT`].
    pub format: u32,
    /// The installed package's manifest: services, entries, digests.
    pub manifest: Manifest,
    /// Where it came from.
    pub origin: Origin,
    /// Seconds since 1970-01-01T00:00:00Z.
    pub installed_at: u64,
    /// For each settings file: the digest of the default that was installed, by which an edited file is known.
    #[serde(default, deserialize_with = "unique_map")]
    pub settings: BTreeMap<RelPath, Sha256>,
    /// The version that was current before, if any.
    #[serde(default)]
    pub previous: Option<Version>,
}

/// Where an installed package came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "lowercase", deny_unknown_fields)]
pub enum Origin {
    /// The image's own bundle; the software tree is a link into the image.
    Bundle,
    /// A package archive.
    Archive {
        /// The digest of the archive.
        sha256: Sha256,
        /// Its file name or address, for people.
        location: String,
    },
}

impl Receipt {
    /// Reads a receipt; `file` is what errors call it.
    pub fn from_json(file: &str, text: &[u8]) -> Result<Self, DocumentError> {
        let receipt: Self = from_json(file, text)?;
        if receipt.format == FORMAT {
            Ok(receipt)
        } else {
            let message =
                format!("the receipt has format {}, and this program reads format {FORMAT}", receipt.format);
            Err(DocumentError::whole(file, message))
        }
    }
}
