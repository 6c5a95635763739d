//! A registry in memory, which does as it is told.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Read};

use medic_archive::digest::of_bytes;
use medic_model::Sha256;

use crate::attach::Place;
use crate::sign::SigningKey;
use crate::verify::Source;

/// The key of these tests.
pub(crate) fn key() -> SigningKey {
    SigningKey::parse(include_str!("../../sign/vectors/openssl.pem"), None).expect("a key")
}

/// What a registry has.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Memory {
    pub blobs: RefCell<BTreeMap<Sha256, Vec<u8>>>,
    pub manifests: RefCell<BTreeMap<Sha256, Vec<u8>>>,
    pub tags: RefCell<BTreeMap<String, Sha256>>,
    /// Whether it keeps indexes of referrers.
    pub keeps_referrers: bool,
    /// Whether it takes no manifest that names a subject.
    pub refuses_referrers: bool,
    /// Whether somebody else removes each tag at once.
    pub forgets_tags: bool,
}

impl Memory {
    pub fn tags(&self) -> Vec<String> {
        self.tags.borrow().keys().cloned().collect()
    }

    pub fn bytes(&self, digest: Sha256) -> Option<Vec<u8>> {
        self.blobs.borrow().get(&digest).cloned()
    }

    pub fn add(&self, bytes: &[u8]) -> Sha256 {
        let digest = of_bytes(bytes).sha256;
        self.blobs.borrow_mut().insert(digest, bytes.to_owned());
        digest
    }
}

impl Source for Memory {
    fn manifest(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let digest = match name.parse::<Sha256>() {
            Ok(digest) => Some(digest),
            Err(_) => self.tags.borrow().get(name).copied(),
        };
        Ok(digest.and_then(|digest| self.manifests.borrow().get(&digest).cloned()))
    }

    fn referrers(&self, digest: Sha256) -> io::Result<Option<Vec<u8>>> {
        if !self.keeps_referrers {
            return Ok(None);
        }
        let mut manifests = Vec::new();
        for (own, bytes) in &*self.manifests.borrow() {
            let Ok(manifest) = serde_json::from_slice::<serde_json::Value>(bytes) else { continue };
            if manifest["subject"]["digest"] == digest.oci() {
                manifests.push(serde_json::json!({"mediaType": manifest["mediaType"], "digest": own.oci(),
                    "size": bytes.len(), "artifactType": manifest["artifactType"]}));
            }
        }
        Ok(Some(serde_json::json!({"schemaVersion": 2, "manifests": manifests}).to_string().into_bytes()))
    }

    fn blob(
        &self,
        digest: Sha256,
        read: &mut dyn FnMut(&mut dyn Read) -> io::Result<()>,
    ) -> io::Result<bool> {
        let Some(bytes) = self.bytes(digest) else { return Ok(false) };
        // As after a connection that was cut off: what is read first is not all.
        drop(read(&mut bytes.as_slice().take(3)));
        read(&mut bytes.as_slice()).map(|()| true)
    }
}

impl Place for Memory {
    fn put_blob(&self, digest: Sha256, bytes: &[u8]) -> io::Result<bool> {
        assert_eq!(of_bytes(bytes).sha256, digest);
        Ok(self.blobs.borrow_mut().insert(digest, bytes.to_owned()).is_none())
    }

    fn put_manifest(&self, name: &str, _: &str, bytes: &[u8]) -> io::Result<()> {
        if self.refuses_referrers && bytes.windows(9).any(|part| part == b"\"subject\"") {
            return Err(io::Error::other("the registry answers 400 (MANIFEST_INVALID)"));
        }
        let digest = of_bytes(bytes).sha256;
        self.manifests.borrow_mut().insert(digest, bytes.to_owned());
        if name.parse::<Sha256>().is_err() && !self.forgets_tags {
            self.tags.borrow_mut().insert(name.to_owned(), digest);
        }
        Ok(())
    }
}
