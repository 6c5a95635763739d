//! The day of a release: the newest file in an archive, where a registry does not tell.

use std::path::Path;
use std::time::SystemTime;

use medic_archive::upstream::{Limits, Mtime, Options, unpack};
use medic_model::Date;

/// Times that mean none: what `cargo package` and `npm pack` give every file, so that packing again gives the same bytes.
const MADE_UP: [u64; 2] = [1_153_704_088, 499_162_500];

/// The day (UTC) of the newest file in an archive, which is unpacked below `scratch` for that; none when it is no archive, or its
/// times are made up.
pub(crate) fn newest_file(archive: &Path, scratch: &Path) -> Option<Date> {
    let folder = scratch.join("unpacked");
    fs_err::create_dir(&folder).ok()?;
    let options = Options { strip: 0, mtime: Mtime::Member, limits: Limits::default() };
    unpack(archive, &folder, &options).ok()?;
    newest_below(&folder)
}

/// The day of the newest file below a folder.
pub(crate) fn newest_below(folder: &Path) -> Option<Date> {
    let mut newest = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(&folder).ok()?.flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_dir() {
                folders.push(entry.path());
            } else if meta.is_file() {
                let since =
                    meta.modified().ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
                newest = since.map_or(newest, |since| since.as_secs().max(newest));
            }
        }
    }
    if MADE_UP.contains(&newest) { None } else { Date::of_epoch(newest) }
}
