//! Packages to images: layers, OCI layout, the Docker API, and running an image with or without a daemon.
//!
//! | module | what it is for |
//! | --- | --- |
//! | [`plan`] | an image definition and its packages' manifests become a value: trees, configuration, conflicts |
//! | [`mod@assemble`] | the plan is carried out: layers are made or taken from the store, documents are digested |
//! | [`oci`] | the OCI image layout, as a folder or as one archive that Docker loads too |
//! | [`look`] | what is in an image: of the store, of an archive or layout, of a daemon; what differs between two |
//! | [`docker`] | the Docker API: load, ask, run |
//! | [`push`] | an image, or one for several architectures, into a repository of a registry |
//! | [`sign`] | keys that sign images, in cosign's files and in plain PKCS#8, and what they sign |
//! | [`attach`] | what stands beside an image in a registry: signatures, SBOM, provenance |
//! | [`verify`] | an image of a registry, and what stands beside it, checked by a key |
//! | [`run`] | starting an image: in Docker, or with bubblewrap where there is no daemon |
//! | [`credentials`] | who logs in to a registry: Docker's configuration and helpers, AWS |
//! | [`garbage`] | what of all this is in the store, what names it, what is damaged |
//! | [`report`] | the table of layers and their sizes |
//!
//! On disk it owns, below the store's folder:
//!
//! ```text
//! layers/blobs/<sha256>                       compressed layers
//! layers/packages/<sha256>-<form>.json        what is known of a package archive: its manifest and its layer
//! images/<sha256>.json                        assembled images, by the digest of everything they are made of
//! images/written/<sha256>.json                archives written, by the digest of their path
//! rootfs/<sha256>-<user>/                     unpacked images, for the bubblewrap runner
//! volumes/<name>/                             folders that outlive a run of the bubblewrap runner
//! tmp/                                        what is being written; renamed into place when whole
//! ```
//!
//! Every operation on a file goes through an error of [`ImageError`] that names it, so the standard library's own are used.
//!
//! Never: prints, reads the environment or the clock, leaves half a file under its final name, uses bytes whose digest it
//! has not checked, or writes outside the store and the paths it is given.

pub mod assemble;
pub mod attach;
pub mod credentials;
pub mod docker;
mod error;
pub mod garbage;
mod layers;
pub mod look;
pub mod oci;
mod output;
mod overlay;
pub mod plan;
mod progress;
pub mod push;
pub mod report;
mod rootfs;
pub mod run;
pub mod sign;
mod store;
mod time;
pub mod verify;

pub use assemble::{AssembleSettings, Image, PackageArchive, Written, assemble};
pub use docker::{Connection, Docker, DockerError};
pub use error::ImageError;
pub use medic_archive::Compression;
pub use plan::PlanError;
pub use progress::{Event, Reporter};
pub use report::SizeTable;
pub use run::RunError;
