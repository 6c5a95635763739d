//! Why there is no login for a registry.

use std::io;
use std::path::PathBuf;

/// Why there is no login for a registry. No text of it holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// Docker's configuration cannot be used.
    #[error("logins for registries cannot be read from {place}: {why}")]
    Configuration {
        /// The file or the variable.
        place: String,
        /// Why.
        why: String,
    },
    /// A helper that a configuration names is not there.
    #[error(
        "'{program}', which {place} names for the registry '{host}', is not installed: install it, or take it out of there"
    )]
    NoHelper {
        /// The program.
        program: String,
        /// Who names it.
        place: String,
        /// The registry.
        host: String,
    },
    /// A helper failed.
    #[error("'{program}' gave no login for the registry '{host}': {why}")]
    Helper {
        /// The program.
        program: String,
        /// The registry.
        host: String,
        /// Why, in its own words where it has any.
        why: String,
    },
    /// No source of AWS credentials has any.
    #[error(
        "there are no AWS credentials to get a login for '{host}' with: {}; see docs/registries.md", looked_at.join("; ")
    )]
    NoKeys {
        /// The registry.
        host: String,
        /// What was looked at, and what was found there.
        looked_at: Vec<String>,
    },
    /// A source of AWS credentials that was chosen cannot be used.
    #[error("AWS credentials from {origin} cannot be used: {why}")]
    Keys {
        /// The source.
        origin: String,
        /// Why.
        why: String,
    },
    /// A file with AWS credentials or a token cannot be read.
    #[error("'{}', which {origin} names, cannot be read: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Who names it.
        origin: String,
        /// Why.
        source: io::Error,
    },
    /// AWS, or what stands for it, refuses or does not answer.
    #[error("{what} at {url} failed: {why}{}", hint(why))]
    Api {
        /// What was asked for, such as `GetAuthorizationToken`.
        what: &'static str,
        /// Where.
        url: String,
        /// Why, in its own words where it has any.
        why: String,
    },
    /// The repository's name cannot be that of one.
    #[error("'{name}' cannot be the name of a repository at '{host}': {why}")]
    Name {
        /// The registry.
        host: String,
        /// The name.
        name: String,
        /// Why.
        why: &'static str,
    },
}

/// What helps against the refusals that people meet most.
fn hint(why: &str) -> &'static str {
    let has = |words: &[&str]| words.iter().any(|word| why.contains(word));
    if has(&["AccessDenied", "not authorized"]) {
        "; docs/registries.md has the least policy that is needed"
    } else if has(&["ExpiredToken"]) {
        "; get new credentials: these have expired"
    } else if has(&[
        "UnrecognizedClient",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "InvalidSignature",
    ]) {
        "; check the access key, its secret, the session token that belongs to them, and this machine's clock"
    } else {
        ""
    }
}

impl From<CredentialError> for io::Error {
    fn from(error: CredentialError) -> Self {
        Self::new(io::ErrorKind::PermissionDenied, error)
    }
}
