//! Where a component comes from and what others call it: package URLs, CPE names, download locations.
//!
//! Nothing here is of this machine: a location is one that the recipe names, never the mirror or the registry that
//! the bytes came from. The hosts of registries are not written down; a package URL says the same.

use medic_model::recipe::{FileSource, Location, Recipe};
use medic_model::{Cpe, Purl, Version};

use crate::component::{ResolvedSource, file_name};

/// How others call a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its package URL.
    pub purl: Purl,
    /// Its CPE names.
    pub cpe: Vec<String>,
    /// Where it may be had, as SPDX writes it (specification 2.3, clause 7.7): an address, or `git+` and one.
    pub download: Option<String>,
}

impl Identity {
    /// That of a recipe's component.
    pub fn of(recipe: &Recipe, sources: &[ResolvedSource]) -> Self {
        let main = main_source(sources);
        let made = || match main {
            Some(file) => purl_of_file(recipe, file),
            None => Purl::new("generic", recipe.name.as_str(), &recipe.version.to_string()),
        };
        let purl = recipe.purl.clone().map_or_else(made, |purl| purl.or_version(&recipe.version));
        let address = main.and_then(|file| file.locations.iter().find_map(download));
        let own = sources.iter().any(|source| matches!(source, ResolvedSource::Workspace { .. }));
        let forge = own && recipe.homepage.starts_with("https://github.com/");
        let download = address
            .or_else(|| repository(&purl))
            .or_else(|| forge.then(|| format!("git+{}", recipe.homepage)));
        Self { download, cpe: cpe_names(&recipe.cpe, &recipe.version), purl }
    }
}

/// The CPE names of a version.
pub fn cpe_names(names: &[Cpe], version: &Version) -> Vec<String> {
    names.iter().map(|cpe| cpe.of(version)).collect()
}

/// The source that a component is: the first that is unpacked, else the first.
pub fn main_source(sources: &[ResolvedSource]) -> Option<&FileSource> {
    let files = || {
        sources.iter().filter_map(|source| match source {
            ResolvedSource::File(file) => Some(file),
            ResolvedSource::Workspace { .. } | ResolvedSource::Crates { .. } => None,
        })
    };
    let own = sources.iter().any(|source| matches!(source, ResolvedSource::Workspace { .. }));
    if own { None } else { files().find(|file| file.unpack).or_else(|| files().next()) }
}

/// The package URL of a file: by the registry that has it, the repository on GitHub, or else a generic one with its address and
/// digest.
pub fn purl_of_file(recipe: &Recipe, file: &FileSource) -> Purl {
    let by_registry = file.locations.iter().find_map(registry);
    by_registry.or_else(|| file.locations.iter().find_map(on_github)).unwrap_or_else(|| {
        let purl = Purl::new("generic", recipe.name.as_str(), &recipe.version.to_string())
            .with("checksum", format!("sha256:{}", file.sha256));
        match file.locations.iter().find_map(download) {
            Some(address) => match address.strip_prefix("git+") {
                Some(_) => purl.with("vcs_url", address),
                None => purl.with("download_url", address),
            },
            None => purl.with("file_name", file_name(file).as_str()),
        }
    })
}

/// The package URL of a location in a registry.
pub fn registry(location: &Location) -> Option<Purl> {
    match location {
        Location::Crate(package) => Some(Purl::new("cargo", &package.name, &package.version)),
        Location::Npm(package) => Some(Purl::new("npm", &package.name, &package.version)),
        Location::Pypi(file) => {
            let name = file.name.to_ascii_lowercase().replace('_', "-");
            Some(Purl::new("pypi", &name, &file.version).with("file_name", file.file.as_str()))
        }
        Location::Url(_) | Location::Debian(_) | Location::Git(_) | Location::Path(_) => None,
    }
}

fn on_github(location: &Location) -> Option<Purl> {
    let (address, version) = match location {
        Location::Git(tree) => {
            (tree.url.strip_suffix(".git").unwrap_or(&tree.url), Some(tree.commit.as_str()))
        }
        Location::Url(url) => (url.as_str(), None),
        _ => return None,
    };
    let mut parts = address.strip_prefix("https://github.com/")?.split('/');
    let repository = [parts.next()?, parts.next()?].join("/");
    let version = match version {
        Some(commit) => commit,
        None => match [parts.next()?, parts.next()?] {
            ["releases", "download"] => parts.next()?,
            _ => return None,
        },
    };
    Some(Purl::new("github", &repository.to_ascii_lowercase(), version))
}

/// Where a location is on the network, for everybody: an address, or that of a commit.
pub fn download(location: &Location) -> Option<String> {
    match location {
        Location::Url(url) => Some(without_credentials(url)),
        Location::Git(tree) => Some(format!("git+{}@{}", without_credentials(&tree.url), tree.commit)),
        _ => None,
    }
}

/// The repository that a package URL names.
pub fn repository(purl: &Purl) -> Option<String> {
    let version = purl.version()?;
    (purl.kind() == "github").then(|| format!("git+https://github.com/{}@{version}", purl.path()))
}

