//! What can go wrong while an image is looked at.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::ImageError;

/// What can go wrong while an image is looked at.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// It cannot be read.
    #[error("cannot read '{}': {source}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// It is no image.
    #[error(
        "'{}' is no image that can be read ({why}): give an OCI archive, an OCI layout, or an archive of 'docker save'",
        path.display()
    )]
    NotAnImage {
        /// The file or folder.
        path: PathBuf,
        /// What it lacks.
        why: String,
    },
    /// A blob is not what its digest says.
    #[error("the image in '{}' is damaged: {what} has the digest {found}, and {expected} was meant; make it anew", path.display())]
    Damaged {
        /// The file or folder.
        path: PathBuf,
        /// Which blob.
        what: String,
        /// The digest that it should have.
        expected: String,
        /// The one it has.
        found: String,
    },
    /// None or several fit.
    #[error("'{}' holds {found}, and {wanted} was asked for: choose one by --arch, or by a tag behind the path (PATH:TAG)", path.display())]
    Choice {
        /// The file or folder.
        path: PathBuf,
        /// What it holds, in words.
        found: String,
        /// What was asked for, in words.
        wanted: String,
    },
    /// A layer in the store is damaged.
    #[error(transparent)]
    Image(#[from] ImageError),
}

impl LookError {
    pub(super) fn unreadable(path: &Path) -> impl Fn(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Unreadable { path: path.clone(), source }
    }

    pub(super) fn no_image(path: &Path, why: impl Into<String>) -> Self {
        Self::NotAnImage { path: path.to_owned(), why: why.into() }
    }
}
