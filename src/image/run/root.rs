//! An image's layers unpacked into a folder, once per image: the sandbox's root.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use std::fs;

use crate::assemble::Image;
use crate::error::ImageError;
use crate::layers::use_plain_layer;
use crate::progress::{Event, Reporter};
use crate::store::{put, touch};

/// An unpacked image. While this value lives, nobody removes the folder.
#[derive(Debug)]
pub(super) struct Root {
    /// The folder.
    pub path: PathBuf,
    _lock: fs::File,
}

impl Root {
    /// The image's root, unpacked now if it is not there. Roots of other builds of the image that nobody uses are removed.
    pub(super) fn of(image: &Image, reporter: &dyn Reporter) -> Result<Self, ImageError> {
        // Files belong to who unpacks them, so each user has roots of its own.
        let prefix = format!("{}-{}-{}-", image.name, image.arch, rustix::process::geteuid().as_raw());
        let folder = image.store.root_filesystems();
        let path = folder.join(format!("{prefix}{}", image.manifest.digest));
        loop {
            if let Some(lock) = lock(&path, FlockOperation::LockShared).filter(|_| path.exists()) {
                touch(&path);
                remove_others(&folder, &prefix, &path);
                return Ok(Self { path, _lock: lock });
            }
            unpack(image, &path, reporter)?;
        }
    }
}

fn lock(folder: &Path, operation: FlockOperation) -> Option<fs::File> {
    let file = fs::File::open(folder).ok()?;
    flock(&file, operation).ok().map(|()| file)
}

fn remove_others(folder: &Path, prefix: &str, own: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let same_image = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix));
        if same_image
            && path != own
            && let Some(_lock) = lock(&path, FlockOperation::NonBlockingLockExclusive)
        {
            // One that cannot be removed only takes space.
            drop(fs::remove_dir_all(&path));
        }
    }
}

fn unpack(image: &Image, to: &Path, reporter: &dyn Reporter) -> Result<(), ImageError> {
    let scratch = image.store.scratch()?;
    let root = scratch.path().join("root");
    fs::create_dir(&root).map_err(ImageError::on("make the folder", &root))?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&root, mode).map_err(ImageError::on("make the folder", &root))?;
    let total = image.layers.len();
    for (done, layer) in image.layers.iter().enumerate() {
        reporter.event(Event::Unpacking { done, total });
        use_plain_layer(&image.store, layer, image.compression, |tar| {
            unpack_tar(tar, &root).map_err(ImageError::on("unpack the image in", &root))
        })?;
    }
    reporter.event(Event::Unpacking { done: total, total });
    // What Docker makes when a container starts.
    let hosts = "127.0.0.1 localhost\n::1 localhost\n";
    let files = [("etc/hosts", hosts), ("etc/hostname", image.name.as_str()), ("etc/resolv.conf", "")];
    for (name, text) in files {
        let path = root.join(name);
        fs::write(&path, text).map_err(ImageError::on("write", &path))?;
    }
    match put(&root, to) {
        // Another program was faster.
        Err(_) if to.is_dir() => Ok(()),
        result => result,
    }
}

fn unpack_tar(reader: impl Read, root: &Path) -> io::Result<()> {
    let mut archive = tar::Archive::new(reader);
    // Modes are the archive's own, whatever the umask; owners are who unpacks, root inside.
    archive.set_preserve_permissions(true);
    archive.set_preserve_mtime(true);
    archive.unpack(root)
}
