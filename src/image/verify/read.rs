//! Documents read from a registry that may be hostile: each is of a size that was announced or is bounded, has the digest that it was
//! asked for by, and is of the form that it should have.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read};

use medic_archive::digest::{DigestReader, of_bytes};
use medic_model::Sha256;
use serde::Deserialize;

use super::Source;
use super::problem::{Fault, Problem, VerifyError};

/// The most bytes of a manifest or an index (OCI distribution specification, "Pushing Manifests").
pub(super) const MAX_MANIFEST: u64 = 4 << 20;
/// The most images of an index, layers of an image, and things attached to one.
pub(super) const MAX_IMAGES: usize = 64;
pub(super) const MAX_LAYERS: usize = 256;
pub(super) const MAX_ATTACHED: usize = 64;

/// A manifest or an index, as far as it is looked at.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    #[serde(default)]
    pub artifact_type: String,
    pub config: Option<Descriptor>,
    pub layers: Option<Vec<Descriptor>>,
    pub manifests: Option<Vec<Descriptor>>,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// What a document says of another.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    #[serde(default)]
    pub media_type: String,
    pub digest: String,
    pub size: u64,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    pub platform: Option<Platform>,
}

/// What an image of an index runs on.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Platform {
    #[serde(default)]
    pub os: String,
    #[serde(default)]
    pub architecture: String,
}

impl Descriptor {
    pub fn sha256(&self, what: &str) -> Result<Sha256, Fault> {
        let digest = self.digest.strip_prefix("sha256:").and_then(|digits| digits.parse().ok());
        digest.ok_or_else(|| {
            Fault::unusable(what, format!("'{}' is no SHA-256 digest", self.digest.escape_debug()))
        })
    }
}

fn failed(name: &str, source: io::Error) -> Fault {
    Fault::Error(VerifyError::Registry { name: name.to_owned(), source })
}

/// A manifest or an index by its digest; `size` is what was announced, where it was.
pub(super) fn by_digest(
    source: &dyn Source,
    what: &str,
    digest: Sha256,
    size: Option<u64>,
) -> Result<Vec<u8>, Fault> {
    let expected = digest.oci();
    let tampered = |found| Problem::Tampered { what: what.to_owned(), expected: expected.clone(), found };
    let bytes = match source.manifest(&expected) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Err(Problem::Missing { what: what.to_owned(), digest: expected }.into()),
        Err(error) if error.kind() == ErrorKind::InvalidData => return Err(tampered(None).into()),
        Err(error) => return Err(failed(&expected, error)),
    };
    let found = of_bytes(&bytes);
    if found.sha256 != digest {
        return Err(tampered(Some(found.sha256.oci())).into());
    }
    match size {
        Some(size) if size != found.size => {
            Err(Problem::WrongSize { what: what.to_owned(), expected: size, found: found.size }.into())
        }
        _ => Ok(bytes),
    }
}

/// What a tag leads to, if to anything.
pub(super) fn by_tag(source: &dyn Source, tag: &str) -> Result<Option<Vec<u8>>, Fault> {
    source.manifest(tag).map_err(|error| failed(tag, error))
}

/// What a registry's own index of referrers is, or the one under the tag that stands for it.
pub(super) fn referrers(source: &dyn Source, digest: Sha256) -> Result<Option<Vec<u8>>, Fault> {
    let kept = source.referrers(digest).map_err(|error| failed(&digest.oci(), error))?;
    match kept {
        Some(index) => Ok(Some(index)),
        None => by_tag(source, &crate::attach::tag(digest, "")),
    }
}

pub(super) fn parse(what: &str, bytes: &[u8]) -> Result<Document, Fault> {
    if bytes.len() as u64 > MAX_MANIFEST {
        return Err(Fault::unusable(what, format!("it has more than {MAX_MANIFEST} bytes")));
    }
    serde_json::from_slice(bytes).map_err(|error| Fault::unusable(what, error))
}

/// A blob that is announced, whole; of more than `limit` bytes it is not read.
pub(super) fn blob(
    source: &dyn Source,
    what: &str,
    descriptor: &Descriptor,
    limit: u64,
) -> Result<Vec<u8>, Fault> {
    if descriptor.size > limit {
        let why = format!("{} bytes are announced, and {limit} may be", descriptor.size);
        return Err(Fault::unusable(what, why));
    }
    let mut bytes = Vec::new();
    stream(source, what, descriptor, &mut |reader| {
        bytes.clear();
        reader.read_to_end(&mut bytes).map(drop)
    })?;
    Ok(bytes)
}

/// Has a blob read, and compares it with what was announced of it. What `read` leaves is read as well; what it says of its own, such
/// as that this is no archive, counts only when the bytes are the right ones.
pub(super) fn stream(
    source: &dyn Source,
    what: &str,
    descriptor: &Descriptor,
    read: &mut dyn FnMut(&mut dyn Read) -> io::Result<()>,
) -> Result<(), Fault> {
    let digest = descriptor.sha256(what)?;
    let mut result = Ok(());
    let mut found = None;
    let there = source.blob(digest, &mut |reader| {
        // One byte more than there may be shows that there are more.
        let mut reader = Watched {
            inner: DigestReader::new(reader.take(descriptor.size.saturating_add(1))),
            failed: None,
        };
        result = read(&mut reader);
        // What the network did is kept, with its words, and is for whoever tries again.
        drop(io::copy(&mut reader, &mut io::sink()));
        match reader.failed.take() {
            Some(error) => Err(error),
            None => {
                found = Some(reader.inner.finish());
                Ok(())
            }
        }
    });
    match there {
        Ok(true) => {}
        Ok(false) => return Err(Problem::Missing { what: what.to_owned(), digest: digest.oci() }.into()),
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            return Err(
                Problem::Tampered { what: what.to_owned(), expected: digest.oci(), found: None }.into()
            );
        }
        Err(error) => return Err(failed(&digest.oci(), error)),
    }
    match found {
        Some(found) if found.size != descriptor.size => {
            Err(Problem::WrongSize { what: what.to_owned(), expected: descriptor.size, found: found.size }
                .into())
        }
        Some(found) if found.sha256 != digest => {
            let (expected, found) = (digest.oci(), Some(found.sha256.oci()));
            Err(Problem::Tampered { what: what.to_owned(), expected, found }.into())
        }
        _ => result.map_err(|error| Fault::unusable(what, error)),
    }
}

/// Keeps the network's error, which decoders wrap in their own.
struct Watched<R> {
    inner: R,
    failed: Option<io::Error>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(error) = &self.failed {
            return Err(error.kind().into());
        }
        self.inner.read(buffer).inspect_err(|error| {
            if error.kind() != ErrorKind::Interrupted {
                self.failed = Some(io::Error::new(error.kind(), error.to_string()));
            }
        })
    }
}
