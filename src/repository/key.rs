//! Keys that are trusted to sign: minisign's public keys.

use std::fmt;

use minisign_verify::{PublicKey, Signature};

/// A public key that is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedKey {
    key: PublicKey,
    id: KeyId,
    text: String,
}

/// A key's number: what minisign shows of it, 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId([u8; 8]);

/// Why a text is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is not a minisign public key ({0}): it is a line of 56 characters that starts with 'RW', after a line with a comment"
)]
pub struct KeyError(String);

impl TrustedKey {
    /// Reads a key as minisign writes it: a comment and a line, or the line alone.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let line =
            text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with("untrusted"));
        let line = line.ok_or_else(|| KeyError("it is empty".to_owned()))?;
        let key = PublicKey::from_base64(line).map_err(|error| KeyError(error.to_string()))?;
        let id = KeyId::of(line).ok_or_else(|| KeyError("it is too short".to_owned()))?;
        Ok(Self { key, id, text: line.to_owned() })
    }

    /// Its number.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The file that minisign would write.
    pub fn file(&self) -> String {
        format!("untrusted comment: minisign public key {}\n{}\n", self.id, self.text)
    }

    pub(crate) fn key(&self) -> &PublicKey {
        &self.key
    }
}

/// Why bytes are not taken for what a trusted key has signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Not a signature.
    #[error("its signature cannot be read: {0}")]
    Unreadable(String),
    /// By a key that is not trusted.
    #[error("it is signed by key {signer}, which is not trusted (trusted are: {trusted})")]
    UnknownKey {
        /// The number of the key that has signed it.
        signer: String,
        /// The numbers of the trusted keys.
        trusted: String,
    },
    /// Of other bytes.
    #[error("it is not what key {0} has signed")]
    Wrong(KeyId),
}

/// Checks a detached signature in minisign's format (Ed25519 over BLAKE2b) of `bytes`; gives the number of the trusted key that
/// has made it.
///
/// # Errors
/// [`SignatureError`].
pub fn verify(keys: &[TrustedKey], bytes: &[u8], signature: &[u8]) -> Result<KeyId, SignatureError> {
    let unreadable = |why: String| SignatureError::Unreadable(why);
    let lines = std::str::from_utf8(signature).map_err(|error| unreadable(error.to_string()))?;
    let parsed = Signature::decode(lines).map_err(|error| unreadable(error.to_string()))?;
    let signer = lines.lines().nth(1).and_then(KeyId::of);
    let signer = signer.ok_or_else(|| unreadable("it names no key".to_owned()))?;
    let Some(key) = keys.iter().find(|key| key.id() == signer) else {
        let trusted = keys.iter().map(|key| key.id().to_string()).collect::<Vec<_>>().join(", ");
        return Err(SignatureError::UnknownKey { signer: signer.to_string(), trusted });
    };
    key.key().verify(bytes, &parsed, false).map_err(|_| SignatureError::Wrong(signer))?;
    Ok(signer)
}

impl KeyId {
    /// Of a line in Base64 that starts with two bytes for the algorithm and eight for the key: a key, or a signature.
    pub(crate) fn of(line: &str) -> Option<Self> {
        let mut bits: u128 = 0;
        for character in line.bytes().take(16) {
            bits = bits << 6 | u128::from(value(character)?);
        }
        let bytes = bits.to_be_bytes();
        // 16 characters are 12 bytes: the last 12 of the 16; after the algorithm's two come ours.
        (line.len() >= 16).then(|| Self(std::array::from_fn(|at| bytes[6 + at])))
    }
}

/// RFC 4648, section 4.
pub(crate) fn value(character: u8) -> Option<u8> {
    match character {
        b'A'..=b'Z' => Some(character - b'A'),
        b'a'..=b'z' => Some(character - b'a' + 26),
        b'0'..=b'9' => Some(character - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", u64::from_le_bytes(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of minisign's own manual.
    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

    #[test]
    fn a_key_is_read_as_minisign_writes_it() {
        let key = TrustedKey::parse(KEY).expect("a key");
        assert_eq!(key.id().to_string(), "E7620F1842B4E81F");
        assert_eq!(TrustedKey::parse(&key.file()), Ok(key));
        for bad in ["", "untrusted comment: x\n", "RWQ", &KEY[1..], "untrusted comment: x\nhello"] {
            assert!(TrustedKey::parse(bad).is_err(), "{bad:?} was taken");
        }
    }
}
