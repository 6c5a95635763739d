//! Finding the logs of a component, or of an action key, without the store's lock: a builder may be writing them.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use medic_model::document::from_json;
use medic_model::{Arch, ComponentName, Sha256};

use super::show::is_ended;
use super::{END, HEADING};
use crate::definitions::Definitions;
use crate::error::BuildError;
use crate::store::{ComponentRecord, Layout, StoreError};

/// As much of a log's beginning and of its end is read for what it is of, and how it ended.
const PEEK: u64 = 4 << 10;
/// So many digits of an action key are enough to be taken for one.
const DIGITS: usize = 6;

/// The log of one build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildLog {
    /// What was built.
    pub component: ComponentName,
    /// Its action key.
    pub key: Sha256,
    /// Its version, as the log says.
    pub version: Option<String>,
    /// What it was built for, as far as known.
    pub arch: Option<Arch>,
    /// How it ended.
    pub ending: Ending,
    /// The log.
    pub path: PathBuf,
    /// When it was written to last.
    pub written: SystemTime,
    /// Its bytes.
    pub size: u64,
}

/// How the build that a log is of ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It was built.
    Built,
    /// It failed.
    Failed,
    /// The log does not say: it is still being written, or its builder was killed.
    Open,
}

/// The logs of a component, or those whose action key begins with these digits; the newest first; at least one.
///
/// # Errors
/// There is no such component; it has no log yet; the store cannot be read.
pub fn find(
    workspace: &Path,
    store: &Path,
    wanted: &str,
    arch: Option<Arch>,
) -> Result<Vec<BuildLog>, BuildError> {
    let layout = Layout::new(store);
    let component = wanted.parse::<ComponentName>().ok();
    let mut logs = match &component {
        Some(name) => logs_of(&layout, name)?,
        None => Vec::new(),
    };
    if logs.is_empty() && is_key(wanted) {
        logs = with_key(&layout, wanted)?;
        if logs.is_empty() {
            return Err(BuildError::NoLog(format!(
                "no log in '{}' has an action key that begins with '{wanted}'",
                store.display()
            )));
        }
    }
    if logs.is_empty() {
        let name = component.ok_or_else(|| {
            BuildError::NoLog(format!("'{wanted}' is neither a component's name nor an action key"))
        })?;
        // An unknown component is an error of its own, with the name that may have been meant.
        Definitions::new(workspace).recipe(&name)?;
        return Err(BuildError::NoLog(format!(
            "there is no log of '{name}' in '{}' yet: it is written when the component is built, as by \
             'cargo xtask build-image' of an image that takes it",
            store.display()
        )));
    }
    logs.retain(|log| arch.is_none_or(|arch| log.arch.is_none_or(|other| other == arch)));
    if logs.is_empty() {
        let arch = arch.map_or("", Arch::as_str);
        return Err(BuildError::NoLog(format!(
            "there is no log of '{wanted}' for {arch}: it was built for the other architecture only"
        )));
    }
    logs.sort_by(|a, b| b.written.cmp(&a.written).then_with(|| a.path.cmp(&b.path)));
    Ok(logs)
}

fn is_key(text: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (DIGITS..=64).contains(&text.len()) && text.bytes().all(digit)
}

fn with_key(layout: &Layout, digits: &str) -> Result<Vec<BuildLog>, StoreError> {
    let folder = layout.root().join("logs");
    let mut logs = Vec::new();
    for name in names(&folder)?.iter().filter_map(|name| name.parse().ok()) {
        logs.extend(logs_of(layout, &name)?);
    }
    logs.retain(|log| log.key.to_string().starts_with(digits));
    Ok(logs)
}

fn logs_of(layout: &Layout, component: &ComponentName) -> Result<Vec<BuildLog>, StoreError> {
    let names = names(&layout.logs_of(component))?;
    let keys = names.iter().filter_map(|name| name.strip_suffix(".log")?.parse().ok());
    // One that is gone by now, or cannot be read, is none.
    Ok(keys.filter_map(|key| one(layout, component, key).ok()).collect())
}

/// What is in a folder; nothing where there is none, or a file in its place.
fn names(folder: &Path) -> Result<Vec<String>, StoreError> {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    match std::fs::read_dir(folder) {
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) => Ok(Vec::new()),
        Err(error) => Err(StoreError::new("read the folder", folder, error)),
        Ok(entries) => {
            Ok(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
        }
    }
}

fn one(layout: &Layout, component: &ComponentName, key: Sha256) -> std::io::Result<BuildLog> {
    let path = layout.log(component, &key);
    let mut file = File::open(&path)?;
    let meta = file.metadata()?;
    let mut first = Vec::new();
    (&file).take(PEEK).read_to_end(&mut first)?;
    file.seek(SeekFrom::Start(meta.len().saturating_sub(PEEK)))?;
    let mut last = Vec::new();
    file.take(PEEK).read_to_end(&mut last)?;
    let (version, arch) = heading(&first);
    Ok(BuildLog {
        component: component.clone(),
        key,
        version,
        arch: arch.or_else(|| arch_of_result(layout, &key)),
        ending: ending(&last),
        path,
        written: meta.modified()?,
        size: meta.len(),
    })
}

