//! A repository of a real registry, to read images from and to put artifacts into.

use std::io::{self, ErrorKind, Read};

use medic_model::Sha256;
use medic_repository::registry::{Client, Content, Name, Placed, RegistryError, Tag};

use super::Place;
use crate::verify::Source;

/// Other bytes than those of the digest are told apart, as [`Source`] has it.
fn told(error: RegistryError) -> io::Error {
    match error {
        RegistryError::WrongBytes { .. } => io::Error::new(ErrorKind::InvalidData, error),
        other => other.into(),
    }
}

/// Does something with a manifest's name, which is a digest or a tag. What is no tag is the name of nothing.
fn with_name<T>(name: &str, act: impl FnOnce(Name<'_>) -> Result<T, RegistryError>) -> io::Result<T> {
    if let Some(digest) = name.strip_prefix("sha256:").and_then(|digits| digits.parse().ok()) {
        return act(Name::Digest(digest)).map_err(told);
    }
    let tag: Tag = name.parse().map_err(|error| io::Error::new(ErrorKind::InvalidInput, error))?;
    act(Name::Tag(&tag)).map_err(told)
}

impl Source for Client {
    fn manifest(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        with_name(name, |name| Self::manifest(self, name).map(|found| found.map(|manifest| manifest.bytes)))
    }

    fn referrers(&self, digest: Sha256) -> io::Result<Option<Vec<u8>>> {
        Self::referrers(self, digest).map_err(told)
    }

    fn blob(
        &self,
        digest: Sha256,
        read: &mut dyn FnMut(&mut dyn Read) -> io::Result<()>,
    ) -> io::Result<bool> {
        self.read_blob(digest, read).map_err(told)
    }
}

impl Place for Client {
    fn put_blob(&self, digest: Sha256, bytes: &[u8]) -> io::Result<bool> {
        if self.has_blob(digest).map_err(told)? {
            return Ok(false);
        }
        let placed = Self::put_blob(self, digest, Content::Bytes(bytes), &[], &|_| {}).map_err(told)?;
        Ok(placed == Placed::Sent)
    }

    fn put_manifest(&self, name: &str, media_type: &str, bytes: &[u8]) -> io::Result<()> {
        with_name(name, |name| Self::put_manifest(self, name, media_type, bytes))
    }
}
