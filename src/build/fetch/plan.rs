//! What is wanted, and where it is looked for, in order: a value that can be looked at before anything is done.

use std::collections::HashMap;
use std::path::PathBuf;

use medic_model::recipe::{FileSource, GitTree, Location, PypiFile, RegistryPackage};
use medic_model::{ByteSize, Sha256, Sha512};

use super::access::{Access, Mirror};

/// A file that is wanted: several sources with one digest are one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Want {
    pub sha256: Sha256,
    pub sha512: Option<Sha512>,
    pub max_size: ByteSize,
    pub label: String,
    pub candidates: Vec<Candidate>,
}

/// A place where it is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Candidate {
    /// A file on this machine.
    File { path: PathBuf, what: &'static str },
    /// An HTTP address.
    Web { url: String },
    /// A `debian` location on a machine that has no Debian mirror.
    NoDebian,
    /// The Python package index.
    Pypi(PypiFile),
    /// The npm registry.
    Npm(RegistryPackage),
    /// The crate registry.
    Crate(RegistryPackage),
    /// A git repository.
    Git(GitTree),
}

impl Candidate {
    /// The place, for people; also what a partial file is kept under, so it never has a password in it.
    pub(super) fn location(&self) -> String {
        match self {
            Self::File { path, what } => format!("{what} {}", path.display()),
            Self::Web { url } => shown(url),
            Self::NoDebian => "Debian mirror".to_owned(),
            Self::Pypi(file) => format!("Python package index: {}", file.file),
            Self::Npm(package) => format!("npm registry: {}@{}", package.name, package.version),
            Self::Crate(package) => format!("crate registry: {} {}", package.name, package.version),
            Self::Git(tree) => format!("git: {} {}", shown(&tree.url), tree.commit),
        }
    }

    /// Whether it can be had without the network.
    pub(super) fn is_local(&self) -> bool {
        matches!(self, Self::File { .. })
    }
}

/// An address without the user and password that it may hold.
pub(crate) fn shown(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let host = rest[..end].rsplit('@').next().unwrap_or_default();
            format!("{scheme}://{host}{}", &rest[end..])
        }
        None => url.to_owned(),
    }
}

/// The files that are wanted, each once, in the order of `sources`.
pub(super) fn wants(sources: &[&FileSource], access: &Access) -> Vec<Want> {
    let mut wants: Vec<Want> = Vec::new();
    let mut known: HashMap<Sha256, usize> = HashMap::new();
    for source in sources {
        match known.get(&source.sha256) {
            None => {
                known.insert(source.sha256, wants.len());
                wants.push(want(source, access));
            }
            Some(index) => wants[*index].merge(want(source, access)),
        }
    }
    wants
}

impl Want {
    fn merge(&mut self, other: Self) {
        self.sha512 = self.sha512.or(other.sha512);
        self.max_size = self.max_size.max(other.max_size);
        let new: Vec<_> =
            other.candidates.into_iter().filter(|place| !self.candidates.contains(place)).collect();
        self.candidates.extend(new);
    }
}

fn want(source: &FileSource, access: &Access) -> Want {
    let mirrors = access.mirrors.iter().flat_map(|mirror| in_mirror(mirror, &source.sha256));
    let own = source.locations.iter().flat_map(|location| candidates(location, access));
    let all = mirrors.chain(own).filter(|candidate| !access.offline || candidate.is_local());
    Want {
        sha256: source.sha256,
        sha512: source.sha512,
        max_size: source.max_size,
        label: label(source),
        candidates: all.collect(),
    }
}

fn in_mirror(mirror: &Mirror, sha256: &Sha256) -> Vec<Candidate> {
    let names = [format!("sha256/{sha256}"), sha256.to_string()];
    let place = |name: String| match mirror {
        Mirror::Directory(folder) => Candidate::File { path: folder.join(name), what: "mirror" },
        Mirror::Url(base) => Candidate::Web { url: format!("{base}/{name}") },
    };
    names.into_iter().map(place).collect()
}

