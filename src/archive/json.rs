//! Canonical JSON, so that one value has one digest.

use std::io;

use serde::Serialize;

/// The canonical form of `value` (OLPC's Canonical JSON, as TUF uses it): sorted keys, no white space, no floating-point
/// numbers.
///
/// # Errors
/// The value holds a floating-point number or a map with keys that are not texts.
pub fn canonical<T: Serialize>(value: &T) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut serializer =
        serde_json::Serializer::with_formatter(&mut bytes, olpc_cjson::CanonicalFormatter::new());
    value.serialize(&mut serializer).map_err(io::Error::other)?;
    Ok(bytes)
}
