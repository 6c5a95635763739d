//! Action keys: the digest of everything that can influence a component's result.

use std::collections::BTreeMap;

use medic_archive::{digest, json};
use medic_model::recipe::Step;
use medic_model::{Arch, ComponentName, RelPath, Sha256, Version};
use serde::{Deserialize, Serialize};

/// Raised when the builder itself comes to make something else of the same inputs.
pub const BUILDER_FORMAT: u32 = 1;

/// Everything that can influence a component's result. What cannot is not here: where a source may be had, the summary,
/// the number of jobs. Kept beside the result, so that two keys can be compared input by input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyInputs {
    /// [`BUILDER_FORMAT`].
    pub builder: u32,
    /// The component.
    pub component: ComponentName,
    /// Its version.
    pub version: Version,
    /// What it is built for.
    pub arch: Arch,
    /// The compiler: its distribution and our wrappers.
    pub toolchain: Sha256,
    /// The build root: its packages by version, and how it was made.
    pub root: Sha256,
    /// What is fetched.
    pub sources: Vec<SourceInput>,
    /// The recipe's patches, in their order.
    pub patches: Vec<FileInput>,
    /// The recipe's other files.
    pub files: Vec<FileInput>,
    /// The trees of all that it needs, directly and indirectly: an input that is rebuilt to the same bytes
    /// rebuilds nothing.
    pub needs: BTreeMap<ComponentName, Sha256>,
    /// The steps' environment, but for the number of jobs.
    pub environment: BTreeMap<String, String>,
    /// What is run.
    pub steps: Vec<Step>,
    /// What is run against the result, when it is.
    pub test: Option<String>,
    /// Licence texts that become part of the result.
    pub licence_files: Vec<RelPath>,
}

/// A source, as far as it can influence the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum SourceInput {
    /// A file that is unpacked.
    Archive {
        /// Its content.
        sha256: Sha256,
        /// Where to, below the source folder.
        into: Option<RelPath>,
        /// Leading parts dropped from each name.
        strip: u32,
    },
    /// A file that is put there as it is.
    File {
        /// Its content.
        sha256: Sha256,
        /// Where to, below the source folder, with its name.
        path: RelPath,
    },
    /// The sources of a package of this workspace.
    Workspace {
        /// The package.
        package: String,
        /// Paths, modes and contents of all files.
        files: Sha256,
    },
    /// The registry crates of a package of this workspace.
    Crates {
        /// The package.
        package: String,
        /// Names, versions and contents of all crates.
        crates: Sha256,
        /// Where to, below the source folder.
        into: RelPath,
    },
}

/// A file beside the recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileInput {
    /// Where it stands, below the recipe's folder.
    pub path: RelPath,
    /// Its content.
    pub sha256: Sha256,
    /// Whether its owner may run it.
    pub runnable: bool,
}

impl KeyInputs {
    /// The action key: the digest of these inputs as canonical JSON.
    pub fn key(&self) -> Sha256 {
        digest_of(self)
    }
}

/// The digest of a value as canonical JSON.
pub fn digest_of<T: Serialize>(value: &T) -> Sha256 {
    // Writing to a vector cannot fail, and values made of our own types have text keys and no fractions.
    let text = json::canonical(value).unwrap_or_else(|error| unreachable!("{error}"));
    digest::of_bytes(&text).sha256
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn inputs() -> KeyInputs {
        let digest = |byte| Sha256::from_bytes([byte; 32]);
        KeyInputs {
            builder: BUILDER_FORMAT,
            component: "zlib".parse().expect("a name"),
            version: "1.3.2".parse().expect("a version"),
            arch: Arch::X64,
            toolchain: digest(1),
            root: digest(2),
            sources: vec![SourceInput::Archive { sha256: digest(3), into: None, strip: 1 }],
            patches: Vec::new(),
            files: vec![FileInput {
                path: "x.sh".parse().expect("a path"),
                sha256: digest(4),
                runnable: true,
            }],
            needs: [("musl".parse().expect("a name"), digest(5))].into(),
            environment: [("ARCH".to_owned(), "x64".to_owned())].into(),
            steps: vec![Step { name: "build".to_owned(), run: "make\n\t\u{1}".to_owned() }],
            test: None,
            licence_files: Vec::new(),
        }
    }

    #[test]
    fn the_key_is_a_function_of_the_inputs_alone() {
        let key = inputs().key();
        assert_eq!(inputs().key(), key);
        let text = serde_json::to_string(&inputs()).expect("json");
        assert_eq!(serde_json::from_str::<KeyInputs>(&text).expect("same").key(), key);
        // The key of a given input never changes by itself: results of earlier builders would be lost.
        assert_eq!(key.to_string(), "c370d0d93ae9c661cd909c38ba7c89a4d234c85c44eac6ae0a1ae7e73e67cb62");
    }

    #[test]
    fn every_input_changes_the_key() {
        let key = inputs().key();
        let other = Sha256::from_bytes([9; 32]);
        let changes: [fn(&mut KeyInputs, Sha256); 12] = [
            |i, _| i.builder += 1,
            |i, _| i.arch = Arch::Arm64,
            |i, other| i.toolchain = other,
            |i, other| i.root = other,
            |i, other| i.sources = vec![SourceInput::Archive { sha256: other, into: None, strip: 1 }],
            |i, _| i.sources.clear(),
            |i, other| i.files[0].sha256 = other,
            |i, _| i.files[0].runnable = false,
            |i, other| i.needs = [("musl".parse().expect("a name"), other)].into(),
            |i, _| i.environment = BTreeMap::new(),
            |i, _| i.steps[0].run.push(' '),
            |i, _| i.test = Some(String::new()),
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut changed = inputs();
            change(&mut changed, other);
            assert_ne!(changed.key(), key, "change {number} does not change the key");
        }
    }
}
