//! Which licence something is under: what it claims, else what the text of its licence file is most like.

use std::path::Path;

use fs_err as fs;
use spdx::detection::scan::Scanner;
use spdx::detection::{Store, TextData};

use super::inspect::Found;

/// How like a known text a file must be.
const LIKE: f32 = 0.9;
/// Licence files are not larger.
const MAX_TEXT: u64 = 1 << 20;
/// So many source files are looked into for the words "any later version".
const HEADERS: usize = 200;

/// A licence as an SPDX expression, and how it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Licence {
    /// The expression.
    pub expression: String,
    /// How it is known, for people.
    pub known_by: String,
}

/// The licence of what was found in a folder; none when it cannot be told.
pub fn licence(folder: &Path, found: &Found) -> Option<Licence> {
    let claimed = found.licence.as_deref().filter(|text| spdx::Expression::parse(text).is_ok());
    if let Some(expression) = claimed {
        return Some(Licence { expression: expression.to_owned(), known_by: "it says so itself".to_owned() });
    }
    let store = Store::load_inline().ok()?;
    let scanner = Scanner::new(&store).confidence_threshold(LIKE);
    found.licence_files.iter().find_map(|name| {
        let path = folder.join(name);
        fs::symlink_metadata(&path).ok().filter(|meta| meta.is_file() && meta.len() <= MAX_TEXT)?;
        let text = String::from_utf8_lossy(&fs::read(&path).ok()?).into_owned();
        let name_of = scanner.scan(&TextData::new(&text)).license?.name.to_owned();
        let expression = exact(&name_of, folder);
        spdx::Expression::parse(&expression).ok()?;
        Some(Licence { expression, known_by: format!("by the text of {name}") })
    })
}

/// The GNU licences have one text, and two names: that of the files' own headers counts.
fn exact(name: &str, folder: &Path) -> String {
    let bare = name.trim_end_matches("-only").trim_end_matches("-or-later").trim_end_matches('+');
    let gnu = ["GPL-", "LGPL-", "AGPL-", "GFDL-"].iter().any(|start| bare.starts_with(start));
    match gnu {
        false => name.to_owned(),
        true if or_later(folder) => format!("{bare}-or-later"),
        true => format!("{bare}-only"),
    }
}

fn or_later(folder: &Path) -> bool {
    let (mut folders, mut looked) = (vec![folder.to_owned()], 0);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(meta) = entry.metadata() else { continue };
            let is_source = path
                .extension()
                .is_some_and(|end| ["c", "h", "cc", "cpp", "js", "py"].iter().any(|e| end == *e));
            if meta.is_dir() {
                folders.push(path);
            } else if meta.is_file() && is_source {
                looked += 1;
                let mut start = vec![0; 4096];
                let count = fs::File::open(&path)
                    .and_then(|mut file| std::io::Read::read(&mut file, &mut start))
                    .unwrap_or(0);
                let words =
                    String::from_utf8_lossy(&start[..count]).split_whitespace().collect::<Vec<_>>().join(" ");
                if words.contains("any later version") {
                    return true;
                }
                if looked >= HEADERS {
                    return false;
                }
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_claimed_counts_and_else_the_text() {
        let folder = tempfile::tempdir().expect("a folder");
        let claims = |licence: &str| Found { licence: Some(licence.to_owned()), ..Found::default() };
        let told = |found: &Found| licence(folder.path(), found).map(|licence| licence.expression);
        assert_eq!(told(&claims("MIT OR Apache-2.0")).as_deref(), Some("MIT OR Apache-2.0"));
        assert_eq!(told(&claims("see the file")), None);
        let own =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../LICENSE")).expect("there");
        std::fs::write(folder.path().join("COPYING"), own).expect("written");
        let by_text = Found { licence_files: vec!["COPYING".to_owned()], ..Found::default() };
        assert_eq!(told(&by_text).as_deref(), Some("AGPL-3.0-only"));
        std::fs::write(folder.path().join("x.c"), "/* (at your option) any later\n version. */")
            .expect("written");
        assert_eq!(told(&by_text).as_deref(), Some("AGPL-3.0-or-later"));
        std::fs::write(folder.path().join("COPYING"), "All rights reserved, to nobody.").expect("written");
        assert_eq!(told(&by_text), None);
    }
}
