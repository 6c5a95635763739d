//! Which services are disabled: a file for each, which outlives the container.

use std::io;
use std::path::Path;

use medic_model::{PackageName, ServiceName};
use medic_sys::files::{FileError, make_folders, sync_path, write_durable};

use crate::place::Place;

/// Whether the service is disabled, by our mark or the legacy system's. A mark that cannot be looked at counts as none.
pub fn is_disabled(place: &Place, package: &PackageName, service: &ServiceName) -> bool {
    place.disabled_mark(package, service).exists() || place.legacy_disabled_mark(package, service).exists()
}

/// Writes the mark, or removes both, durably.
///
/// # Errors
/// A file or folder that cannot be written; it is named.
pub fn set_disabled(
    place: &Place,
    package: &PackageName,
    service: &ServiceName,
    disabled: bool,
) -> Result<(), FileError> {
    let mark = place.disabled_mark(package, service);
    if disabled {
        let folder = mark.parent().unwrap_or(place.root());
        make_folders(folder).map_err(|error| FileError::new("create", folder, error))?;
        // The folder's own name must be durable too: it may be new.
        sync_path(folder.parent().unwrap_or(place.root()))?;
        return write_durable(&mark, b"", 0o644);
    }
    remove(&mark)?;
    remove(&place.legacy_disabled_mark(package, service))
}

fn remove(mark: &Path) -> Result<(), FileError> {
    match std::fs::remove_file(mark) {
        Ok(()) => mark.parent().map_or(Ok(()), sync_path),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(())
        }
        Err(error) => Err(FileError::new("remove", mark, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_set_and_both_kinds_are_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::new(folder.path());
        let (package, service) = ("p".parse().expect("name"), "s".parse().expect("name"));
        assert!(!is_disabled(&place, &package, &service));
        set_disabled(&place, &package, &service, true).expect("written");
        assert!(is_disabled(&place, &package, &service));
        assert!(folder.path().join("srv/system/supervisor/p/s.disabled").is_file());

        let legacy = folder.path().join("srv/system/storage/supervisor/p/status/persistent/s.disabled");
        std::fs::create_dir_all(legacy.parent().expect("has one")).expect("made");
        std::fs::write(&legacy, "").expect("written");
        set_disabled(&place, &package, &service, false).expect("removed");
        assert!(!is_disabled(&place, &package, &service) && !legacy.exists());
        set_disabled(&place, &package, &service, false).expect("nothing to remove is no error");
    }

    #[test]
    fn a_mark_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("srv"), "a file").expect("written");
        let place = Place::new(folder.path());
        let error = set_disabled(&place, &"p".parse().expect("name"), &"s".parse().expect("name"), true)
            .expect_err("not a folder");
        assert!(error.to_string().contains("srv/system/supervisor/p"), "{error}");
    }
}
