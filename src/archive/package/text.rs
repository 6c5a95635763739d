//! The text of a manifest, made as it is read: that of a package of 100,000 files is 24 MB.

use std::io::{self, Read};

use medic_model::Manifest;
use medic_model::manifest::Entry;

use crate::json;

/// Canonical JSON of a manifest, the same bytes as [`json::canonical`] gives.
#[derive(Debug)]
pub struct ManifestText<'a> {
    entries: std::slice::Iter<'a, Entry>,
    first: bool,
    /// What comes after the entries; none when it has been put in line.
    end: Option<Vec<u8>>,
    line: Vec<u8>,
    read: usize,
}

impl<'a> ManifestText<'a> {
    /// At its beginning.
    ///
    /// # Errors
    /// It cannot be JSON.
    pub fn new(manifest: &'a Manifest) -> io::Result<Self> {
        const NO_ENTRIES: &[u8] = br#""entries":[]"#;
        let mut line = json::canonical(&without_entries(manifest))?;
        // A quotation mark inside of a text has a backslash before it, and no other list is called so.
        let at = line.windows(NO_ENTRIES.len()).position(|part| part == NO_ENTRIES);
        let at = at.ok_or_else(|| io::Error::other("its entries have no place"))?;
        let end = line.split_off(at + NO_ENTRIES.len() - 1);
        Ok(Self { entries: manifest.entries.iter(), first: true, end: Some(end), line, read: 0 })
    }

    /// The size of the whole text in bytes; makes all of it once.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn size(manifest: &Manifest) -> io::Result<u64> {
        io::copy(&mut ManifestText::new(manifest)?, &mut io::sink())
    }

    /// Puts what comes next in line; `false` at the end.
    fn advance(&mut self) -> io::Result<bool> {
        self.read = 0;
        self.line.clear();
        if let Some(entry) = self.entries.next() {
            if !std::mem::replace(&mut self.first, false) {
                self.line.push(b',');
            }
            self.line.extend(json::canonical(entry)?);
            return Ok(true);
        }
        let end = self.end.take();
        Ok(end.map(|end| self.line = end).is_some())
    }
}

impl Read for ManifestText<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            let rest = &self.line[self.read..];
            if rest.is_empty() {
                if !self.advance()? {
                    break;
                }
                continue;
            }
            let taken = rest.len().min(buffer.len() - filled);
            buffer[filled..filled + taken].copy_from_slice(&rest[..taken]);
            self.read += taken;
            filled += taken;
        }
        Ok(filled)
    }
}

fn without_entries(manifest: &Manifest) -> Manifest {
    Manifest {
        format: manifest.format,
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        arch: manifest.arch,
        summary: manifest.summary.clone(),
        licence: manifest.licence.clone(),
        depends: manifest.depends.clone(),
        conflicts: manifest.conflicts.clone(),
        provides: manifest.provides.clone(),
        data_compatible_from: manifest.data_compatible_from.clone(),
        users: manifest.users.clone(),
        services: manifest.services.clone(),
        entries: Vec::new(),
        provenance: manifest.provenance.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(summary: &str, entries: &str) -> Manifest {
        let text = format!(
            "{{\"format\":1,\"name\":\"hello\",\"version\":\"1.0\",\"arch\":\"x64\",\"summary\":\"{summary}\",\"licence\":\"MIT\",\"entries\":[{entries}],\"provenance\":{{\"action_key\":\"{}\",\"components\":[]}}}}",
            "4".repeat(64)
        );
        serde_json::from_str(&text).expect("a manifest")
    }

    #[test]
    fn it_is_the_canonical_text() {
        let folder = |name: &str| format!("{{\"type\":\"directory\",\"path\":\"srv/{name}\",\"mode\":493}}");
        let file = format!(
            "{{\"type\":\"file\",\"path\":\"srv/x\",\"mode\":420,\"size\":3,\"sha256\":\"{}\"}}",
            "5".repeat(64)
        );
        let many = (0..3000).map(|number| folder(&number.to_string())).collect::<Vec<_>>().join(",");
        for entries in ["", &folder("a"), &format!("{},{file}", folder("a")), &many] {
            let manifest = manifest(r#"says \"entries\":[] to the world"#, entries);
            let mut text = Vec::new();
            ManifestText::new(&manifest).expect("made").read_to_end(&mut text).expect("read");
            assert_eq!(text, json::canonical(&manifest).expect("text"));
            assert_eq!(ManifestText::size(&manifest).expect("size"), text.len() as u64);
        }
    }
}
