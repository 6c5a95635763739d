//! What can go wrong while an image is made.

use std::io;
use std::path::{Path, PathBuf};

use medic_archive::{PackageError, TreeError};
use medic_model::Sha256;

use crate::plan::PlanError;

/// What can go wrong while an image is made or written. Nothing half written is left under a final name.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The definition and the packages do not make an image.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A package archive cannot be read, or is not what it says.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// A package archive is another one than was meant.
    #[error(
        "the package archive '{}' is damaged: its digest is {found}, and {expected} was meant; build the package again",
        path.display()
    )]
    WrongDigest {
        /// The archive.
        path: PathBuf,
        /// The digest that it should have.
        expected: Sha256,
        /// The one it has.
        found: Sha256,
    },
    /// A package archive changed while it was read.
    #[error("the package archive '{}' changed while it was read: run it again", path.display())]
    Changed {
        /// The archive.
        path: PathBuf,
    },
    /// A layer in the store is not what it was when it was made. It has been removed.
    #[error(
        "the layer '{}' in the store was damaged and has been removed; run it again, and it is made anew",
        path.display()
    )]
    DamagedLayer {
        /// The layer's file.
        path: PathBuf,
    },
    /// The file system, or the user's share of it, is full.
    #[error(
        "the disk is full: cannot {operation} '{}' ({source}); free some space on its file system, or choose another folder. \
         What is done is kept; run it again to go on",
        path.display()
    )]
    Full {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A file or folder cannot be read or written.
    #[error("cannot {operation} '{}': {source}", path.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A layer's tree cannot be written.
    #[error("cannot write the layer of {what}: {source}")]
    Tree {
        /// Whose layer, in words.
        what: String,
        /// Why.
        source: TreeError,
    },
    /// A folder that was to become an OCI layout holds something else.
    #[error(
        "'{}' is a folder with other things in it, and no OCI image layout: choose an empty or a new folder",
        path.display()
    )]
    NotALayout {
        /// The folder.
        path: PathBuf,
    },
    /// A document cannot be made.
    #[error("cannot write the {document} of the image as JSON: {source}")]
    Json {
        /// Which.
        document: &'static str,
        /// Why.
        source: serde_json::Error,
    },
}

impl ImageError {
    /// The layer that was damaged and has been removed, if that is what is wrong: once more, and it is made anew.
    pub fn damaged_layer(&self) -> Option<&Path> {
        match self {
            Self::DamagedLayer { path } => Some(path),
            _ => None,
        }
    }

    /// Whether the reason may be a damaged package archive.
    pub fn may_be_the_archive(&self) -> bool {
        matches!(self, Self::Package(_) | Self::WrongDigest { .. } | Self::Changed { .. })
    }

    /// The error of this operation on this path, with a full disk told apart.
    pub(crate) fn file(operation: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            Self::Full { operation, path, source }
        } else {
            Self::File { operation, path, source }
        }
    }

    /// For `map_err`.
    pub(crate) fn on<'a>(operation: &'static str, path: &'a Path) -> impl Fn(io::Error) -> Self + 'a {
        move |source| Self::file(operation, path, source)
    }

    /// An error while a package was unpacked below `folder`.
    pub(crate) fn unpacking(error: PackageError, folder: &Path) -> Self {
        match error {
            PackageError::Sink { source, .. } => Self::file("unpack a package in", folder, source),
            other => Self::Package(other),
        }
    }

    /// An error while an archive was written to `path`.
    pub(crate) fn tar(error: medic_archive::writer::TarError, path: &Path) -> Self {
        match error {
            medic_archive::writer::TarError::Write { source, .. } => Self::file("write", path, source),
            other => Self::file("write", path, io::Error::other(other)),
        }
    }

    /// An error while a layer was written to `path`.
    pub(crate) fn layer(error: TreeError, what: &str, path: &Path) -> Self {
        match error {
            TreeError::Tar(medic_archive::writer::TarError::Write { source, .. }) => {
                Self::file("write the layer", path, source)
            }
            source => Self::Tree { what: what.to_owned(), source },
        }
    }
}
