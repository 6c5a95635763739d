//! Publishing to an OCI registry: blobs, each in one request; then the manifest that keeps it; the index's tag last.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek};
use std::path::Path;

use fs_err as fs;
use medic_archive::digest;
use medic_model::Sha256;
use serde_json::{Value, json};
use ureq::http::request::Builder;
use ureq::http::{Method, Request, Response, StatusCode};
use ureq::{Agent, Body, SendBody};

use super::{IndexFiles, Place, PublishError};
use crate::http::{Failure, Http, MANIFEST, Network, persist};
use crate::index::Listed;
use crate::oci::{Address, MAX_MANIFEST, Oci, TAG, TITLE};
use crate::session::{Login, Session};
use crate::transport::Transport;

const INDEX: &str = "application/vnd.medic-os.repository.index.v1+json";
const SIGNATURE: &str = "application/vnd.medic-os.repository.signature.v1";
const ARCHIVE: &str = "application/vnd.medic-os.package.v1.tar+zstd";
const REPOSITORY_TYPE: &str = "application/vnd.medic-os.repository.v1";
const PACKAGE_TYPE: &str = "application/vnd.medic-os.package.v1";
/// The configuration of an artifact that has none (OCI image specification, "Guidance for an Empty Descriptor").
const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";
const EMPTY: &[u8] = b"{}";

/// A repository in a registry.
pub struct Registry {
    http: Http,
    address: String,
    network: Network,
    login: Option<Login>,
}

/// What a request says after its head.
enum Content<'a> {
    Nothing,
    Bytes(&'a [u8]),
    File(&'a File),
}

impl Registry {
    /// At an address ([`Address`]); `login` is for registries that want one.
    ///
    /// # Errors
    /// It is no such address, or the certificates or the proxy's address cannot be used.
    pub fn new(text: &str, network: &Network, login: Option<Login>) -> io::Result<Self> {
        let http = Http::patient(Session::new(login.clone()), &Address::parse(text)?.base(), network)?;
        let address = text.trim_end_matches('/').to_owned();
        Ok(Self { http, address, network: network.clone(), login })
    }

    fn failed(&self, source: io::Error) -> PublishError {
        PublishError::Registry { location: self.address.clone(), source }
    }

    /// Makes a request, with what the registry wants to know of who asks; `url` is whole or begins below the repository.
    fn ask(
        &self,
        method: &Method,
        url: &str,
        kind: &str,
        content: &Content<'_>,
    ) -> Result<Response<Body>, Failure> {
        let url = if url.contains("://") { url.to_owned() } else { format!("{}/{url}", self.http.base) };
        // An upload may lead to another host, which has no business with the login.
        let is_own = url.strip_prefix(self.origin()).is_some_and(|rest| rest.starts_with('/'));
        let response = self.http.admitted(|authorization| {
            let mut request = Request::builder().method(method).uri(&url).header("Accept", MANIFEST);
            if let Some(authorization) = authorization.filter(|_| is_own) {
                request = request.header("Authorization", authorization);
            }
            if !kind.is_empty() {
                request = request.header("Content-Type", kind);
            }
            send(&self.http.agent, request, content).map_err(Failure::of)
        })?;
        match response.status() {
            status if status.is_success() => Ok(response),
            status => Err(refused(status, response)),
        }
    }

    fn ask_often(
        &self,
        method: &Method,
        url: &str,
        kind: &str,
        content: &Content<'_>,
    ) -> io::Result<Response<Body>> {
        persist(|| self.ask(method, url, kind, content), || 0)
    }

    /// `https://registry.example`
    fn origin(&self) -> &str {
        let base = &self.http.base;
        let end = base.find("/v2/").unwrap_or(base.len());
        &base[..end]
    }

    fn has_blob(&self, sha256: Sha256) -> io::Result<bool> {
        let asked = self.ask_often(&Method::HEAD, &format!("blobs/sha256:{sha256}"), "", &Content::Nothing);
        match asked {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Uploads a blob that is not there, whole and in one request: the way that every registry knows. Each attempt is a new upload.
    fn put_blob(&self, sha256: Sha256, content: &Content<'_>) -> io::Result<()> {
        if self.has_blob(sha256)? {
            return Ok(());
        }
        let attempt = || {
            let begun = self.ask(&Method::POST, "blobs/uploads/", "", &Content::Bytes(b""))?;
            let place = begun.headers().get("Location").and_then(|place| place.to_str().ok());
            let place = place.ok_or_else(|| {
                Failure::final_of(io::Error::other("the registry does not say where a blob is to be put"))
            })?;
            let whole =
                if place.starts_with('/') { format!("{}{place}", self.origin()) } else { place.to_owned() };
            let sign = if whole.contains('?') { '&' } else { '?' };
            let url = format!("{whole}{sign}digest=sha256:{sha256}");
            self.ask(&Method::PUT, &url, "application/octet-stream", content).map(drop)
        };
        persist(attempt, || 0)
    }

    /// Puts a manifest under a tag, and the blob that it is made of beside its layers.
    fn put_manifest(&self, tag: &str, manifest: &[u8]) -> io::Result<()> {
        self.put_blob(digest::of_bytes(EMPTY).sha256, &Content::Bytes(EMPTY))?;
        let url = format!("manifests/{tag}");
        self.ask_often(&Method::PUT, &url, MANIFEST, &Content::Bytes(manifest)).map(drop)
    }

    fn manifest(&self, tag: &str) -> io::Result<Option<Vec<u8>>> {
        match self.http.read(&format!("manifests/{tag}"), MAX_MANIFEST) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            manifest => manifest.map(Some),
        }
    }
}

fn send(agent: &Agent, request: Builder, content: &Content<'_>) -> Result<Response<Body>, ureq::Error> {
    match content {
        Content::Nothing => agent.run(request.body(())?),
        Content::Bytes(bytes) => agent.run(request.body(*bytes)?),
        Content::File(file) => {
            let mut file = *file;
            let size = file.metadata()?.len();
            file.rewind()?;
            agent.run(request.header("Content-Length", size).body(SendBody::from_reader(&mut file))?)
        }
    }
}

/// What an answer that is no success means, in the registry's own words where it has any.
fn refused(status: StatusCode, response: Response<Body>) -> Failure {
    let mut text = String::new();
    let body = response.into_body().into_with_config().limit(u64::MAX).reader();
    let _ = body.take(4096).read_to_string(&mut text);
    let answer: Value = serde_json::from_str(&text).unwrap_or_default();
    let words: String = answer["errors"][0]["message"].as_str().unwrap_or_default().escape_debug().collect();
    let words = if words.is_empty() { words } else { format!(" ({words})") };
    let (kind, hint) = match status {
        StatusCode::NOT_FOUND => (ErrorKind::NotFound, ": perhaps the repository must be made there first"),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            (ErrorKind::PermissionDenied, ": a login that may push is needed ('docker login')")
        }
        _ => (ErrorKind::Other, ""),
    };
    let error = io::Error::new(kind, format!("the registry answers {status}{words}{hint}"));
    let transient = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
    if transient { Failure::transient_of(error) } else { Failure::final_of(error) }
}

fn layer(kind: &str, name: &str, sha256: Sha256, size: u64) -> Value {
    json!({
        "mediaType": kind,
        "digest": format!("sha256:{sha256}"),
        "size": size,
        "annotations": { TITLE: name },
    })
}

fn manifest(kind: &str, layers: &[Value]) -> Vec<u8> {
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": kind,
        "config": {
            "mediaType": EMPTY_TYPE,
            "digest": format!("sha256:{}", digest::of_bytes(EMPTY).sha256),
            "size": EMPTY.len(),
        },
        "layers": layers,
    });
    manifest.to_string().into_bytes()
}

