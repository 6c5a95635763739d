//! The members of a zip: wheels, jars.

use std::io::{self, Read, Seek};

use super::UnpackError;
use super::placer::{Kind, Placer};
use zip::read::ZipFile;

const TYPE: u32 = 0o170_000;
const LINK: u32 = 0o120_000;
const FILE: u32 = 0o100_000;
const DIRECTORY: u32 = 0o040_000;
/// The longest target of a symbolic link.
const MAX_TARGET: u64 = 4096;

pub(super) fn unpack(reader: impl Read + Seek, placer: &mut Placer) -> Result<(), UnpackError> {
    let mut archive = zip::ZipArchive::new(reader).map_err(|error| placer.unreadable(None, as_io(error)))?;
    // The central directory and the members' own headers must say the same, each name once: otherwise two programs
    // would unpack two different things.
    archive.validate_header_consistency().map_err(|error| placer.unreadable(None, as_io(error)))?;
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).map_err(|error| placer.unreadable(None, as_io(error)))?;
        let name = file.name_raw().to_vec();
        place(&mut file, &name, placer)?;
    }
    Ok(())
}

fn place<R: Read>(file: &mut ZipFile<'_, R>, name: &[u8], placer: &mut Placer) -> Result<(), UnpackError> {
    let mode = file.unix_mode().unwrap_or(FILE | 0o644);
    let mtime = file.last_modified().and_then(seconds).unwrap_or(0);
    let kind = match mode & TYPE {
        _ if name.ends_with(b"/") => Kind::Directory,
        DIRECTORY => Kind::Directory,
        // Some writers set permissions only.
        0 | FILE => Kind::File { mode, content: file },
        LINK => {
            let mut target = Vec::new();
            let read = file.take(MAX_TARGET + 1).read_to_end(&mut target);
            read.map_err(|source| placer.unreadable(Some(name), source))?;
            if target.len() as u64 > MAX_TARGET {
                return Err(
                    placer.unreadable(Some(name), io::Error::other("a link's target over 4096 bytes"))
                );
            }
            Kind::Link { target }
        }
        _ => Kind::Special("device, pipe or socket"),
    };
    placer.place(name, mtime, kind)
}

/// Seconds since 1970 of a time that is taken as UTC: a zip does not say whose it is.
fn seconds(time: zip::DateTime) -> Option<u64> {
    let day = format!("{:04}-{:02}-{:02}", time.year(), time.month(), time.day());
    let day: medic_model::Date = day.parse().ok()?;
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    Some(day.epoch() + u64::from(hour) * 3600 + u64::from(minute) * 60 + u64::from(second))
}

fn as_io(error: zip::result::ZipError) -> io::Error {
    match error {
        zip::result::ZipError::Io(error) => error,
        other => io::Error::other(other),
    }
}
