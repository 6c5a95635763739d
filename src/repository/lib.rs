//! Package repositories: a signed index of packages, and where its archives are.
//!
//! A repository is a folder (or what stands for one, behind a [`Transport`]):
//!
//! ```text
//! latest                        the number of the newest index, such as 7; replaced at once
//! index-7.json                  canonical JSON: every package with size and digest, an expiry; never changes
//! index-7.json.minisig          its signature by the first key, in minisign's format (Ed25519 over BLAKE2b)
//! index-7.json.<KEY>.minisig    its signatures by each key, by the key's number, while keys are exchanged
//! packages/<archive>            the archives
//! ```
//!
//! In an OCI registry ([`oci`]) the same files are layers of one manifest, which is replaced at once, and the archives are blobs.
//!
//! So a reader never sees an index beside the signature of another, and `minisign -V -m index-7.json` verifies it too. An
//! index is trusted when a trusted key has signed its bytes, it is not expired, not older than the one seen last, and of
//! the repository that was seen last. An archive is trusted when its bytes have the digest that such an index gives it.
//!
//! Never: takes a key, a name or a path from what it reads before the signature is verified; follows a path of an index
//! (archives are named by their package alone); looks at the clock.

#[cfg(feature = "http")]
mod crypto;
#[cfg(feature = "http")]
pub mod http;
pub mod index;
pub mod key;
#[cfg(feature = "http")]
pub mod oci;
#[cfg(feature = "publish")]
pub mod publish;
#[cfg(feature = "http")]
pub mod session;
pub mod transport;

mod error;
mod open;

pub use error::RepositoryError;
#[cfg(feature = "http")]
pub use http::{Http, Network};
pub use index::{Index, Listed};
pub use key::TrustedKey;
#[cfg(feature = "http")]
pub use oci::Oci;
pub use open::{Repository, Seen, Trust};
pub use transport::{Directory, Expected, Transport};

#[cfg(test)]
mod tests;
