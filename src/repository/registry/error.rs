//! What can go wrong with a registry.

use std::io::{self, ErrorKind};
use std::path::PathBuf;

use medic_model::Sha256;

/// Why a registry did not do what it was asked. Requests are shown without what follows a question mark: that may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// No answer came.
    #[error("{request}: {source}")]
    NoAnswer {
        /// The request, such as `HEAD https://registry.example/v2/app/blobs/sha256:…`.
        request: String,
        /// Why.
        source: io::Error,
    },
    /// It refuses.
    #[error("the registry answers {status} to {request}{}{hint}", in_brackets(words))]
    Refused {
        /// The request.
        request: String,
        /// Such as 403.
        status: u16,
        /// The registry's own code, such as `DENIED`; may be empty.
        code: String,
        /// The registry's own words; may be empty.
        words: String,
        /// What to do, where that is known.
        hint: &'static str,
    },
    /// It wants a login, or does not take the one that it was given.
    #[error("{0}")]
    Login(io::Error),
    /// Its answer makes no sense.
    #[error("{request}: {why}")]
    Nonsense {
        /// The request.
        request: String,
        /// What is wrong.
        why: String,
    },
    /// It has other bytes under a digest than those.
    #[error(
        "{request}: the bytes that the registry gives have the digest {found}, and {expected} was asked for"
    )]
    WrongBytes {
        /// The request.
        request: String,
        /// What was asked for.
        expected: Sha256,
        /// What came.
        found: Sha256,
    },
    /// A file that was to be uploaded cannot be read.
    #[error("'{}' cannot be read: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that was to be uploaded has not the digest that it should have.
    #[error("'{}' is damaged: its digest is not {expected}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What it should be.
        expected: Sha256,
    },
}

fn in_brackets(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(" ({words})") }
}

impl RegistryError {
    /// Whether the registry said something, be it a refusal.
    pub fn is_an_answer(&self) -> bool {
        !matches!(self, Self::NoAnswer { .. } | Self::File { .. } | Self::Damaged { .. })
    }

    /// Whether it says that something is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// The file of ours that is damaged, if that is what is wrong.
    pub fn damaged_file(&self) -> Option<&std::path::Path> {
        match self {
            Self::Damaged { path, .. } => Some(path),
            _ => None,
        }
    }
}

/// For those who only know the errors of the standard library.
impl From<RegistryError> for io::Error {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Login(source) => source,
            RegistryError::NoAnswer { ref source, .. } | RegistryError::File { ref source, .. } => {
                Self::new(source.kind(), error.to_string())
            }
            RegistryError::Refused { status: 404, .. } => Self::new(ErrorKind::NotFound, error.to_string()),
            RegistryError::Refused { status: 401 | 403, .. } => {
                Self::new(ErrorKind::PermissionDenied, error.to_string())
            }
            other => Self::other(other.to_string()),
        }
    }
}

/// An attempt that failed.
#[derive(Debug)]
pub struct Trouble {
    /// Why.
    pub error: RegistryError,
    /// Whether it could go well the next time.
    pub is_transient: bool,
    /// What the registry says of when to come back.
    pub retry_after: Option<Box<str>>,
    /// Whether the registry has never answered yet.
    pub is_first_contact: bool,
}

impl Trouble {
    pub(super) fn last(error: RegistryError) -> Self {
        Self { error, is_transient: false, retry_after: None, is_first_contact: false }
    }

    pub(super) fn transient(error: RegistryError) -> Self {
        Self { is_transient: true, ..Self::last(error) }
    }
}
