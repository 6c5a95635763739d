//! Where something is in a registry: `registry.example:5000/team/app:1.0`, as Docker writes it.

use std::fmt;
use std::str::FromStr;

use medic_model::Sha256;

/// The most characters of a repository's name, with its registry (OCI distribution specification, "Pulling manifests").
const MAX_NAME: usize = 255;
/// The most characters of a tag.
const MAX_TAG: usize = 128;

/// Why a text is not the name of something in a registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// It has an address's beginning.
    #[error("'{0}' begins as an address does: write it without '{1}', such as registry.example/team/app:1.0")]
    Scheme(String, String),
    /// It names no registry.
    #[error(
        "'{0}' names no registry: write it first, such as registry.example/team/app or localhost:5000/app"
    )]
    NoRegistry(String),
    /// The registry's name cannot be one.
    #[error(
        "'{registry}' in '{text}' is not the name of a registry: it is a host, such as registry.example, \
         and maybe a colon and a port from 1 to 65535"
    )]
    Registry {
        /// All of it.
        text: String,
        /// What should be the registry.
        registry: String,
    },
    /// The repository's name cannot be one.
    #[error(
        "'{repository}' in '{text}' is not the name of a repository: it has small letters, digits, and single '.', '_', '__' \
         or '-' between these, in parts with '/' between them, at most 255 characters with the registry"
    )]
    Repository {
        /// All of it.
        text: String,
        /// What should be the repository.
        repository: String,
    },
    /// The tag cannot be one.
    #[error(
        "'{0}' is not a tag: it has 1 to 128 of the characters a-z A-Z 0-9 . _ - and begins with none of '.' and '-'"
    )]
    Tag(String),
    /// The digest cannot be one.
    #[error("'{digest}' in '{text}' is not a digest: it is 'sha256:' and 64 of the characters 0-9 a-f")]
    Digest {
        /// All of it.
        text: String,
        /// What should be the digest.
        digest: String,
    },
}

/// A tag: a name that leads to a manifest, and may be moved.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

impl Tag {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = ReferenceError;
    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if (1..=MAX_TAG).contains(&text.len()) && text.bytes().all(is_good) && !text.starts_with(['.', '-']) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ReferenceError::Tag(text.to_owned()))
        }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A repository in a registry, and maybe a tag or a digest in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<Tag>,
    digest: Option<Sha256>,
}

impl Reference {
    /// The registry as it is written: `registry.example:5000`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The host that is asked: the registry, but for Docker's own, whose name is not its host's.
    pub fn host(&self) -> &str {
        if self.registry == "docker.io" { "registry-1.docker.io" } else { &self.registry }
    }

    /// The repository's name in the registry: `team/app`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, if there is one.
    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// The digest, if there is one.
    pub fn digest(&self) -> Option<Sha256> {
        self.digest
    }

    /// The same repository, and this tag in it.
    #[must_use]
    pub fn with_tag(&self, tag: Tag) -> Self {
        Self { tag: Some(tag), digest: None, ..self.clone() }
    }

    /// The same repository.
    #[must_use]
    pub fn without_tag(&self) -> Self {
        Self { tag: None, digest: None, ..self.clone() }
    }

    /// The same repository, and this digest in it.
    #[must_use]
    pub fn with_digest(&self, digest: Sha256) -> Self {
        Self { tag: None, digest: Some(digest), ..self.clone() }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match self.digest {
            Some(digest) => write!(f, "@sha256:{digest}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;
    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(ReferenceError::Scheme(text.to_owned(), format!("{scheme}://")));
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        let digest = digest.map(|digest| read_digest(text, digest)).transpose()?;
        let (registry, rest) =
            rest.split_once('/').ok_or_else(|| ReferenceError::NoRegistry(text.to_owned()))?;
        // As Docker tells a registry from the first part of a name.
        if !registry.contains(['.', ':']) && registry != "localhost" {
            return Err(ReferenceError::NoRegistry(text.to_owned()));
        }
        if !is_registry(registry) {
            let registry = registry.to_owned();
            return Err(ReferenceError::Registry { text: text.to_owned(), registry });
        }
        let (repository, tag) = match rest.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag.parse()?)),
            None => (rest, None),
        };
        if !is_repository(repository) || registry.len() + 1 + repository.len() > MAX_NAME {
            let repository = repository.to_owned();
            return Err(ReferenceError::Repository { text: text.to_owned(), repository });
        }
        // Docker's own images have a first part that nobody writes.
        let is_short = registry == "docker.io" && !repository.contains('/');
        let repository = if is_short { format!("library/{repository}") } else { repository.to_owned() };
        Ok(Self { registry: registry.to_owned(), repository, tag, digest })
    }
}

fn read_digest(text: &str, digest: &str) -> Result<Sha256, ReferenceError> {
    // The digest's own reading takes the prefix as well: it must not stand there twice.
    let digits = digest.strip_prefix("sha256:").filter(|digits| !digits.starts_with("sha256:"));
    let read = digits.and_then(|digits| digits.parse().ok());
    read.ok_or_else(|| ReferenceError::Digest { text: text.to_owned(), digest: digest.to_owned() })
}

