//! What is read of an image that somebody else may have put there: blobs as they come, and what refers to a manifest.

use std::io::{self, Read};

use medic_model::Sha256;
use ureq::http::Method;
use ureq::http::header::ACCEPT;

use super::Client;
use super::error::{RegistryError, Trouble};
use super::exchange::Ask;
use crate::http::whole;
use crate::oci::MAX_MANIFEST;

/// What an index is asked for as.
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

impl Client {
    /// Has a blob read from its beginning to its end, again from its beginning when it was cut off; says whether there is one. What comes
    /// is whatever the registry gives: whoever reads compares it with the digest.
    ///
    /// # Errors
    /// [`RegistryError`], also for an error that `read` gives on.
    pub fn read_blob(
        &self,
        sha256: Sha256,
        read: &mut dyn FnMut(&mut dyn Read) -> io::Result<()>,
    ) -> Result<bool, RegistryError> {
        let url = format!("blobs/sha256:{sha256}");
        self.persist(|_| {
            let answer = match self.exchange.ask(&Ask::new(Method::GET, &url)) {
                Err(trouble) if trouble.error.is_not_found() => return Ok(false),
                answer => answer?,
            };
            let mut body = answer.response.into_body().into_with_config().limit(u64::MAX).reader();
            let cut_off =
                |source| RegistryError::NoAnswer { request: self.exchange.shown(&Method::GET, &url), source };
            read(&mut body).map_err(|error| Trouble::transient(cut_off(error)))?;
            Ok(true)
        })
    }

    /// The registry's index of what refers to a manifest (OCI distribution specification, "Listing Referrers"); none where the registry
    /// keeps no such indexes.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn referrers(&self, sha256: Sha256) -> Result<Option<Vec<u8>>, RegistryError> {
        let url = format!("referrers/sha256:{sha256}");
        self.persist(|_| {
            let ask = Ask { headers: &[(ACCEPT, INDEX)], ..Ask::new(Method::GET, &url) };
            let answer = match self.exchange.ask(&ask) {
                // A registry that does not know the request says so in one of these ways.
                Err(Trouble {
                    error: RegistryError::Refused { status: 400 | 404 | 405 | 501, .. }, ..
                }) => {
                    return Ok(None);
                }
                answer => answer?,
            };
            let bytes = whole(answer.response, MAX_MANIFEST).map_err(|failure| Trouble {
                is_transient: failure.transient,
                ..Trouble::last(RegistryError::NoAnswer {
                    request: self.exchange.shown(&Method::GET, &url),
                    source: failure.error,
                })
            })?;
            Ok(Some(bytes))
        })
    }
}
