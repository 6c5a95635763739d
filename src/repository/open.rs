//! Opening a repository: its newest index, once everything about it has been checked.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use medic_model::PackageName;
use medic_model::document::MAX_DOCUMENT;
use serde::{Deserialize, Serialize};

use crate::error::RepositoryError;
use crate::index::{Index, Listed};
use crate::key::{self, SignatureError, TrustedKey};
use crate::transport::{Expected, Transport};

const MAX_LATEST: u64 = 32;
const MAX_SIGNATURE: u64 = 4096;
const DAY: u64 = 86_400;

/// What is needed to trust an index.
#[derive(Debug, Clone, Copy)]
pub struct Trust<'a> {
    /// The keys that may have signed it.
    pub keys: &'a [TrustedKey],
    /// Seconds since 1970.
    pub now: u64,
    /// What was seen of this repository before.
    pub seen: Option<&'a Seen>,
}

/// What is remembered of a repository, so that nothing older is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Its name.
    pub name: PackageName,
    /// The number of its index.
    pub version: u64,
}

/// A repository whose index is trusted.
pub struct Repository {
    transport: Box<dyn Transport>,
    index: Index,
}

impl Repository {
    /// Reads and checks the newest index.
    ///
    /// # Errors
    /// [`RepositoryError`], one variant for each way of not being trusted.
    pub fn open(transport: Box<dyn Transport>, trust: Trust<'_>) -> Result<Self, RepositoryError> {
        if trust.keys.is_empty() {
            return Err(RepositoryError::NoKeys);
        }
        let version = latest(&*transport)?;
        if let Some(seen) = trust.seen.filter(|seen| seen.version > version) {
            let location = transport.location("");
            return Err(RepositoryError::Older { location, found: version, seen: seen.version });
        }
        let name = format!("index-{version}.json");
        let text = read(&*transport, &name, MAX_DOCUMENT as u64)?;
        let location = transport.location(&name);
        check_signature(&*transport, &name, &text, trust.keys)?;
        let index = Index::from_json(&location, &text)?;
        check(&index, version, location, trust)?;
        Ok(Self { transport, index })
    }

    /// What it offers.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// What is to be remembered of it.
    pub fn seen(&self) -> Seen {
        Seen { name: self.index.name.clone(), version: self.index.version }
    }

    /// Where an archive is.
    pub fn location(&self, listed: &Listed) -> String {
        self.transport.location(&archive_name(listed))
    }

    /// Gets an archive as a file of this machine; its digest is for the one who reads it to check. `told`: how many of its bytes are
    /// here, whenever more come from afar.
    ///
    /// # Errors
    /// It cannot be got.
    pub fn fetch(
        &self,
        listed: &Listed,
        cache: &Path,
        told: &dyn Fn(u64),
    ) -> Result<PathBuf, RepositoryError> {
        let name = archive_name(listed);
        let location = self.transport.location(&name);
        let expected = Expected { size: listed.size, sha256: listed.sha256 };
        self.transport
            .fetch(&name, expected, cache, told)
            .map_err(|source| RepositoryError::Read { location, source })
    }
}

fn archive_name(listed: &Listed) -> String {
    format!("packages/{}", listed.file_name())
}

fn read(transport: &dyn Transport, name: &str, limit: u64) -> Result<Vec<u8>, RepositoryError> {
    let failed = |source| RepositoryError::Read { location: transport.location(name), source };
    transport.read(name, limit).map_err(failed)
}

fn latest(transport: &dyn Transport) -> Result<u64, RepositoryError> {
    let text = match read(transport, "latest", MAX_LATEST) {
        Err(RepositoryError::Read { source, .. }) if source.kind() == ErrorKind::NotFound => {
            return Err(RepositoryError::NotThere { location: transport.location("") });
        }
        text => text?,
    };
    let number = std::str::from_utf8(&text).ok().and_then(|text| text.trim_end().parse().ok());
    number.ok_or_else(|| RepositoryError::Latest { location: transport.location("latest") })
}

/// One good signature by a trusted key will do: those of the keys' own files first, then the plain one.
fn check_signature(
    transport: &dyn Transport,
    name: &str,
    text: &[u8],
    keys: &[TrustedKey],
) -> Result<(), RepositoryError> {
    let location = transport.location(name);
    for key in keys {
        let own = format!("{name}.{}.minisig", key.id());
        if let Ok(signature) = transport.read(&own, MAX_SIGNATURE) {
            return verify(&location, &signature, text, keys);
        }
    }
    let signature = transport.read(&format!("{name}.minisig"), MAX_SIGNATURE);
    let no_signature = |error: std::io::Error| RepositoryError::NoSignature {
        location: location.clone(),
        why: error.to_string(),
    };
    verify(&location, &signature.map_err(no_signature)?, text, keys)
}

fn verify(location: &str, signature: &[u8], text: &[u8], keys: &[TrustedKey]) -> Result<(), RepositoryError> {
    let location = location.to_owned();
    key::verify(keys, text, signature).map(drop).map_err(|error| match error {
        SignatureError::Unreadable(why) => RepositoryError::NoSignature { location, why },
        SignatureError::UnknownKey { signer, trusted } => {
            RepositoryError::UnknownKey { location, signer, trusted }
        }
        SignatureError::Wrong(signer) => {
            RepositoryError::BadSignature { location, signer: signer.to_string() }
        }
    })
}

fn check(index: &Index, version: u64, location: String, trust: Trust<'_>) -> Result<(), RepositoryError> {
    if index.version != version {
        return Err(RepositoryError::OtherVersion { location, found: index.version });
    }
    if let Some(seen) = trust.seen.filter(|seen| seen.name != index.name) {
        let (expected, found) = (seen.name.clone(), index.name.clone());
        return Err(RepositoryError::OtherRepository { location, expected, found });
    }
    if trust.now >= index.expires_at {
        let (expires_at, now) = (index.expires_at, trust.now);
        return Err(RepositoryError::Expired { location, days: (now - expires_at) / DAY, expires_at, now });
    }
    Ok(())
}
