//! The words of Medic OS as types: names, versions, digests, and the schema of every document.
//!
//! Owns: the YAML documents that people write ([`recipe`], [`package`], [`image`], [`roots`]) or keep ([`golden`], [`lock`]), the JSON documents
//! that the programs exchange ([`manifest`], [`receipt`]), the service definition both carry
//! ([`service`]), and the file-system contract inside an image ([`layout`]).
//!
//! Never: reads or writes a file, looks at the clock, the environment or the network. Every newtype
//! validates in `FromStr` and in `Deserialize`, so a value of it is always well formed.

pub mod arch;
mod clash;
pub mod date;
pub mod digest;
pub mod document;
pub mod exception;
pub mod golden;
pub mod identity;
pub mod image;
pub mod layout;
mod links;
pub mod lock;
pub mod manifest;
pub mod name;
pub mod package;
pub mod path;
pub mod receipt;
pub mod recipe;
pub mod roots;
pub mod service;
pub mod size;
pub mod span;
pub mod version;

mod text;

pub use arch::Arch;
pub use date::Date;
pub use digest::{Sha1, Sha256, Sha512};
pub use document::DocumentError;
pub use exception::Exception;
pub use identity::{Cpe, Purl};
pub use manifest::Manifest;
pub use name::{ComponentName, ImageName, PackageName, ServiceName};
pub use path::RelPath;
pub use receipt::Receipt;
pub use size::ByteSize;
pub use span::Span;
pub use version::{Dependency, Version, VersionReq};