/// The version and the architecture of the first line, `==== zlib 1.3.2 x64 (…)`.
fn heading(text: &[u8]) -> (Option<String>, Option<Arch>) {
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line).into_owned();
    let mut words = line.strip_prefix(HEADING).unwrap_or_default().split(' ').skip(1);
    let version = words.next().map(super::printable);
    (version, words.next().and_then(|word| word.parse().ok()))
}

fn ending(text: &[u8]) -> Ending {
    if !is_ended(text) {
        return Ending::Open;
    }
    let built = format!("{HEADING}{END}built");
    let last = text.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    if last.starts_with(built.as_bytes()) { Ending::Built } else { Ending::Failed }
}

/// Logs of earlier builders do not name the architecture; the record of the result does.
fn arch_of_result(layout: &Layout, key: &Sha256) -> Option<Arch> {
    let path = layout.result(key);
    let text = std::fs::read(&path).ok()?;
    from_json::<ComponentRecord>(&path.to_string_lossy(), &text).ok().map(|record| record.inputs.arch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use std::time::Duration;

    struct Place {
        folder: tempfile::TempDir,
    }

    impl Place {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            fs_err::create_dir_all(folder.path().join("recipes/zlib")).expect("made");
            let recipe = "name: zlib\nversion: \"1\"\nreleased: 2026-01-01\nsummary: x\nhomepage: https://example.org\nlicence: Zlib\nsteps:\n  - {name: build, run: make}\n";
            fs_err::write(folder.path().join("recipes/zlib/recipe.yaml"), recipe).expect("written");
            Self { folder }
        }

        /// A log written so many seconds after the others' beginning.
        fn log(&self, component: &str, digit: u8, seconds: u64, text: &str) {
            let layout = Layout::new(&self.folder.path().join("store"));
            let path = layout.log(&component.parse().expect("a name"), &Sha256::from_bytes([digit * 17; 32]));
            fs_err::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs_err::write(&path, text).expect("written");
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds);
            File::options().write(true).open(&path).and_then(|file| file.set_modified(time)).expect("set");
        }

        fn find(&self, wanted: &str, arch: Option<Arch>) -> Result<Vec<BuildLog>, BuildError> {
            find(self.folder.path(), &self.folder.path().join("store"), wanted, arch)
        }

        fn digits(&self, wanted: &str, arch: Option<Arch>) -> Vec<char> {
            let logs = self.find(wanted, arch).expect("some");
            logs.iter().map(|log| log.key.to_string().remove(0)).collect()
        }
    }

    #[test]
    fn the_newest_comes_first_and_failed_ones_are_there() {
        let place = Place::new();
        place.log("zlib", 1, 10, "==== zlib 1.3 x64 (x)\n==== end: built in 1.0 s\n");
        place.log("zlib", 2, 30, "==== zlib 1.4 x64 (x)\n==== end: failed after 1.0 s: x\n");
        place.log("zlib", 3, 20, "==== zlib 1.4 arm64 (x)\n==== compile\nmore");
        place.log("zlib", 4, 5, "==== zlib 1.2 (x)\n");
        place.log("openssl", 5, 50, "");
        assert_eq!(place.digits("zlib", None), ['2', '3', '1', '4']);
        assert_eq!(place.digits("zlib", Some(Arch::Arm64)), ['3', '4'], "an old one may be of either");
        let logs = place.find("zlib", None).expect("some");
        assert_eq!(
            logs.iter().map(|log| log.ending).collect::<Vec<_>>(),
            [Ending::Failed, Ending::Open, Ending::Built, Ending::Open]
        );
        assert_eq!((logs[0].version.as_deref(), logs[0].arch), (Some("1.4"), Some(Arch::X64)));
        assert_eq!(place.digits("openssl", None), ['5'], "its recipe is gone, its log is not");
    }

    #[test]
    fn an_action_key_is_known_by_its_beginning() {
        let place = Place::new();
        place.log("zlib", 1, 10, "");
        place.log("openssl", 2, 20, "");
        // A build root's log stands beside the components' folders.
        fs_err::write(place.folder.path().join("store/logs/root-rust.log"), "").expect("written");
        assert_eq!(place.digits("222222", None), ['2']);
        assert_eq!(place.digits(&"1".repeat(64), None), ['1']);
        let error = place.find("333333", None).expect_err("none").to_string();
        assert!(error.contains("begins with '333333'"), "{error}");
    }

    #[test]
    fn what_is_not_there_is_said_with_what_to_do() {
        let place = Place::new();
        let error = place.find("zlob", None).expect_err("unknown");
        assert_eq!(error.kind(), ErrorKind::Definition);
        assert!(error.to_string().contains("did you mean 'zlib'?"), "{error}");
        let error = place.find("zlib", None).expect_err("no log");
        assert_eq!(error.kind(), ErrorKind::Other);
        assert!(error.to_string().contains("build-image"), "{error}");
        let error = place.find("../etc", None).expect_err("no name").to_string();
        assert!(error.contains("neither"), "{error}");
        place.log("zlib", 1, 10, "==== zlib 1.3 x64 (x)\n");
        let error = place.find("zlib", Some(Arch::Arm64)).expect_err("the other").to_string();
        assert!(error.contains("for arm64"), "{error}");
    }
}