/// A location as a hint for people: an address, a package URL, or a path with what it is a path in.
pub fn hint(location: &Location) -> String {
    let plain =
        |location: &Location| download(location).or_else(|| registry(location).map(|p| p.to_string()));
    match location {
        Location::Debian(path) => format!("debian:{path}"),
        Location::Path(path) => format!("workspace:{path}"),
        other => plain(other).unwrap_or_default(),
    }
}

/// An address without the user and password that may stand in it.
pub fn without_credentials(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let (host, path) = rest.find(['/', '?', '#']).map_or((rest, ""), |at| rest.split_at(at));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

/// The package URL of a Debian package by the name of its file: `name_version_architecture.deb`, with `%3a` for a colon.
pub fn debian_package(file: &str) -> Option<(String, String, Purl)> {
    let mut parts = file.strip_suffix(".deb")?.split('_');
    let (name, version, arch) = (parts.next()?, parts.next()?, parts.next()?);
    let version = version.replace("%3a", ":").replace("%3A", ":");
    let purl = Purl::new("deb", &format!("debian/{name}"), &version).with("arch", arch);
    Some((name.to_owned(), version, purl))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(location: &str, more: &str) -> Identity {
        let text = format!(
            "name: x\nversion: \"1.2\"\nreleased: 2026-01-01\nsummary: x\nhomepage: h\nlicence: Zlib\n{more}sources:\n  - sha256: {}\n    {location}\nsteps:\n  - {{name: build, run: make}}\n",
            "1".repeat(64)
        );
        let recipe = Recipe::from_yaml("recipe.yaml", &text).expect("valid");
        let sources: Vec<_> = recipe.file_sources().cloned().map(ResolvedSource::File).collect();
        Identity::of(&recipe, &sources)
    }

    #[test]
    fn a_package_url_is_made_of_the_locations() {
        let digest = "1".repeat(64);
        for (location, purl, download) in [
            ("crate: {name: serde, version: 1.0+x}", "pkg:cargo/serde@1.0%2Bx".to_owned(), None),
            ("npm: {name: '@a/b', version: '1'}", "pkg:npm/%40a/b@1".to_owned(), None),
            (
                "pypi: {name: A_b, version: '1', file: a.whl}",
                "pkg:pypi/a-b@1?file_name=a.whl".to_owned(),
                None,
            ),
            (
                "urls: ['https://github.com/openssl/openssl/releases/download/openssl-3.5.7/openssl-3.5.7.tar.gz']",
                "pkg:github/openssl/openssl@openssl-3.5.7".to_owned(),
                Some(
                    "https://github.com/openssl/openssl/releases/download/openssl-3.5.7/openssl-3.5.7.tar.gz",
                ),
            ),
            (
                "urls: ['https://me:secret@x.example/a.tar.gz']",
                format!("pkg:generic/x@1.2?checksum=sha256:{digest}&download_url=https://x.example/a.tar.gz"),
                Some("https://x.example/a.tar.gz"),
            ),
            (
                "git: {url: 'https://x.example/y.git', commit: 0123456789012345678901234567890123456789}",
                format!(
                    "pkg:generic/x@1.2?checksum=sha256:{digest}&vcs_url=git%2Bhttps://x.example/y.git%400123456789012345678901234567890123456789"
                ),
                Some("git+https://x.example/y.git@0123456789012345678901234567890123456789"),
            ),
            (
                "debian: pool/x.tar.gz",
                format!("pkg:generic/x@1.2?checksum=sha256:{digest}&file_name=x.tar.gz"),
                None,
            ),
        ] {
            let found = identity(location, "");
            assert_eq!((found.purl.to_string(), found.download.as_deref()), (purl, download), "{location}");
        }
    }

    #[test]
    fn a_recipe_may_say_better() {
        let found = identity("debian: pool/x.tar.gz", "purl: pkg:github/o/r@v1.2\ncpe: [a:b, c:d]\n");
        assert_eq!(found.purl.to_string(), "pkg:github/o/r@v1.2");
        assert_eq!(found.download.as_deref(), Some("git+https://github.com/o/r@v1.2"));
        assert_eq!(found.cpe, ["cpe:2.3:a:a:b:1.2:*:*:*:*:*:*:*", "cpe:2.3:a:c:d:1.2:*:*:*:*:*:*:*"]);
        assert_eq!(identity("path: a/b", "purl: pkg:pypi/y\n").purl.to_string(), "pkg:pypi/y@1.2");
    }

    #[test]
    fn debian_packages_are_named_by_their_files() {
        let (name, version, purl) = debian_package("perl_1%3a5.36.0-7+b1_amd64.deb").expect("a package");
        assert_eq!((name.as_str(), version.as_str()), ("perl", "1:5.36.0-7+b1"));
        assert_eq!(purl.to_string(), "pkg:deb/debian/perl@1:5.36.0-7%2Bb1?arch=amd64");
        assert_eq!(debian_package("perl.deb"), None);
    }
}
