//! Signatures of images: keys, and the two forms of what they sign.
//!
//! A signature is ECDSA over P-256 with SHA-256, made deterministically (RFC 6979): the same key signs the same bytes to the same
//! signature, so that what is published a second time is what is there already. Formats are those of cosign, whose program makes
//! and verifies them too.
//!
//! | module | what it is for |
//! | --- | --- |
//! | [`key`] | keys in files: PKCS#8, SEC 1, and cosign's own form with a password |
//! | [`payload`] | what a signature of an image says ("simple signing") |
//! | [`dsse`] | envelopes: a document and its signatures as one JSON document |
//!
//! There is no transparency log: it is a service of others, asked over the network for every signature, which publishes the names
//! of private images. The key is all that is trusted.

pub mod dsse;
pub mod key;
pub mod payload;
mod sealed;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub use key::{KeyError, PublicKey, SigningKey};

/// Bytes as text (RFC 4648, section 4).
pub(crate) fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes of such a text, or none.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text.trim()).ok()
}
