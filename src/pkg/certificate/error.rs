//! Why a certificate is neither made nor shown.

use std::path::PathBuf;

use medic_sys::files::FileError;

/// Why a certificate is neither made nor shown.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The file system said no.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file would be overwritten.
    #[error("'{}' is there already: move it away, or add --force to replace certificate and key", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A name that no certificate can have.
    #[error("'{name}' is neither a DNS name nor an IP address: {why}")]
    Name {
        /// The name.
        name: String,
        /// Why not.
        why: &'static str,
    },
    /// The key or the certificate cannot be made.
    #[error("cannot make the certificate: {0}")]
    Make(String),
    /// Not a certificate.
    #[error("'{}' is not a certificate in PEM: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// The reader of the results went away.
    #[error("cannot write the result: {0}")]
    Output(std::io::Error),
}

impl CertificateError {
    /// The exit code of the command that ends with it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Name { .. } => 2,
            Self::File(error) if error.is_absent() => 4,
            Self::Exists { .. } => 5,
            Self::Unreadable { .. } => 6,
            Self::File(_) | Self::Make(_) | Self::Output(_) => 1,
        }
    }
}
