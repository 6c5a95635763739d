//! A repository in an OCI registry (OCI distribution specification 1.1).
//!
//! ```text
//! tag index                            a manifest; its layers are the newest index and its signatures, each with its file name as title
//! blob sha256:<digest>                 an archive, by the digest that the signed index gives
//! tag <package>-v<version>-<arch>-…    a manifest for each archive, so that the registry keeps it
//! ```
//!
//! A manifest is replaced at once, so a reader never sees an index beside the signature of another. Trust comes from the signature
//! and the digests, as everywhere; the login is for registries that want one.

use std::cell::OnceCell;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use medic_model::Sha256;

use crate::http::{Http, Network};
use crate::session::{Login, Session, json};
use crate::transport::{Expected, Transport};

/// The tag of the newest index.
pub const TAG: &str = "index";
/// The annotation that gives a layer its file name.
pub(crate) const TITLE: &str = "org.opencontainers.image.title";
/// The most bytes of a manifest that a registry must take (OCI distribution specification, "Pushing Manifests").
pub(crate) const MAX_MANIFEST: u64 = 4 << 20;

/// Whether a text is the address of a repository in a registry.
pub fn is_address(text: &str) -> bool {
    text.starts_with("oci://") || text.starts_with("oci+http://")
}

/// Where a repository is in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The registry: `registry.example` or `registry.example:5000`.
    pub host: String,
    /// The repository's name there: `medic/packages`.
    pub name: String,
    pub(crate) is_plain: bool,
}

impl Address {
    /// Reads `oci://HOST[:PORT]/NAME`, which means `https` but for this machine itself, or `oci+http://HOST[:PORT]/NAME`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`]: it is no such address.
    pub fn parse(text: &str) -> io::Result<Self> {
        let is_good = |byte: u8, others: &[u8]| byte.is_ascii_alphanumeric() || others.contains(&byte);
        let plain = text.strip_prefix("oci+http://");
        let rest = plain.or_else(|| text.strip_prefix("oci://")).unwrap_or_default();
        match rest.trim_end_matches('/').split_once('/') {
            Some((host, name))
                if !host.is_empty()
                    && host.bytes().all(|byte| is_good(byte, b".-:[]"))
                    // Each part begins with a letter or a digit: no '..' and no empty part is among them.
                    && name.split('/').all(|part| part.bytes().next().is_some_and(|byte| is_good(byte, b"")))
                    && name.bytes().all(|byte| is_good(byte, b"._-/") && !byte.is_ascii_uppercase()) =>
            {
                let is_here = ["localhost", "127.0.0.1", "[::1]"].iter().any(|here| {
                    host.strip_prefix(here).is_some_and(|port| port.is_empty() || port.starts_with(':'))
                });
                let is_plain = plain.is_some() || is_here;
                Ok(Self { host: host.to_owned(), name: name.to_owned(), is_plain })
            }
            _ => Err(io::Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "'{text}' is not the address of a repository in a registry: it is oci://HOST[:PORT]/NAME, without a tag, in small letters"
                ),
            )),
        }
    }

    /// Where the registry's interface for the repository is.
    pub(crate) fn base(&self) -> String {
        let scheme = if self.is_plain { "http" } else { "https" };
        format!("{scheme}://{}/v2/{}", self.host, self.name)
    }
}

/// A repository in a registry.
pub struct Oci {
    http: Http,
    address: String,
    /// The layers of the manifest that the tag led to when it was first asked for: their titles and digests.
    files: OnceCell<Vec<(String, Sha256)>>,
}

impl Oci {
    /// At an address; `login` gives who asks, by the registry's host.
    ///
    /// # Errors
    /// As [`Address::parse`] and [`Http::new`].
    pub fn new(text: &str, network: &Network, login: Option<Login>) -> io::Result<Self> {
        let address = Address::parse(text)?;
        let http = Http::with(Session::new(login), &address.base(), network)?;
        Ok(Self { http, address: text.trim_end_matches('/').to_owned(), files: OnceCell::new() })
    }