/// The tag of an archive: for people, its name; for the digest's sake, which may not be lost to another of that name, a part of that.
fn tag(listed: &Listed) -> String {
    let name = format!("{}-v{}-{}", listed.name, listed.version, listed.arch);
    // Versions may have a '+' or a '~', and a tag may not; it has at most 128 characters.
    let name: String = name.chars().take(100).map(|c| if matches!(c, '+' | '~') { '_' } else { c }).collect();
    format!("{name}-{}", &listed.sha256.to_string()[..16])
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Place for Registry {
    fn location(&self) -> String {
        self.address.clone()
    }

    fn transport(&self) -> Result<Box<dyn Transport>, PublishError> {
        let oci = Oci::new(&self.address, &self.network, self.login.clone());
        Ok(Box::new(oci.map_err(|error| self.failed(error))?))
    }

    fn mark(&self) -> Result<Option<Vec<u8>>, PublishError> {
        self.manifest(TAG).map_err(|error| self.failed(error))
    }

    /// A registry knows no locks: that another index was published is noticed by its manifest.
    fn begin(&self) -> Result<Option<File>, PublishError> {
        Ok(None)
    }

    fn has(&self, listed: &Listed) -> Result<bool, PublishError> {
        let kept = || Ok(self.has_blob(listed.sha256)? && self.manifest(&tag(listed))?.is_some());
        kept().map_err(|error| self.failed(error))
    }

    fn put_archive(&self, listed: &Listed, archive: &Path) -> Result<(), PublishError> {
        let file = fs::File::open(archive)?.into_parts().0;
        let layers = [layer(ARCHIVE, &listed.file_name(), listed.sha256, listed.size)];
        let put = || {
            self.put_blob(listed.sha256, &Content::File(&file))?;
            self.put_manifest(&tag(listed), &manifest(PACKAGE_TYPE, &layers))
        };
        put().map_err(|error| self.failed(error))
    }

    fn put_index(&self, index: &IndexFiles, mark: Option<&[u8]>) -> Result<bool, PublishError> {
        let put = || {
            let mut layers = Vec::new();
            for (name, bytes) in &index.files {
                let sha256 = digest::of_bytes(bytes).sha256;
                self.put_blob(sha256, &Content::Bytes(bytes))?;
                let kind = if name.ends_with(".json") { INDEX } else { SIGNATURE };
                layers.push(layer(kind, name, sha256, bytes.len() as u64));
            }
            let ours = manifest(REPOSITORY_TYPE, &layers);
            // As late as can be; and whoever was quicker between this and our own request has the last word, or we.
            if self.manifest(TAG)?.as_deref() != mark {
                return Ok(false);
            }
            self.put_manifest(TAG, &ours)?;
            Ok(self.manifest(TAG)?.as_deref() == Some(&ours))
        };
        put().map_err(|error: io::Error| self.failed(error))
    }
}
