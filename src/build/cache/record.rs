//! What a cache says of a result.

use medic_model::Sha256;
use serde::{Deserialize, Serialize};

use crate::store::ComponentRecord;

/// The version of the record's form.
pub const FORMAT: u32 = 1;

/// `results/<action key>.json`, which is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CacheRecord {
    /// [`FORMAT`].
    pub format: u32,
    /// The result, as the store has it.
    pub result: ComponentRecord,
    /// Its tree.
    pub object: ObjectRecord,
}

/// A file in `objects/sha256/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectRecord {
    /// Its digest, and its name.
    pub sha256: Sha256,
    /// Its bytes.
    pub size: u64,
}

/// The path of an action key's record in a cache.
pub(super) fn path_of(key: &Sha256) -> String {
    format!("results/{key}.json")
}

/// The end that is added for its signature.
pub(super) const SIGNATURE: &str = ".minisig";
/// The folder of objects in a cache: a mirror of files by digest.
pub(super) const OBJECTS: &str = "objects";