    fn files(&self) -> io::Result<&[(String, Sha256)]> {
        if let Some(files) = self.files.get() {
            return Ok(files);
        }
        let files = files(&self.http.read(&format!("manifests/{TAG}"), MAX_MANIFEST)?);
        Ok(self.files.get_or_init(|| files))
    }
}

/// The titles and digests of a manifest's layers; those that have none are passed over.
fn files(manifest: &[u8]) -> Vec<(String, Sha256)> {
    let mut files = Vec::new();
    for layer in json(manifest)["layers"].as_array().into_iter().flatten() {
        let digest = layer["digest"].as_str().and_then(|digest| digest.strip_prefix("sha256:"));
        let digest = digest.and_then(|digest| digest.parse().ok());
        if let (Some(title), Some(digest)) = (layer["annotations"][TITLE].as_str(), digest) {
            files.push((title.to_owned(), digest));
        }
    }
    files
}

impl fmt::Debug for Oci {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Oci").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Transport for Oci {
    fn location(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    fn read(&self, name: &str, limit: u64) -> io::Result<Vec<u8>> {
        let files = self.files()?;
        if name == "latest" {
            // What the index's own name says.
            let number = |(name, _): &(String, Sha256)| {
                Some(name.strip_prefix("index-")?.strip_suffix(".json")?.as_bytes().to_owned())
            };
            return Ok(files.iter().find_map(number).unwrap_or_default());
        }
        match files.iter().find(|(title, _)| title == name) {
            Some((_, digest)) => self.http.read(&format!("blobs/sha256:{digest}"), limit),
            None => Err(io::Error::new(ErrorKind::NotFound, "the tag's manifest has no such file")),
        }
    }

    fn fetch(&self, _: &str, expected: Expected, cache: &Path, told: &dyn Fn(u64)) -> io::Result<PathBuf> {
        self.http.fetch(&format!("blobs/sha256:{}", expected.sha256), expected, cache, told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leads_to_https_but_on_this_machine() {
        let base = |text: &str| Address::parse(text).map(|address| address.base()).ok();
        for (text, expected) in [
            ("oci://registry.example/medic/packages", "https://registry.example/v2/medic/packages"),
            ("oci://registry.example:5000/a/", "https://registry.example:5000/v2/a"),
            ("oci+http://registry.example:5000/a", "http://registry.example:5000/v2/a"),
            ("oci://localhost:5000/a", "http://localhost:5000/v2/a"),
            ("oci://127.0.0.1/a", "http://127.0.0.1/v2/a"),
            ("oci://[::1]:5000/a", "http://[::1]:5000/v2/a"),
            ("oci://localhost.example/a", "https://localhost.example/v2/a"),
            ("oci://127.0.0.12:80/a", "https://127.0.0.12:80/v2/a"),
        ] {
            assert_eq!(base(text).as_deref(), Some(expected), "{text}");
        }
        for bad in [
            "oci://",
            "oci://host",
            "oci://host/",
            "oci:///a",
            "oci://host/a:tag",
            "oci://host/a@sha256:00",
            "oci://name:word@host/a",
            "oci://host/../b",
            "oci://host/a//b",
            "oci://host/A",
            "oci://host/a?x",
            "oci://host/a b",
            "docker://host/a",
        ] {
            assert_eq!(base(bad), None, "{bad} was taken");
        }
    }

    /// Nothing of a manifest becomes a part of an address but digests.
    #[test]
    fn layers_without_a_title_or_a_digest_are_passed_over() {
        let digest = "0".repeat(64);
        let layer =
            |digest: &str, title: &str| serde_json::json!({"digest": digest, "annotations": {TITLE: title}});
        let manifest = serde_json::json!({"layers": [
            layer(&format!("sha256:{digest}"), "index-7.json"),
            layer("sha256:../../secret", "index-8.json"),
            layer(&digest, "index-9.json"),
            {"digest": format!("sha256:{digest}")},
            7,
        ]});
        let found = files(manifest.to_string().as_bytes());
        assert_eq!(found, [("index-7.json".to_owned(), Sha256::from_bytes([0; 32]))]);
        for none in ["", "[]", "{}", r#"{"layers": 7}"#] {
            assert_eq!(files(none.as_bytes()), [], "{none}");
        }
    }
}
