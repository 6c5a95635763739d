//! The content of a file, taken apart once for all checks that look at it.

use std::ops::Range;

use object::read::archive::ArchiveFile;

use super::check::{Check, Exceptions, Finding, Level, Looks};
use super::elf::Elf;

/// A file that claims to be what it is not.
pub static DAMAGED: Check = Check {
    id: "damaged-binary",
    title: "an ELF file or an archive that cannot be read",
    why: "It begins as a program, library or archive and is none: cut off, overwritten, or (a thin archive) only a list of \
          files of the build that is not kept. Nothing else could be checked in it.",
    mend: "Look at it with readelf -a or ar t, and at the step that makes it.",
    looks: Looks::AtTree,
    level: Level::Error,
    exceptions: Exceptions::Allowed,
};

/// A file with its bytes.
#[derive(Debug)]
pub struct Content<'a> {
    /// Where it stands.
    pub path: &'a str,
    /// All of it.
    pub bytes: &'a [u8],
    /// What it is.
    pub form: Form,
}

/// What a file is.
#[derive(Debug)]
pub enum Form {
    /// A program, library or object.
    Elf(Elf),
    /// A static library, with those members that are objects; the others matter to nobody.
    Archive(Vec<Member>),
    /// Anything else.
    Other,
}

/// A member of a static library.
#[derive(Debug)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Where its bytes are in the file.
    pub range: Range<usize>,
    /// What it is, when it is an object.
    pub elf: Option<Elf>,
}

impl<'a> Content<'a> {
    /// Takes a file apart; what cannot be is a finding.
    pub fn read(path: &'a str, bytes: &'a [u8]) -> (Self, Option<Finding>) {
        let (form, fault) = match Elf::read(bytes) {
            Some(Ok(elf)) => (Form::Elf(elf), None),
            Some(Err(error)) => (Form::Other, Some(format!("it begins as an ELF file, but: {error}"))),
            None if bytes.starts_with(b"!<thin>\n") => {
                (Form::Other, Some("it is a thin archive: its members are files of the build".to_owned()))
            }
            None if bytes.starts_with(b"!<arch>\n") => match members(bytes) {
                Ok(members) => (Form::Archive(members), None),
                Err(error) => (Form::Other, Some(format!("it begins as an archive, but: {error}"))),
            },
            None => (Form::Other, None),
        };
        (Self { path, bytes, form }, fault.map(|fault| DAMAGED.finds(path, fault)))
    }

    /// The objects in it that are to be linked: itself or its members, each with its name in findings.
    pub fn objects(&self) -> Vec<(&str, &Elf)> {
        match &self.form {
            Form::Elf(elf) if elf.kind == super::elf::Kind::Object => vec![("it", elf)],
            Form::Archive(members) => members
                .iter()
                .filter_map(|member| Some((member.name.as_str(), member.elf.as_ref()?)))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The program or shared library that it is.
    pub fn loaded(&self) -> Option<&Elf> {
        match &self.form {
            Form::Elf(elf) if elf.is_loaded() => Some(elf),
            _ => None,
        }
    }

    /// The member of a static library that has this place in the file.
    pub fn member_at(&self, offset: usize) -> Option<&str> {
        let Form::Archive(members) = &self.form else { return None };
        members.iter().find(|member| member.range.contains(&offset)).map(|member| member.name.as_str())
    }
}

fn members(bytes: &[u8]) -> Result<Vec<Member>, String> {
    let archive = ArchiveFile::parse(bytes).map_err(|error| error.to_string())?;
    let mut members = Vec::new();
    for member in archive.members() {
        let member = member.map_err(|error| error.to_string())?;
        let name = String::from_utf8_lossy(member.name()).into_owned();
        let data = member.data(bytes).map_err(|error| format!("its member '{name}': {error}"))?;
        let elf = Elf::read(data).transpose().map_err(|error| format!("its member '{name}': {error}"))?;
        let (start, size) = member.file_range();
        let index = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
        members.push(Member { name, range: index(start)..index(start.saturating_add(size)), elf });
    }
    Ok(members)
}

/// Names, as many as are worth reading: `a.o, b.o, c.o and 12 more`.
pub fn list(names: &[&str]) -> String {
    const NAMED: usize = 3;
    let more = names.len().saturating_sub(NAMED);
    let named = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{named} and {more} more") } else { named }
}
