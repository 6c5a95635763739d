//! Making a folder with all above it: what the standard library has for it is three times the code.

use std::io;
use std::path::Path;

use rustix::fs::{Mode, mkdir};
use rustix::io::Errno;

/// Makes `folder` and those above it that are not there, with mode 0755 less the umask. One that is there already is no error.
///
/// # Errors
/// One cannot be made, or something else than a folder stands in its place.
pub fn make_folders(folder: &Path) -> io::Result<()> {
    match mkdir(folder, Mode::from_raw_mode(0o755)) {
        Ok(()) => Ok(()),
        Err(Errno::NOENT) => {
            let above = folder.parent().filter(|above| !above.as_os_str().is_empty());
            make_folders(above.ok_or(Errno::NOENT)?)?;
            // Somebody else may have been quicker.
            match mkdir(folder, Mode::from_raw_mode(0o755)) {
                Err(Errno::EXIST) if folder.is_dir() => Ok(()),
                made => Ok(made?),
            }
        }
        // There already, whatever else is wrong with making it: a read-only file system, no permission.
        Err(_) if folder.is_dir() => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_above_is_made_and_what_is_there_stays() {
        let root = std::env::temp_dir().join(format!("medic-sys-make-{}", std::process::id()));
        let deep = root.join("a/b/c");
        for _ in 0..2 {
            make_folders(&deep).expect("made");
            assert!(deep.is_dir());
        }
        fs_err::write(root.join("file"), "").expect("written");
        for taken in ["file", "file/below"] {
            assert!(make_folders(&root.join(taken)).is_err(), "{taken}");
        }
        make_folders(Path::new("/")).expect("it is there");
        fs_err::remove_dir_all(root).expect("removed");
    }
}
