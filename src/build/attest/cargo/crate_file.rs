//! What a published crate says of itself: its manifest, and the commit that it was published from.

use std::io::{self, Read};
use std::path::Path;

use flate2::read::GzDecoder;
use toml::Table;

use crate::attest::licence::Licence;

/// The largest file of a crate that is read.
const MAX_FILE: u64 = 4 << 20;
/// Where Cargo notes the commit (the Cargo book, "cargo package").
const COMMIT: &str = ".cargo_vcs_info.json";

/// What a crate says of itself.
#[derive(Debug, Clone, Default)]
pub struct CrateFile {
    /// Its `Cargo.toml`.
    pub manifest: Table,
    /// The commit, and the folder of the repository.
    commit: Option<(String, String)>,
    /// The text of its licence, when the manifest names a file in place of an id.
    text: Option<String>,
}

/// What can be read of a crate: one of its files, if it is there.
trait Files {
    fn file(&self, name: &str) -> io::Result<Option<String>>;
}

struct Archive<'a>(&'a Path);
struct Folder<'a>(&'a Path);

impl Files for Archive<'_> {
    /// Crates are written in the order of their paths, and what is wanted stands at the front.
    fn file(&self, name: &str) -> io::Result<Option<String>> {
        let mut archive = tar::Archive::new(GzDecoder::new(fs_err::File::open(self.0)?));
        for entry in archive.entries()? {
            let entry = entry?;
            let path = entry.path()?.into_owned();
            let below = path.components().skip(1).collect::<std::path::PathBuf>();
            if below == Path::new(name) {
                return limited(entry).map(Some);
            }
        }
        Ok(None)
    }
}

impl Files for Folder<'_> {
    fn file(&self, name: &str) -> io::Result<Option<String>> {
        let path = self.0.join(name);
        if path.is_file() { limited(fs_err::File::open(path)?).map(Some) } else { Ok(None) }
    }
}

fn limited(file: impl Read) -> io::Result<String> {
    let mut text = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

impl CrateFile {
    /// That of a `.crate` file.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub fn of_archive(path: &Path) -> io::Result<Self> {
        Self::read(&Archive(path))
    }

    /// That of an unpacked crate.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub fn of_folder(path: &Path) -> io::Result<Self> {
        Self::read(&Folder(path))
    }

    fn read(files: &dyn Files) -> io::Result<Self> {
        let text = files.file("Cargo.toml")?;
        let text = text.ok_or_else(|| io::Error::other("it has no Cargo.toml"))?;
        let manifest: Table = text.parse().map_err(io::Error::other)?;
        let mut read = Self { manifest, commit: None, text: None };
        read.commit = files.file(COMMIT)?.and_then(|text| commit(&text));
        if read.field("license").is_none()
            && let Some(file) = read.field("license-file")
        {
            read.text = files.file(&file)?;
        }
        Ok(read)
    }

    fn field(&self, name: &str) -> Option<String> {
        self.manifest.get("package")?.get(name)?.as_str().map(str::to_owned)
    }

    /// Its licence.
    pub fn licence(&self, name: &str) -> Licence {
        match (self.field("license"), &self.text) {
            (Some(declared), text) => Licence::declared(&declared, text.as_deref()),
            (None, Some(text)) => Licence::named(name, Some(text)),
            (None, None) => Licence::unknown(),
        }
    }

    /// Its page: its own, or else its repository's.
    pub fn homepage(&self) -> Option<String> {
        let field = |name| self.field(name).filter(|url| url.starts_with("https://"));
        field("homepage").or_else(|| field("repository"))
    }

    /// The commit that it was published from, as SPDX writes such a place (specification 2.3, clause 7.7).
    pub fn download(&self) -> Option<String> {
        let repository = self.field("repository").filter(|url| url.starts_with("https://"))?;
        // Some name a folder as a browser shows it.
        let repository = repository.split("/tree/").next().unwrap_or_default().trim_end_matches('/');
        let (commit, folder) = self.commit.as_ref()?;
        let folder = if folder.is_empty() { String::new() } else { format!("#{folder}") };
        Some(format!("git+{repository}@{commit}{folder}"))
    }
}

fn commit(text: &str) -> Option<(String, String)> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    let commit = value["git"]["sha1"].as_str().filter(|text| text.chars().all(|c| c.is_ascii_hexdigit()))?;
    let folder = value["path_in_vcs"].as_str().unwrap_or_default();
    Some((commit.to_owned(), folder.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn krate(files: &[(&str, &str)]) -> CrateFile {
        let folder = tempfile::tempdir().expect("a folder");
        let mut archive =
            tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        for (name, text) in files {
            fs_err::write(folder.path().join(name), text).expect("written");
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, format!("x-1/{name}"), text.as_bytes()).expect("appended");
        }
        let bytes = archive.into_inner().and_then(flate2::write::GzEncoder::finish).expect("finished");
        fs_err::write(folder.path().join("x-1.crate"), bytes).expect("written");
        let from_archive = CrateFile::of_archive(&folder.path().join("x-1.crate")).expect("read");
        let from_folder = CrateFile::of_folder(folder.path()).expect("read");
        assert_eq!(format!("{from_archive:?}"), format!("{from_folder:?}"));
        from_archive
    }

    #[test]
    fn a_crate_says_where_it_comes_from() {
        let commit = "0123456789012345678901234567890123456789";
        let info = format!("{{\"git\": {{\"sha1\": \"{commit}\"}}, \"path_in_vcs\": \"crates/x\"}}");
        let manifest = "[package]\nname = \"x\"\nversion = \"1.0.0\"\nlicense = \"MIT/Apache-2.0\"\nrepository = \"https://example.org/x/\"\n";
        let found = krate(&[(COMMIT, &info), ("Cargo.toml", manifest)]);
        assert_eq!(found.licence("x").expression, "MIT OR Apache-2.0");
        assert_eq!(found.download(), Some(format!("git+https://example.org/x@{commit}#crates/x")));
        assert_eq!(found.homepage().as_deref(), Some("https://example.org/x/"));
    }

    #[test]
    fn a_crate_may_say_little() {
        let own = "[package]\nname = \"x\"\nversion = \"1.0.0\"\nlicense-file = \"LICENSE\"\n";
        let found = krate(&[("Cargo.toml", own), ("LICENSE", "do as you like")]);
        assert_eq!(found.licence("x").references["LicenseRef-x"], "do as you like");
        assert_eq!((found.download(), found.homepage()), (None, None));
        let found = krate(&[("Cargo.toml", "[package]\nname = \"x\"\nversion = \"1.0.0\"\n")]);
        assert_eq!(found.licence("x"), Licence::unknown());
    }
}
