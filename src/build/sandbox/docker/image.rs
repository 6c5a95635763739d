//! A build root as an image: made once of its tree, as a tar that is sent while it is written, and known by its identity.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};

use bollard::errors::Error as Bollard;
use bollard::query_parameters::CreateImageOptions;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use tar::{EntryType, Header};

use super::daemon::Daemon;
use super::owner::Owner;
use crate::error::BuildError;
use crate::root::Root;
use crate::sandbox::ROOT_FOLDERS;

/// Raised when images come to be made differently.
const FORMAT: u32 = 1;
/// The images' name.
const REPOSITORY: &str = "medic-os/build-root";
/// The label that says which build root an image is made of.
const LABEL: &str = "org.medic-os.build-root";
/// How much is sent at a time.
const PIECE: usize = 256 << 10;
/// How many pieces may wait to be sent.
const AHEAD: usize = 8;

/// The name of a root's image. Its files belong to the user that programs run as: that is part of it.
pub fn name(root: &Root, owner: &Owner) -> String {
    format!("{REPOSITORY}:{}", tag(root, owner))
}

fn tag(root: &Root, owner: &Owner) -> String {
    format!("{FORMAT}-{}-{}-{}", root.identity, owner.user, owner.group)
}

/// Sees to it that the daemon has the image of a root.
///
/// # Errors
/// The root cannot be read; the daemon refuses, or is out of space.
pub fn provide(daemon: &Daemon, root: &Root, owner: &Owner, name: &str) -> Result<(), BuildError> {
    match daemon.wait(daemon.client.inspect_image(name)) {
        Ok(_) => return Ok(()),
        Err(Bollard::DockerResponseServerError { status_code: 404, .. }) => {}
        Err(why) => return Err(daemon.error("asking for the build root's image")(why)),
    }
    let (sender, receiver) = sync_channel(AHEAD);
    let (tree, user, group) = (root.tree.clone(), owner.user, owner.group);
    let writer = std::thread::spawn(move || write(&tree, user, group, sender));
    let options = CreateImageOptions {
        from_src: Some("-".to_owned()),
        repo: Some(REPOSITORY.to_owned()),
        tag: Some(tag(root, owner)),
        changes: vec![format!("LABEL {LABEL}={}", root.identity)],
        ..CreateImageOptions::default()
    };
    let pieces = bollard::body_try_stream(stream::iter(receiver));
    let sent = daemon.wait(async {
        let mut answers = Box::pin(daemon.client.create_image(Some(options), Some(pieces), None));
        while let Some(answer) = answers.next().await {
            answer?;
        }
        Ok(())
    });
    let written = writer.join().unwrap_or_else(|_| Err(io::Error::other("the program that reads it failed")));
    match (written, sent) {
        // The daemon's end of the pipe was closed: it says why.
        (Err(error), Ok(())) => Err(super::on_path("reading the build root", &root.tree, &error)),
        (Err(error), Err(_)) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(super::on_path("reading the build root", &root.tree, &error))
        }
        (_, sent) => sent.map_err(daemon.error("making the build root's image")),
    }
}

/// Sends what is written to it, piece by piece.
struct Pieces {
    sender: SyncSender<io::Result<Bytes>>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Bytes::copy_from_slice(bytes);
        self.sender.send(Ok(piece)).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes the tar. When that fails the daemon is told, so that it does not take the first half for the whole.
fn write(tree: &Path, user: u32, group: u32, sender: SyncSender<io::Result<Bytes>>) -> io::Result<()> {
    let pieces = io::BufWriter::with_capacity(PIECE, Pieces { sender: sender.clone() });
    let written = pack(tree, user, group, pieces);
    if let Err(error) = &written {
        // If the daemon does not listen any more it knows.
        let _ = sender.send(Err(io::Error::new(error.kind(), error.to_string())));
    }
    written
}

/// Writes the visible folders of a root as a tar whose files belong to this user.
fn pack(tree: &Path, user: u32, group: u32, to: impl Write) -> io::Result<()> {
    let mut tar = tar::Builder::new(to);
    let mut linked: HashMap<(u64, u64), PathBuf> = HashMap::new();
    let mut open: Vec<PathBuf> = ROOT_FOLDERS.iter().rev().map(PathBuf::from).collect();
    while let Some(path) = open.pop() {
        let place = tree.join(&path);
        let meta = match fs::symlink_metadata(&place) {
            Ok(meta) => meta,
            // A root need not have all of the folders.
            Err(error) if error.kind() == io::ErrorKind::NotFound && path.components().count() == 1 => {
                continue;
            }
            Err(error) => return Err(error),
        };
        let mut header = header(&meta, user, group);
        if meta.is_dir() {
            header.set_entry_type(EntryType::Directory);
            tar.append_data(&mut header, &path, io::empty())?;
            let mut names: Vec<_> = fs::read_dir(&place)?.collect::<io::Result<_>>()?;
            names.sort_by_key(fs::DirEntry::file_name);
            open.extend(names.into_iter().rev().map(|entry| path.join(entry.file_name())));
        } else if meta.is_symlink() {
            header.set_entry_type(EntryType::Symlink);
            tar.append_link(&mut header, &path, fs::read_link(&place)?)?;
        } else if let Some(first) = linked.get(&(meta.dev(), meta.ino())) {
            header.set_entry_type(EntryType::Link);
            tar.append_link(&mut header, &path, first)?;
        } else if meta.is_file() {
            header.set_size(meta.len());
            tar.append_data(&mut header, &path, File::open(&place)?)?;
            if meta.nlink() > 1 {
                linked.insert((meta.dev(), meta.ino()), path);
            }
        }
    }
    tar.into_inner()?.flush()
}

fn header(meta: &Metadata, user: u32, group: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_mode(meta.mode() & 0o777);
    header.set_uid(user.into());
    header.set_gid(group.into());
    header.set_mtime(u64::try_from(meta.mtime()).unwrap_or(0));
    header.set_size(0);
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tar_holds_the_visible_folders_as_the_users_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let tree = folder.path();
        fs::create_dir_all(tree.join("usr/bin")).expect("made");
        fs::create_dir_all(tree.join("home/secret")).expect("made");
        fs::write(tree.join("usr/bin/a"), "x").expect("written");
        fs::hard_link(tree.join("usr/bin/a"), tree.join("usr/bin/b")).expect("linked");
        std::os::unix::fs::symlink("usr/bin", tree.join("bin")).expect("linked");
        let mut bytes = Vec::new();
        pack(tree, 1000, 7, &mut bytes).expect("packed");
        let mut archive = tar::Archive::new(&bytes[..]);
        let entries: Vec<_> = archive
            .entries()
            .expect("a tar")
            .map(|entry| {
                let entry = entry.expect("an entry");
                let header = entry.header();
                assert_eq!((header.uid().expect("set"), header.gid().expect("set")), (1000, 7));
                let target = entry.link_name().expect("fine").map(|target| target.display().to_string());
                (entry.path().expect("a path").display().to_string(), target)
            })
            .collect();
        let expected = [
            ("bin", Some("usr/bin")),
            ("usr", None),
            ("usr/bin", None),
            ("usr/bin/a", None),
            ("usr/bin/b", Some("usr/bin/a")),
        ];
        let expected = expected.map(|(path, target)| (path.to_owned(), target.map(str::to_owned)));
        let entries: Vec<_> =
            entries.into_iter().map(|(path, to)| (path.trim_end_matches('/').to_owned(), to)).collect();
        assert_eq!(entries, expected);
    }
}
