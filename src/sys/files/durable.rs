//! Replacing one file or link by its path, so that after a power cut the old or the new one is there, whole.

use std::fs::File;
use std::io;
use std::path::Path;

use super::{FileError, Folder};

/// The folder of a path and the name in it.
fn split(path: &Path) -> Result<(Folder, &std::ffi::OsStr), FileError> {
    let name = path.file_name().ok_or_else(|| FileError::new("write", path, rustix::io::Errno::INVAL))?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((Folder::open(parent)?, name))
}

/// A name beside `name` that no other program uses at the same time.
fn aside(name: &std::ffi::OsStr) -> String {
    format!(".{}.{}.new", name.to_string_lossy(), std::process::id())
}

/// Writes `bytes` to `path` durably: aside, fsync, rename, fsync of the folder. An existing file is replaced, whatever
/// its permissions; the new one has exactly the permission bits `mode`.
///
/// # Errors
/// Any step that fails; then the old file is untouched and nothing is left beside it.
pub fn write_durable(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    replace(path, |folder, aside| folder.write_new_durable(aside, bytes, mode))
}

/// As [`write_durable`], of what `write` writes: for what is too large to be held at once.
///
/// # Errors
/// That of `write`, and any step that fails; then the old file is untouched and nothing is left beside it.
pub fn stream_durable<T>(
    path: &Path,
    mode: u32,
    write: impl FnOnce(&mut File) -> io::Result<T>,
) -> Result<T, FileError> {
    replace(path, |folder, aside| {
        let mut file = folder.create_new(aside, mode)?;
        let written = write(&mut file).map_err(|error| FileError::new("write", path, error))?;
        rustix::fs::fsync(&file).map_err(|error| FileError::new("sync", path, error))?;
        Ok(written)
    })
}

fn replace<T>(
    path: &Path,
    write: impl FnOnce(&Folder, &str) -> Result<T, FileError>,
) -> Result<T, FileError> {
    let (folder, name) = split(path)?;
    let aside = aside(name);
    folder.remove_file_if_there(&aside)?;
    let written = write(&folder, &aside).and_then(|written| folder.rename(&aside, name).map(|()| written));
    if written.is_err() {
        let _ = folder.remove_file_if_there(&aside);
        return written;
    }
    folder.sync().and(written)
}

/// Makes the symbolic link `path` say `target`, at once and durably, whether it exists or not.
///
/// # Errors
/// Any step that fails; then the old link is untouched and nothing is left beside it.
pub fn switch_link(path: &Path, target: &Path) -> Result<(), FileError> {
    let (folder, name) = split(path)?;
    let aside = aside(name);
    folder.remove_file_if_there(&aside)?;
    folder.make_link(&aside, target)?;
    if let Err(error) = folder.rename(&aside, name) {
        let _ = folder.remove_file_if_there(&aside);
        return Err(error);
    }
    folder.sync()
}

/// Makes a folder's names durable: what was created, renamed or removed in it.
///
/// # Errors
/// The folder cannot be opened or synced.
pub fn sync_path(folder: &Path) -> Result<(), FileError> {
    Folder::open(folder)?.sync()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_and_a_link_are_replaced_whole() {
        let root = std::env::temp_dir().join(format!("medic-sys-durable-{}", std::process::id()));
        fs_err::create_dir_all(&root).expect("folder");
        let file = root.join("file");
        for (text, mode) in [("one", 0o600), ("two", 0o644)] {
            write_durable(&file, text.as_bytes(), mode).expect("written");
            assert_eq!(fs_err::read_to_string(&file).expect("read"), text);
            assert_eq!(fs_err::metadata(&file).expect("stat").permissions().mode() & 0o7777, mode);
        }
        let written = stream_durable(&file, 0o600, |to| io::Write::write(to, b"three")).expect("written");
        assert_eq!((written, fs_err::read(&file).expect("read")), (5, b"three".to_vec()));
        let failed = stream_durable(&file, 0o600, |to| {
            io::Write::write_all(to, b"half")?;
            Err::<(), _>(io::Error::other("no more"))
        });
        assert!(failed.expect_err("fails").to_string().ends_with("no more"));
        assert_eq!(fs_err::read(&file).expect("read"), b"three", "the old file is untouched");
        let link = root.join("current");
        for target in ["v1", "v2"] {
            switch_link(&link, Path::new(target)).expect("switched");
            assert_eq!(fs_err::read_link(&link).expect("link"), Path::new(target));
        }
        let names = fs_err::read_dir(&root).expect("list").count();
        assert_eq!(names, 2, "nothing is left beside them");
        fs_err::remove_dir_all(root).expect("removed");
    }

    #[test]
    fn a_failure_names_the_path() {
        let error = write_durable(Path::new("/nowhere/at/all"), b"", 0o600).expect_err("fails").to_string();
        assert_eq!(error, "cannot open the folder '/nowhere/at': No such file or directory (os error 2)");
    }
}
