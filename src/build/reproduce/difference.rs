//! What differs between two files or trees, and where. Pure.

use object::read::archive::ArchiveFile;
use object::{Object as _, ObjectSection as _};
use serde::Serialize;

/// How many bytes are shown before the first one that differs.
const BEFORE: usize = 8;
/// How many from there on.
const FROM: usize = 16;

/// Something that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The file, folder or link, below the component's or package's root.
    pub path: String,
    /// In what it differs.
    pub what: What,
}

/// In what a path differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The second build did not make it.
    OnlyFirst,
    /// The first build did not make it.
    OnlySecond,
    /// A file here is a folder or a link there.
    Type {
        /// `file`, `folder` or `link`.
        first: &'static str,
        /// The same of the second build.
        second: &'static str,
    },
    /// Permission bits.
    Mode {
        /// Of the first build.
        first: u32,
        /// Of the second build.
        second: u32,
    },
    /// What a link says.
    Link {
        /// In the first build.
        first: String,
        /// In the second build.
        second: String,
    },
    /// Bytes.
    Content(Content),
}

/// The first byte at which two files differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Content {
    /// From 0. The size of the shorter file, when it is the beginning of the other.
    pub offset: u64,
    /// What stands there, such as `member zlib.o, section .rodata`, where the file is of a kind that has such parts.
    pub part: Option<String>,
    /// Bytes before it, the same in both files, in hexadecimal.
    pub before: String,
    /// Bytes from there on in the first file, in hexadecimal; empty at its end.
    pub first: String,
    /// The same of the second file.
    pub second: String,
    /// Bytes of the first file.
    pub first_size: u64,
    /// Bytes of the second file.
    pub second_size: u64,
}

/// Where two files' contents differ first; none: they are the same.
pub fn content(first: &[u8], second: &[u8]) -> Option<Content> {
    let same = first.iter().zip(second).take_while(|(first, second)| first == second).count();
    if same == first.len() && same == second.len() {
        return None;
    }
    let from = |bytes: &[u8]| hex(bytes.get(same..).unwrap_or_default().get(..FROM.min(bytes.len() - same)));
    Some(Content {
        offset: same as u64,
        part: part(first, same as u64).or_else(|| part(second, same as u64)),
        before: hex(first.get(same.saturating_sub(BEFORE)..same)),
        first: from(first),
        second: from(second),
        first_size: first.len() as u64,
        second_size: second.len() as u64,
    })
}

fn hex(bytes: Option<&[u8]>) -> String {
    let bytes = bytes.unwrap_or_default().iter();
    bytes.map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// What stands at an offset of an archive of object files, or of an ELF file.
fn part(bytes: &[u8], offset: u64) -> Option<String> {
    if bytes.starts_with(b"!<arch>\n") { member(bytes, offset) } else { section(bytes, offset) }
}

fn member(bytes: &[u8], offset: u64) -> Option<String> {
    let archive = ArchiveFile::parse(bytes).ok()?;
    let mut ended = 0;
    for member in archive.members() {
        let member = member.ok()?;
        let (start, size) = member.file_range();
        let name = String::from_utf8_lossy(member.name()).into_owned();
        if (ended..start).contains(&offset) {
            return Some(format!("header of member {name}"));
        }
        ended = start + size;
        if (start..ended).contains(&offset) {
            let own = bytes.get(usize::try_from(start).ok()?..usize::try_from(ended).ok()?)?;
            let within = section(own, offset - start).map_or(String::new(), |section| format!(", {section}"));
            return Some(format!("member {name}{within}"));
        }
    }
    None
}

fn section(bytes: &[u8], offset: u64) -> Option<String> {
    let file = object::File::parse(bytes).ok()?;
    let holds = |(start, size): (u64, u64)| (start..start.saturating_add(size)).contains(&offset);
    let section = file.sections().find(|section| section.file_range().is_some_and(holds))?;
    Some(format!("section {}", section.name().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_that_differs_is_found_with_its_neighbours() {
        assert_eq!(content(b"same", b"same"), None);
        let found = content(b"0123456789 first", b"0123456789 second!").expect("they differ");
        assert_eq!((found.offset, found.first_size, found.second_size), (11, 16, 18));
        assert_eq!(found.before, "33 34 35 36 37 38 39 20");
        assert_eq!((found.first.as_str(), found.second.as_str()), ("66 69 72 73 74", "73 65 63 6f 6e 64 21"));
        assert_eq!(found.part, None);
    }

    #[test]
    fn the_beginning_of_another_file_differs_at_its_end() {
        let found = content(b"abc", b"abcdef").expect("they differ");
        assert_eq!((found.offset, found.first.as_str(), found.second.as_str()), (3, "", "64 65 66"));
        assert_eq!(content(b"", b"x").expect("they differ").offset, 0);
    }

    #[test]
    fn the_section_of_an_elf_file_is_named() {
        let own = std::fs::read(std::env::current_exe().expect("this program")).expect("read");
        let file = object::File::parse(&*own).expect("ELF");
        let (start, _) =
            file.section_by_name(".rodata").and_then(|section| section.file_range()).expect("there");
        let mut other = own.clone();
        let at = usize::try_from(start).expect("small") + 4;
        other[at] ^= 0xff;
        let found = content(&own, &other).expect("they differ");
        assert_eq!((found.offset, found.part.as_deref()), (at as u64, Some("section .rodata")));
    }

    #[test]
    fn the_member_of_an_archive_is_named() {
        // ar(5): a global header, then a header of 60 bytes before each member.
        let member = |name: &str, text: &str| {
            format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n{text}", 0, 0, 0, 644, text.len())
        };
        let archive =
            |second: &str| format!("!<arch>\n{}{}", member("one.o/", "abcd"), member("two.o/", second));
        let found = content(archive("wxyz").as_bytes(), archive("wxYz").as_bytes()).expect("they differ");
        assert_eq!(found.part.as_deref(), Some("member two.o"));
        let (first, second) = (archive("wxyz"), archive("wxyz").replace("two.o/", "six.o/"));
        let found = content(first.as_bytes(), second.as_bytes()).expect("they differ");
        assert_eq!(found.part.as_deref(), Some("header of member two.o"));
    }
}
