//! What the registry keeps, and its interface (OCI distribution specification), with the ways of ECR.

use std::collections::{BTreeMap, HashMap};

use medic_archive::digest::of_bytes;
use serde_json::Value;

use super::http::{Reply, Request};
use super::{Mode, Mounts};

/// The least bytes of a part of an upload, but for the last.
const LEAST_PART: usize = 5 << 20;

/// What is kept. Digests are `sha256:…`.
#[derive(Debug, Default, Clone)]
pub struct Store {
    /// By repository and digest.
    pub blobs: HashMap<(String, String), Vec<u8>>,
    pub manifests: HashMap<(String, String), (String, Vec<u8>)>,
    /// By repository and tag.
    pub tags: BTreeMap<(String, String), String>,
    uploads: HashMap<String, Vec<u8>>,
    next: u64,
    /// Bytes of blobs and manifests that were taken.
    pub taken: u64,
}

fn digest(bytes: &[u8]) -> String {
    of_bytes(bytes).sha256.oci()
}

fn unknown(what: &str) -> Reply {
    Reply::refusal(404, what, "it is not known")
}

impl Store {
    /// Whether a manifest and all that it names is there, with its own bytes under each digest.
    pub fn is_whole(&self, repository: &str, name: &str) -> bool {
        let Some((_, bytes)) = self.manifests.get(&(repository.to_owned(), name.to_owned())) else {
            return false;
        };
        let document: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let list = |key: &str| document[key].as_array().cloned().unwrap_or_default();
        let named = |value: &Value| value["digest"].as_str().unwrap_or_default().to_owned();
        let blobs =
            list("layers").into_iter().chain([document["config"].clone()]).filter(|blob| !blob.is_null());
        digest(bytes) == name
            && blobs.map(|blob| named(&blob)).all(|blob| {
                let found = self.blobs.get(&(repository.to_owned(), blob.clone()));
                found.is_some_and(|bytes| digest(bytes) == blob)
            })
            && list("manifests").iter().all(|child| self.is_whole(repository, &named(child)))
    }

    pub fn answer(&mut self, request: &Request, mode: Mode, place: &dyn Fn(u64, &str) -> Reply) -> Reply {
        let path = request.path.strip_prefix("/v2/").unwrap_or_default();
        if let Some((repository, number)) = path.split_once("/blobs/uploads/") {
            return self.upload(request, repository, number, mode, place);
        }
        if let Some((repository, name)) = path.split_once("/blobs/") {
            let found = self.blobs.get(&(repository.to_owned(), name.to_owned()));
            return found.map_or_else(
                || unknown("BLOB_UNKNOWN"),
                |bytes| Reply { body: bytes.clone(), ..Reply::of(200) },
            );
        }
        match path.split_once("/manifests/") {
            Some((repository, name)) if request.method == "PUT" => {
                self.put_manifest(request, repository, name, mode)
            }
            Some((repository, name)) => self.manifest(repository, name),
            None => Reply::of(if path.is_empty() { 200 } else { 404 }),
        }
    }

    fn upload(
        &mut self,
        request: &Request,
        repository: &str,
        number: &str,
        mode: Mode,
        place: &dyn Fn(u64, &str) -> Reply,
    ) -> Reply {
        match request.method.as_str() {
            "POST" => {
                let (mount, from) = (request.value("mount"), request.value("from"));
                if let (Some(mount), Some(from)) = (mount, from) {
                    let found = self.blobs.get(&(from, mount.clone())).cloned();
                    match (mode.mounts, found) {
                        (Mounts::Done, Some(bytes)) => {
                            self.blobs.insert((repository.to_owned(), mount.clone()), bytes);
                            return Reply::of(201)
                                .with("Location", format!("/v2/{repository}/blobs/{mount}"));
                        }
                        (Mounts::Refused, _) => {
                            return Reply::refusal(405, "UNSUPPORTED", "mounts are not done");
                        }
                        _ => {}
                    }
                }
                self.next += 1;
                self.uploads.insert(self.next.to_string(), Vec::new());
                place(self.next, repository)
            }
            "PATCH" => match self.uploads.get_mut(number) {
                None => unknown("BLOB_UPLOAD_UNKNOWN"),
                // As ECR: what is too small is refused late, and what comes after the first part is lost without a word.
                Some(upload) if upload.is_empty() => {
                    upload.clone_from(&request.body);
                    Reply::of(201).with("Location", request.path.clone())
                }
                Some(upload) if upload.len() < LEAST_PART => {
                    Reply::refusal(400, "BLOB_UPLOAD_INVALID", "layer part is too small")
                }
                Some(_) => Reply::of(201).with("Location", request.path.clone()),
            },
            _ => {
                let Some(mut bytes) = self.uploads.remove(number) else {
                    return unknown("BLOB_UPLOAD_UNKNOWN");
                };
                bytes.extend_from_slice(&request.body);
                let wanted = request.value("digest").unwrap_or_default();
                if digest(&bytes) != wanted {
                    return Reply::refusal(
                        400,
                        "DIGEST_INVALID",
                        "provided digest did not match uploaded content",
                    );
                }
                self.taken += bytes.len() as u64;
                self.blobs.insert((repository.to_owned(), wanted.clone()), bytes);
                Reply::of(201).with("Docker-Content-Digest", wanted)
            }
        }
    }

    fn manifest(&self, repository: &str, name: &str) -> Reply {
        let tag = self.tags.get(&(repository.to_owned(), name.to_owned()));
        let name = tag.map_or(name, String::as_str);
        match self.manifests.get(&(repository.to_owned(), name.to_owned())) {
            Some((kind, bytes)) => Reply { body: bytes.clone(), ..Reply::of(200) }
                .with("Content-Type", kind.clone())
                .with("Docker-Content-Digest", name),
            None => unknown("MANIFEST_UNKNOWN"),
        }
    }

    fn put_manifest(&mut self, request: &Request, repository: &str, name: &str, mode: Mode) -> Reply {
        let own = digest(&request.body);
        let key = (repository.to_owned(), own.clone());
        if name.starts_with("sha256:") && name != own {
            return Reply::refusal(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
        }
        let before = self.manifests.get(&key).cloned();
        let kind = request.header("content-type").unwrap_or_default().to_owned();
        self.manifests.insert(key.clone(), (kind, request.body.clone()));
        if !self.is_whole(repository, &own) {
            match before {
                Some(before) => self.manifests.insert(key, before),
                None => self.manifests.remove(&key),
            };
            return Reply::refusal(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry");
        }
        if !name.starts_with("sha256:") {
            let tag = (repository.to_owned(), name.to_owned());
            let elsewhere = self.tags.get(&tag).is_some_and(|found| *found != own);
            if mode.immutable && elsewhere {
                let words = format!(
                    "The image tag '{name}' already exists in the '{repository}' repository and cannot be overwritten because the repository is immutable."
                );
                return Reply::refusal(400, "TAG_INVALID", &words);
            }
            self.tags.insert(tag, own.clone());
        }
        self.taken += request.body.len() as u64;
        Reply::of(201).with("Docker-Content-Digest", own)
    }
}