pub(super) fn candidates(location: &Location, access: &Access) -> Vec<Candidate> {
    let one = |candidate| vec![candidate];
    match location {
        Location::Path(path) => one(Candidate::File { path: access.workspace.join(path), what: "file" }),
        Location::Url(url) => one(Candidate::Web { url: url.clone() }),
        Location::Debian(_) if access.debian.is_empty() => one(Candidate::NoDebian),
        Location::Debian(path) => access.debian.iter().map(|base| in_debian(base, path.as_str())).collect(),
        Location::Pypi(file) => one(Candidate::Pypi(file.clone())),
        Location::Npm(package) => one(Candidate::Npm(package.clone())),
        Location::Crate(package) => one(Candidate::Crate(package.clone())),
        Location::Git(tree) => one(Candidate::Git(tree.clone())),
    }
}

fn in_debian(base: &str, path: &str) -> Candidate {
    match base.strip_prefix("file:") {
        Some(folder) => {
            let folder = folder.strip_prefix("//").unwrap_or(folder);
            Candidate::File { path: PathBuf::from(folder).join(path), what: "Debian mirror" }
        }
        None => Candidate::Web { url: format!("{}/{path}", base.trim_end_matches('/')) },
    }
}

/// A name for people: that of the file, as the first location that has one calls it.
pub(super) fn label(source: &FileSource) -> String {
    let last = |text: &str| text.trim_end_matches('/').rsplit('/').next().unwrap_or(text).to_owned();
    let name = |location: &Location| match location {
        Location::Url(url) => last(url.split(['?', '#']).next().unwrap_or(url)),
        Location::Debian(path) | Location::Path(path) => path.file_name().to_owned(),
        Location::Pypi(file) => file.file.clone(),
        Location::Npm(package) => format!("{}-{}.tgz", package.name, package.version),
        Location::Crate(package) => format!("{}-{}.crate", package.name, package.version),
        Location::Git(tree) => format!("{} {}", last(&tree.url), &tree.commit[..tree.commit.len().min(12)]),
    };
    source.locations.first().map_or_else(|| source.sha256.to_string(), name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::{Programs, Proxy};

    fn access(offline: bool) -> Access {
        Access {
            workspace: "/workspace".into(),
            mirrors: Mirror::parse_list("/mirror https://m.example"),
            debian: vec!["http://deb.example/debian/".to_owned(), "file:///srv/debian".to_owned()],
            cargo_home: None,
            proxy: Proxy::None,
            programs: Programs::default(),
            offline,
            user_agent: "test".to_owned(),
        }
    }

    fn source(digest: u8, locations: Vec<Location>) -> FileSource {
        FileSource {
            sha256: Sha256::from_bytes([digest; 32]),
            sha512: None,
            max_size: ByteSize(10),
            locations,
            into: None,
            unpack: true,
            strip: 1,
        }
    }

    #[test]
    fn places_are_tried_in_the_documented_order() {
        let pool = Location::Debian("pool/x.tar.gz".parse().expect("a path"));
        let source =
            source(0xab, vec![Location::Url("https://user:secret@u.example/x.tar.gz?v=1".to_owned()), pool]);
        let places = |offline| {
            let wants = wants(&[&source], &access(offline));
            wants[0].candidates.iter().map(Candidate::location).collect::<Vec<_>>()
        };
        let digits = "ab".repeat(32);
        let expected = [
            format!("mirror /mirror/sha256/{digits}"),
            format!("mirror /mirror/{digits}"),
            format!("https://m.example/sha256/{digits}"),
            format!("https://m.example/{digits}"),
            "https://u.example/x.tar.gz?v=1".to_owned(),
            "http://deb.example/debian/pool/x.tar.gz".to_owned(),
            "Debian mirror /srv/debian/pool/x.tar.gz".to_owned(),
        ];
        assert_eq!(places(false), expected);
        assert_eq!(
            places(true),
            [&expected[..2], &expected[6..]].concat(),
            "offline: only what is on this machine"
        );
        assert_eq!(wants(&[&source], &access(true))[0].label, "x.tar.gz");
    }

    #[test]
    fn one_digest_is_one_file() {
        let url = |text: &str| Location::Url(text.to_owned());
        let one = source(1, vec![url("https://a.example/x")]);
        let two = FileSource {
            max_size: ByteSize(20),
            ..source(1, vec![url("https://a.example/x"), url("https://b.example/x")])
        };
        let wants = wants(&[&one, &source(2, vec![url("https://c.example/y")]), &two], &access(false));
        assert_eq!(wants.len(), 2);
        assert_eq!(wants[0].max_size, ByteSize(20));
        assert_eq!(wants[0].candidates.len(), 4 + 2);
    }
}
