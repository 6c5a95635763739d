//! The bytes that stand before a member's content in a canonical tar: a function of the member alone.
//!
//! One ustar block (POSIX.1-2024, pax, "ustar Interchange Format"); before it a PAX extended header only when the
//! path, the link's target or the size does not fit it. Owner and group are 0 and have no names.

/// The size of a tar block.
pub(crate) const BLOCK: usize = 512;
/// The largest size that 11 octal digits hold.
const MAX_OCTAL_SIZE: u64 = 0o777_7777_7777;
/// The name that the extended header itself has; readers never show it.
const PAX_NAME: &str = "@PaxHeader";

/// One member of a canonical tar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member<'a> {
    pub path: &'a str,
    pub mtime: u64,
    pub kind: MemberKind<'a>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum MemberKind<'a> {
    Directory { mode: u32 },
    File { mode: u32, size: u64 },
    Link { target: &'a str },
}

impl Member<'_> {
    /// Everything that stands before the content.
    pub(crate) fn header(&self) -> Vec<u8> {
        let path = self.stored_path();
        let records = self.pax_records(&path);
        let mut bytes = Vec::with_capacity(BLOCK * 3);
        if !records.is_empty() {
            let header = Block { name: PAX_NAME, prefix: "", link: "", mode: 0o644, kind: b'x' };
            bytes.extend(header.bytes(records.len() as u64, self.mtime));
            bytes.extend(&records);
            bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        }
        bytes.extend(self.block(&path));
        bytes
    }

    /// Bytes of [`Self::header`], which is not made.
    pub(crate) fn header_size(&self) -> u64 {
        let records = self.pax_records(&self.stored_path()).len();
        let extended = if records == 0 { 0 } else { BLOCK + records.next_multiple_of(BLOCK) };
        (extended + BLOCK) as u64
    }

    /// Bytes of content, without padding.
    pub(crate) fn size(&self) -> u64 {
        if let MemberKind::File { size, .. } = self.kind { size } else { 0 }
    }

    fn stored_path(&self) -> String {
        match self.kind {
            MemberKind::Directory { .. } => format!("{}/", self.path),
            _ => self.path.to_owned(),
        }
    }

    fn pax_records(&self, path: &str) -> Vec<u8> {
        let mut records = String::new();
        if let MemberKind::Link { target } = self.kind
            && target.len() > 100
        {
            records.push_str(&record("linkpath", target));
        }
        if split(path).is_none() {
            records.push_str(&record("path", path));
        }
        if self.size() > MAX_OCTAL_SIZE {
            records.push_str(&record("size", &self.size().to_string()));
        }
        records.into_bytes()
    }

    fn block(&self, path: &str) -> [u8; BLOCK] {
        let (prefix, name) = split(path).unwrap_or(("", cut(path)));
        let (mode, kind, link) = match self.kind {
            MemberKind::Directory { mode } => (mode, b'5', ""),
            MemberKind::File { mode, .. } => (mode, b'0', ""),
            MemberKind::Link { target } => (0o777, b'2', cut(target)),
        };
        // A size beyond the field stands in the extended header, and the field is 0 (as GNU tar and libarchive do).
        let size = if self.size() > MAX_OCTAL_SIZE { 0 } else { self.size() };
        Block { name, prefix, link, mode, kind }.bytes(size, self.mtime)
    }
}

struct Block<'a> {
    name: &'a str,
    prefix: &'a str,
    link: &'a str,
    mode: u32,
    kind: u8,
}

impl Block<'_> {
    fn bytes(&self, size: u64, mtime: u64) -> [u8; BLOCK] {
        let mut header = tar::Header::new_ustar();
        header.set_mode(self.mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(size);
        header.set_mtime(mtime);
        header.set_entry_type(tar::EntryType::new(self.kind));
        if let Some(ustar) = header.as_ustar_mut() {
            ustar.name[..self.name.len()].copy_from_slice(self.name.as_bytes());
            ustar.prefix[..self.prefix.len()].copy_from_slice(self.prefix.as_bytes());
            ustar.linkname[..self.link.len()].copy_from_slice(self.link.as_bytes());
        }
        header.set_cksum();
        *header.as_bytes()
    }
}

/// Prefix and name of a path, as the two fields of the block hold them; none when they cannot.
fn split(path: &str) -> Option<(&str, &str)> {
    if path.len() <= 100 {
        return Some(("", path));
    }
    let fits = |at: usize| at <= 155 && (1..=100).contains(&(path.len() - at - 1));
    let at = path.rmatch_indices('/').map(|(at, _)| at).find(|at| fits(*at))?;
    Some((&path[..at], &path[at + 1..]))
}

/// What of a text that stands in the extended header is repeated in a field of 100 bytes.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(100)]
}

/// A PAX record, which starts with its own length in decimal, that number's digits included.
fn record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    format!("{length} {key}={value}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_its_own_length() {
        assert_eq!(record("path", "x"), "9 path=x\n");
        for length in 1..300 {
            let text = record("linkpath", &"y".repeat(length));
            let (number, _) = text.split_once(' ').expect("a number");
            assert_eq!(number.parse(), Ok(text.len()));
        }
    }

    #[test]
    fn the_size_of_a_header_is_known_without_it() {
        let target = "t".repeat(300);
        let kinds = [
            MemberKind::Directory { mode: 0o755 },
            MemberKind::File { mode: 0o644, size: MAX_OCTAL_SIZE },
            MemberKind::File { mode: 0o644, size: MAX_OCTAL_SIZE + 1 },
            MemberKind::Link { target: &target[..100] },
            MemberKind::Link { target: &target },
        ];
        for length in [1, 99, 100, 101, 480, 490, 500, 510, 1000] {
            let path = "y".repeat(length);
            for kind in kinds {
                let member = Member { path: &path, mtime: 0, kind };
                assert_eq!(member.header_size(), member.header().len() as u64, "{length}, {kind:?}");
            }
        }
    }

    #[test]
    fn a_path_is_split_at_a_slash_where_both_fields_hold_it() {
        let path = format!("{}/{}", "a".repeat(155), "b".repeat(100));
        assert_eq!(split(&path), Some((&path[..155], &path[156..])));
        assert_eq!(split(&format!("{path}c")), None);
        assert_eq!(split(&format!("{}/", "a".repeat(120))), None);
    }
}
