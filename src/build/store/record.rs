//! What the store knows of a component's result.

use medic_model::Sha256;
use serde::{Deserialize, Serialize};

use crate::key::KeyInputs;

/// The version of the record's form.
pub const FORMAT: u32 = 1;

/// `results/<action key>.json`: written last, so a result without one is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComponentRecord {
    /// [`FORMAT`].
    pub format: u32,
    /// The digest of the inputs.
    pub key: Sha256,
    /// Everything that could influence the result: what two keys differ in can be told from it.
    pub inputs: KeyInputs,
    /// The digest of the result's tree.
    pub tree: Sha256,
    /// Bytes of the tree as a tar.
    pub size: u64,
    /// How long the build took, in milliseconds.
    pub milliseconds: u64,
    /// What kept the steps apart from the machine; no input, as it cannot influence the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation: Option<String>,
}
