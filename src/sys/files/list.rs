//! What is in a folder.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{CWD, Dir, Mode, OFlags, openat};

/// The names in a folder, in no order. Unlike the standard library's it asks the C library's allocator for nothing, which
/// programs with [`Heap`](crate::heap::Heap) then do without.
pub fn list(folder: &Path) -> io::Result<Vec<OsString>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = openat(CWD, folder, flags, Mode::empty())?;
    let mut names = Vec::new();
    for entry in Dir::new(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_names_are_there_and_a_missing_folder_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let expected: Vec<OsString> = (0..3000).map(|number| format!("{number:04}").into()).collect();
        for name in &expected {
            std::fs::write(folder.path().join(name), "").expect("written");
        }
        let mut names = list(folder.path()).expect("listed");
        names.sort();
        assert_eq!(names, expected);
        let missing = list(&folder.path().join("none")).expect_err("not there");
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        assert!(list(&folder.path().join("0000")).is_err());
    }
}
