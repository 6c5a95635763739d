//! Digests of content. Values only: computing them is for those who read the content.

use std::fmt;
use std::str::FromStr;

use crate::text::text_serde;

/// Why a text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a {algorithm} digest: it has {digits} hexadecimal digits (0-9 a-f)")]
pub struct DigestError {
    algorithm: &'static str,
    digits: usize,
    text: String,
}

macro_rules! digest {
    ($(#[$doc:meta])* $type:ident, $bytes:literal, $algorithm:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type([u8; $bytes]);

        impl $type {
            /// The digest whose bytes these are.
            pub const fn from_bytes(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }

            /// The bytes of the digest.
            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }

            /// The form of the OCI specifications: the algorithm, a colon, the digits.
            pub fn oci(&self) -> String {
                format!(concat!($algorithm, ":{}"), self)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($algorithm, ":{}"), self)
            }
        }

        impl FromStr for $type {
            type Err = DigestError;
            /// Takes bare lower-case digits, with or without the algorithm before them.
            fn from_str(text: &str) -> Result<Self, DigestError> {
                let digits = text.strip_prefix(concat!($algorithm, ":")).unwrap_or(text);
                let mut bytes = [0; $bytes];
                let lower = !digits.bytes().any(|b| b.is_ascii_uppercase());
                match hex::decode_to_slice(digits, &mut bytes) {
                    Ok(()) if lower => Ok(Self(bytes)),
                    _ => Err(DigestError {
                        algorithm: $algorithm,
                        digits: $bytes * 2,
                        text: text.to_owned(),
                    }),
                }
            }
        }

        text_serde!($type, concat!("a ", $algorithm, " digest"));
    };
}

digest!(
    /// A SHA-1 digest (FIPS 180-4), for formats that ask for one; 40 lower-case hexadecimal digits as text.
    Sha1,
    20,
    "sha1"
);
digest!(
    /// A SHA-256 digest (FIPS 180-4); 64 lower-case hexadecimal digits as text.
    Sha256,
    32,
    "sha256"
);
digest!(
    /// A SHA-512 digest (FIPS 180-4); 128 lower-case hexadecimal digits as text.
    Sha512,
    64,
    "sha512"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_have_one_text_form() {
        let digits = "ab".repeat(32);
        let digest: Sha256 = digits.parse().expect("valid");
        assert_eq!(digest.to_string(), digits);
        assert_eq!(digest.oci().parse::<Sha256>(), Ok(digest));
        for bad in [&digits[1..], &digits.to_uppercase(), &format!("sha512:{digits}"), "", "zz"] {
            assert!(bad.parse::<Sha256>().is_err(), "{bad:?} was taken");
        }
    }
}
