//! Blobs: asked for by digest, mounted from another repository, uploaded whole and in one request.

use std::path::Path;

use medic_archive::digest;
use medic_model::Sha256;
use ureq::http::header::{CONTENT_TYPE, LOCATION};
use ureq::http::{HeaderName, Method, StatusCode};

use super::Client;
use super::error::{RegistryError, Trouble};
use super::exchange::{Answer, Ask, header, resolved};
use crate::http::whole;

/// The digest of what a registry has taken or gives.
pub(super) const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
/// The number of an upload, from which its address can be made where that is not said.
const UPLOAD: HeaderName = HeaderName::from_static("docker-upload-uuid");

/// What is uploaded.
#[derive(Debug, Clone, Copy)]
pub enum Content<'a> {
    /// Some bytes.
    Bytes(&'a [u8]),
    /// A file, from its beginning to its end.
    File {
        /// The file.
        path: &'a Path,
        /// Its bytes.
        size: u64,
    },
}

/// How a blob came to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    /// It was sent.
    Sent,
    /// It was there, after all.
    There,
    /// Another repository of the registry has it.
    Mounted,
}

/// What came of the beginning of an upload.
enum Begun {
    Mounted,
    /// The content goes to this address.
    At(String),
}

impl Client {
    /// Whether the repository has a blob.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn has_blob(&self, sha256: Sha256) -> Result<bool, RegistryError> {
        self.persist(|_| self.has_blob_now(sha256))
    }

    fn has_blob_now(&self, sha256: Sha256) -> Result<bool, Trouble> {
        match self.exchange.ask(&Ask::new(Method::HEAD, &format!("blobs/sha256:{sha256}"))) {
            Ok(_) => Ok(true),
            Err(trouble) if trouble.error.is_not_found() => Ok(false),
            Err(trouble) => Err(trouble),
        }
    }

    /// Reads a blob of at most `limit` bytes; none where the repository has it not.
    ///
    /// # Errors
    /// [`RegistryError`]; also where its bytes have another digest.
    pub fn blob(&self, sha256: Sha256, limit: u64) -> Result<Option<Vec<u8>>, RegistryError> {
        let url = format!("blobs/sha256:{sha256}");
        let read = |_| {
            let request = || self.exchange.shown(&Method::GET, &url);
            let answer = match self.exchange.ask(&Ask::new(Method::GET, &url)) {
                Err(trouble) if trouble.error.is_not_found() => return Ok(None),
                answer => answer?,
            };
            let bytes = whole(answer.response, limit).map_err(|failure| Trouble {
                is_transient: failure.transient,
                ..Trouble::last(RegistryError::NoAnswer { request: request(), source: failure.error })
            })?;
            let found = digest::of_bytes(&bytes).sha256;
            if found == sha256 {
                return Ok(Some(bytes));
            }
            Err(Trouble::transient(RegistryError::WrongBytes { request: request(), expected: sha256, found }))
        };
        self.persist(read)
    }

    /// Uploads a blob. Each attempt is a new upload; between two attempts it is asked for, since only the answer may have been lost.
    /// `others` are repositories of the same registry that may have it: then nothing is sent. `told` hears how many bytes of it
    /// have gone; with each attempt that begins anew.
    ///
    /// # Errors
    /// [`RegistryError`]; a file that is not what its digest says is told apart.
    pub fn put_blob(
        &self,
        sha256: Sha256,
        content: Content<'_>,
        others: &[String],
        told: &dyn Fn(u64),
    ) -> Result<Placed, RegistryError> {
        self.persist(|attempt| {
            if attempt > 0 && self.has_blob_now(sha256)? {
                return Ok(Placed::There);
            }
            // Whoever failed once is asked in the ordinary way.
            let begun = others.iter().take(if attempt == 0 { others.len() } else { 0 });
            match self.begin_with(sha256, begun)? {
                Begun::Mounted => Ok(Placed::Mounted),
                Begun::At(url) => self.upload(&url, sha256, content, told).map(|()| Placed::Sent),
            }
        })
    }

    /// Where an upload goes that was just begun by this answer.
    fn place(&self, ask: &Ask<'_>, answer: &Answer) -> Result<String, Trouble> {
        if let Some(place) = header(&answer.response, &LOCATION).filter(|place| !place.is_empty()) {
            return Ok(resolved(&answer.url, place));
        }
        match header(&answer.response, &UPLOAD) {
            Some(number)
                if number.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_=.".contains(&byte)) =>
            {
                Ok(format!("{}/blobs/uploads/{number}", self.exchange.base))
            }
            _ => Err(self.exchange.nonsense(ask, "the registry does not say where a blob is to be put")),
        }
    }

    fn begin(&self) -> Result<Begun, Trouble> {
        let ask = Ask::new(Method::POST, "blobs/uploads/");
        let answer = self.exchange.ask(&ask)?;
        Ok(Begun::At(self.place(&ask, &answer)?))
    }

    /// Begins with the others, one after the other, until one has it; an upload that one of them began is used.
    fn begin_with<'a>(
        &self,
        sha256: Sha256,
        others: impl Iterator<Item = &'a String>,
    ) -> Result<Begun, Trouble> {
        let mut upload = None;
        for other in others {
            match self.begin_mount(sha256, other)? {
                Some(Begun::Mounted) => return Ok(Begun::Mounted),
                begun => upload = begun.or(upload),
            }
        }
        upload.map_or_else(|| self.begin(), Ok)
    }

    /// Asks for a blob of another repository. Whoever cannot or will not do that begins an upload instead, or refuses: none.
    fn begin_mount(&self, sha256: Sha256, from: &str) -> Result<Option<Begun>, Trouble> {
        let url = format!("blobs/uploads/?mount=sha256:{sha256}&from={from}");
        let ask = Ask::new(Method::POST, &url);
        match self.exchange.ask(&ask) {
            Ok(answer) if answer.response.status() == StatusCode::CREATED => Ok(Some(Begun::Mounted)),
            Ok(answer) => Ok(self.place(&ask, &answer).map(Begun::At).ok()),
            Err(trouble) if trouble.is_transient => Err(trouble),
            Err(_) => Ok(None),
        }
    }

    fn upload(
        &self,
        url: &str,
        sha256: Sha256,
        content: Content<'_>,
        told: &dyn Fn(u64),
    ) -> Result<(), Trouble> {
        let url = format!("{url}{}digest=sha256:{sha256}", if url.contains('?') { '&' } else { '?' });
        let headers = [(CONTENT_TYPE, "application/octet-stream")];
        let ask = Ask { headers: &headers, content: Some(content), told, ..Ask::new(Method::PUT, &url) };
        match self.exchange.ask(&ask) {
            Ok(answer) => match header(&answer.response, &DIGEST) {
                Some(found) if found != format!("sha256:{sha256}") => {
                    Err(self.exchange.nonsense(&ask, "the registry says that it has taken other bytes"))
                }
                _ => Ok(()),
            },
            Err(trouble) => Err(again(trouble, sha256, content)),
        }
    }
}

/// What of a refused upload could go well when it is begun anew: the registry forgot it, or says that it got other bytes than those of the
/// digest, and that is not our file's fault.
fn again(trouble: Trouble, expected: Sha256, content: Content<'_>) -> Trouble {
    let RegistryError::Refused { status, .. } = trouble.error else { return trouble };
    if status == 400
        && let Content::File { path, .. } = content
    {
        let path = path.to_owned();
        match digest::of_file(&path) {
            Ok(found) if found.sha256 == expected => {}
            Ok(_) => return Trouble::last(RegistryError::Damaged { path, expected }),
            Err(source) => return Trouble::last(RegistryError::File { path, source }),
        }
    }
    Trouble { is_transient: trouble.is_transient || matches!(status, 400 | 404 | 416), ..trouble }
}