/// A host's name, an address, or an IPv6 address in brackets; and a port.
fn is_registry(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let is_port = |port: &str| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    let is_part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.split('.').all(is_part),
    };
    is_host && port.is_none_or(is_port)
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*` (OCI distribution specification).
pub(crate) fn is_repository(text: &str) -> bool {
    let is_sign = |c: char| matches!(c, '.' | '_' | '-');
    let is_part = |part: &str| {
        let words_are_good = part
            .split(is_sign)
            .all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()));
        // What stands between two words.
        let mut between = part.split(|c: char| !is_sign(c)).filter(|signs| !signs.is_empty());
        !part.is_empty()
            && !part.starts_with(is_sign)
            && !part.ends_with(is_sign)
            && words_are_good
            && between
                .all(|signs| matches!(signs, "." | "_" | "__") || signs.bytes().all(|byte| byte == b'-'))
    };
    text.split('/').all(is_part)
}

/// Whether a registry's name is that of this machine itself, where Docker wants no TLS.
pub fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (String, String, Option<String>, bool) {
        let reference: Reference = text.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(reference.to_string(), text);
        let tag = reference.tag().map(ToString::to_string);
        (reference.registry().into(), reference.repository().into(), tag, reference.digest().is_some())
    }

    #[test]
    fn a_reference_has_a_registry_a_repository_and_maybe_a_tag_and_a_digest() {
        let parts_of = |host: &str, name: &str, tag: Option<&str>, digest| {
            (host.to_owned(), name.to_owned(), tag.map(str::to_owned), digest)
        };
        let digest = "a1".repeat(32);
        for (text, expected) in [
            ("registry.example/app", parts_of("registry.example", "app", None, false)),
            (
                "registry.example:5000/team/app:1.0",
                parts_of("registry.example:5000", "team/app", Some("1.0"), false),
            ),
            ("localhost/a:_x", parts_of("localhost", "a", Some("_x"), false)),
            ("[::1]:5000/a__b/c", parts_of("[::1]:5000", "a__b/c", None, false)),
            ("Registry.example/a---b.c", parts_of("Registry.example", "a---b.c", None, false)),
            (&format!("r.example/a:t@sha256:{digest}"), parts_of("r.example", "a", Some("t"), true)),
            (
                "123456789012.dkr.ecr.eu-west-1.amazonaws.com/medic/nginx",
                parts_of("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "medic/nginx", None, false),
            ),
        ] {
            assert_eq!(parts(text), expected, "{text}");
        }
        let docker: Reference = "docker.io/nginx".parse().expect("good");
        assert_eq!((docker.host(), docker.repository()), ("registry-1.docker.io", "library/nginx"));
        let docker: Reference = "docker.io/medic/nginx".parse().expect("good");
        assert_eq!(docker.repository(), "medic/nginx");
    }

    #[test]
    fn each_fault_has_a_message_of_its_own() {
        let long = format!("r.example/{}", "a".repeat(250));
        let digits = "a".repeat(64);
        for (text, expected) in [
            ("", "names no registry"),
            ("nginx", "names no registry"),
            ("team/nginx", "names no registry"),
            ("https://r.example/a", "without 'https://'"),
            ("oci://r.example/a", "without 'oci://'"),
            ("r_x.example/a", "'r_x.example' in"),
            ("-r.example/a", "not the name of a registry"),
            ("r..example/a", "not the name of a registry"),
            ("r.example:0/a", "not the name of a registry"),
            ("r.example:70000/a", "not the name of a registry"),
            ("r.example:/a", "not the name of a registry"),
            ("r.example:+1/a", "not the name of a registry"),
            ("[::g]/a", "not the name of a registry"),
            (":5000/a", "not the name of a registry"),
            ("r.example/", "not the name of a repository"),
            ("r.example/A", "'A' in"),
            ("r.example/a//b", "not the name of a repository"),
            ("r.example/../b", "not the name of a repository"),
            ("r.example/a___b", "not the name of a repository"),
            ("r.example/a..b", "not the name of a repository"),
            ("r.example/a-", "not the name of a repository"),
            ("r.example/a b", "not the name of a repository"),
            ("r.example/é", "not the name of a repository"),
            (&long, "not the name of a repository"),
            ("r.example/a:", "'' is not a tag"),
            ("r.example/a:.x", "'.x' is not a tag"),
            ("r.example/a:x+y", "'x+y' is not a tag"),
            ("r.example/a:x:y", "'x:y' is not a tag"),
            ("r.example/a:x/y", "'x/y' is not a tag"),
            (&format!("r.example/a:{}", "t".repeat(129)), "is not a tag"),
            ("r.example/a@sha256:12", "'sha256:12' in"),
            (&format!("r.example/a@{digits}"), "is not a digest"),
            (&format!("r.example/a@sha512:{digits}"), "is not a digest"),
            (&format!("r.example/a@sha256:{}", "A".repeat(64)), "is not a digest"),
            (&format!("r.example/a@sha256:sha256:{digits}"), "is not a digest"),
        ] {
            let error = text.parse::<Reference>().expect_err(text).to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn this_machine_has_some_names() {
        for here in ["localhost", "localhost:5000", "127.0.0.1", "127.9.9.9:80", "[::1]", "[::1]:5000"] {
            assert!(is_this_machine(here), "{here}");
        }
        for elsewhere in ["localhost.example", "128.0.0.1", "[::2]:5000", "registry.example"] {
            assert!(!is_this_machine(elsewhere), "{elsewhere}");
        }
    }
}
