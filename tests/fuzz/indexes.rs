//! Indexes of repositories, and their signatures.

use medic_repository::{Directory, Index, Repository, Trust, TrustedKey};

use crate::edits;

const KEY: &str = include_str!("repository/key.pub");
const LATEST: &[u8] = b"1\n";
const INDEX: &[u8] = include_bytes!("repository/index-1.json");
const SIGNATURE: &[u8] = include_bytes!("repository/index-1.json.minisig");

/// The bytes are read as an index; then as changes to a good repository: to its index as it is read once its signature was verified, and to
/// the files of it, which is then opened. What opens has the index that was signed, byte for byte.
pub fn indexes(bytes: &[u8]) {
    index(bytes);
    let mut changed = INDEX.to_vec();
    edits::apply(&mut changed, bytes);
    index(&changed);
    let mut files = [LATEST, INDEX, SIGNATURE].concat();
    edits::apply(&mut files, bytes);
    let (latest, rest) = files.split_at(LATEST.len().min(files.len()));
    let (index, signature) = rest.split_at(INDEX.len().min(rest.len()));
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).expect("written");
    write("latest", latest);
    write("index-1.json", index);
    write("index-1.json.minisig", signature);
    let keys = [TrustedKey::parse(KEY).expect("a key")];
    let trust = Trust { keys: &keys, now: 1_800_000_000, seen: None };
    match Repository::open(Box::new(Directory::new(folder.path())), trust) {
        Ok(repository) => {
            assert_eq!(index, INDEX, "what was changed is trusted");
            assert_eq!(repository.index().packages.len(), 2);
        }
        Err(error) => {
            assert!(!error.to_string().contains(char::is_control), "{error:?}");
            assert_ne!(files, [LATEST, INDEX, SIGNATURE].concat(), "the good repository is refused: {error}");
        }
    }
}

/// What is taken is written again and read again, and is the same; what is refused is refused without its own control characters.
fn index(text: &[u8]) {
    match Index::from_json("index", text) {
        Ok(index) => {
            let written = serde_json::to_vec(&index).expect("what was read can be written");
            assert_eq!(Index::from_json("index", &written).expect("read again"), index);
            for listed in &index.packages {
                assert!(!listed.file_name().contains('/'), "{listed:?}");
            }
        }
        Err(error) => assert!(!error.to_string().contains(char::is_control), "{error:?}"),
    }
}
