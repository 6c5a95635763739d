//! Manifests, by tag or digest; and tags.

use std::fmt;

use medic_archive::digest;
use medic_model::Sha256;
use ureq::http::Method;
use ureq::http::header::{ACCEPT, CONTENT_TYPE, LINK};

use super::blobs::{Content, DIGEST};
use super::error::{RegistryError, Trouble};
use super::exchange::{Ask, header, resolved};
use super::{Client, Tag};
use crate::http::whole;
use crate::oci::MAX_MANIFEST;
use crate::session::json;

/// What manifests are asked for as: a registry may have others under the same name.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";
/// The most bytes of a page of tags, and the most pages.
const MAX_PAGE: u64 = 4 << 20;
const MAX_PAGES: usize = 1000;

/// What a manifest is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name<'a> {
    /// By a tag, which may be moved.
    Tag(&'a Tag),
    /// By its digest.
    Digest(Sha256),
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(sha256) => write!(f, "sha256:{sha256}"),
        }
    }
}

/// A manifest, or an index of manifests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// What kind it is, such as `application/vnd.oci.image.index.v1+json`; may be empty.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Of its bytes.
    pub digest: Sha256,
}

impl Client {
    /// Reads a manifest; none where it is not there. Bytes that have not the digest that was asked for are an error.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn manifest(&self, name: Name<'_>) -> Result<Option<Manifest>, RegistryError> {
        let url = format!("manifests/{name}");
        self.persist(|_| {
            let ask = Ask { headers: &[(ACCEPT, MANIFESTS)], ..Ask::new(Method::GET, &url) };
            let answer = match self.exchange.ask(&ask) {
                Err(trouble) if trouble.error.is_not_found() => return Ok(None),
                answer => answer?,
            };
            let media_type = header(&answer.response, &CONTENT_TYPE).unwrap_or_default().to_owned();
            let bytes = whole(answer.response, MAX_MANIFEST).map_err(|failure| Trouble {
                is_transient: failure.transient,
                ..Trouble::last(RegistryError::NoAnswer {
                    request: self.exchange.shown(&Method::GET, &url),
                    source: failure.error,
                })
            })?;
            let found = digest::of_bytes(&bytes).sha256;
            match name {
                Name::Digest(expected) if expected != found => {
                    let request = self.exchange.shown(&Method::GET, &url);
                    Err(Trouble::transient(RegistryError::WrongBytes { request, expected, found }))
                }
                _ => Ok(Some(Manifest { media_type, bytes, digest: found })),
            }
        })
    }

    /// The digest of what is there under this name; none where nothing is.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn resolve(&self, name: Name<'_>) -> Result<Option<Sha256>, RegistryError> {
        let url = format!("manifests/{name}");
        let asked = self.persist(|_| {
            let ask = Ask { headers: &[(ACCEPT, MANIFESTS)], ..Ask::new(Method::HEAD, &url) };
            match self.exchange.ask(&ask) {
                Err(trouble) if trouble.error.is_not_found() => Ok(None),
                answer => Ok(Some(header(&answer?.response, &DIGEST).unwrap_or_default().to_owned())),
            }
        })?;
        let Some(text) = asked else { return Ok(None) };
        match text.strip_prefix("sha256:").and_then(|digest| digest.parse().ok()) {
            Some(sha256) => Ok(Some(sha256)),
            // Whoever does not say it, or says it in another form, is asked for the whole of it.
            None => Ok(self.manifest(name)?.map(|manifest| manifest.digest)),
        }
    }

    /// Puts a manifest there. All that it names must be there already.
    ///
    /// # Errors
    /// [`RegistryError`]: also where a tag leads elsewhere already and the registry lets none be moved.
    pub fn put_manifest(&self, name: Name<'_>, media_type: &str, bytes: &[u8]) -> Result<(), RegistryError> {
        let url = format!("manifests/{name}");
        self.persist(|_| {
            let headers = [(CONTENT_TYPE, media_type)];
            let content = Some(Content::Bytes(bytes));
            let ask = Ask { headers: &headers, content, ..Ask::new(Method::PUT, &url) };
            self.exchange.ask(&ask).map(drop)
        })
    }

    /// All tags of the repository, in the registry's order; none where there is no such repository.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn tags(&self) -> Result<Vec<String>, RegistryError> {
        let (mut url, mut tags) = (format!("{}/tags/list", self.exchange.base), Vec::new());
        for _ in 0..MAX_PAGES {
            let (page, next) = self.persist(|_| {
                let answer = match self.exchange.ask(&Ask::new(Method::GET, &url)) {
                    Err(trouble) if trouble.error.is_not_found() => return Ok((Vec::new(), None)),
                    answer => answer?,
                };
                let next =
                    header(&answer.response, &LINK).and_then(next).map(|next| resolved(&answer.url, next));
                let page = whole(answer.response, MAX_PAGE).map_err(|failure| Trouble {
                    is_transient: failure.transient,
                    ..Trouble::last(RegistryError::NoAnswer {
                        request: self.exchange.shown(&Method::GET, &url),
                        source: failure.error,
                    })
                })?;
                Ok((page, next))
            })?;
            let names = json(&page);
            let names = names["tags"].as_array().into_iter().flatten();
            tags.extend(names.filter_map(|name| name.as_str()).map(str::to_owned));
            match next {
                Some(next) => url = next,
                None => return Ok(tags),
            }
        }
        let request = self.exchange.shown(&Method::GET, &url);
        Err(RegistryError::Nonsense { request, why: "the registry has tags without end".to_owned() })
    }
}

/// The next page of a list: `<…>; rel="next"` (RFC 8288).
fn next(link: &str) -> Option<&str> {
    let (address, rest) = link.trim_start().strip_prefix('<')?.split_once('>')?;
    rest.contains("next").then_some(address)
}
