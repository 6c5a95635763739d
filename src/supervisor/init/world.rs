//! What init has of the machine: descriptors, the shared table, the place for volatile state.

use std::fs::{File, Permissions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use medic_sys::clock::monotonic_millis;
use medic_sys::event::{Epoll, Interest};
use medic_sys::files::make_folders;
use medic_sys::output::Output;
use medic_sys::process::{Limit, MarkSpace, become_subreaper, effective_user, raise_open_files};
use medic_sys::signal::{SignalFd, number};
use medic_sys::socket::{connect_to, listen_at};

use super::Config;
use crate::control::SOCKET_NAME;
use crate::place::Place;
use crate::table::{Table, TableError};

pub mod key {
    pub const SIGNALS: u64 = 0;
    pub const LISTENER: u64 = 1;
    pub const STEP: u64 = 2;
    /// A service's channel: its number on top.
    pub const CHANNELS: u64 = 1 << 32;
    /// A client: its number on top.
    pub const CLIENTS: u64 = 2 << 32;
}

/// What init has of the machine.
#[derive(Debug)]
pub struct World {
    pub folder: PathBuf,
    pub table: Table,
    pub epoll: Epoll,
    pub signals: SignalFd,
    pub listener: OwnedFd,
    pub output: Output,
    pub null: File,
    pub marks: Option<MarkSpace>,
    pub files: Option<Limit>,
    pub user: u32,
    pub is_first: bool,
}

/// Why init cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// No place for volatile state.
    #[error("no folder for volatile state can be written: {tried}: mount a tmpfs on /run")]
    Folder { tried: String },
    /// Another init runs there.
    #[error("another init runs already: it answers at {}", path.display())]
    Busy { path: PathBuf },
    /// No table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Something else.
    #[error("cannot {what}: {source}")]
    Kernel { what: &'static str, source: io::Error },
}

fn kernel(what: &'static str) -> impl FnOnce(io::Error) -> WorldError {
    move |source| WorldError::Kernel { what, source }
}

impl World {
    pub fn new(config: &Config) -> Result<Self, WorldError> {
        let myself = std::process::id();
        let is_first = myself == 1;
        if !is_first {
            become_subreaper().map_err(kernel("become the parent of orphans"))?;
        }
        let user = effective_user();
        let folder = volatile_folder(&config.place, user)?;
        let listener = listen(&folder)?;
        let signals = [
            number::CHLD,
            number::TERM,
            number::INT,
            number::QUIT,
            number::HUP,
            number::USR1,
            number::USR2,
            number::PIPE,
            number::TTIN,
            number::TTOU,
        ];
        let signals = SignalFd::new(&signals).map_err(kernel("take signals from a descriptor"))?;
        let epoll = Epoll::new().map_err(kernel("make an epoll set"))?;
        epoll.add(&signals, key::SIGNALS, Interest::Readable).map_err(kernel("watch signals"))?;
        epoll
            .add(&listener, key::LISTENER, Interest::Readable)
            .map_err(kernel("watch the control socket"))?;
        let null =
            File::options().read(true).write(true).open("/dev/null").map_err(kernel("open /dev/null"))?;
        // A command in the foreground has standard output to itself.
        let (stdout, stderr) = (io::stdout(), io::stderr());
        let output = if config.command.is_empty() { stdout.as_fd() } else { stderr.as_fd() };
        let output =
            Output::of(output).or_else(|_| Output::of(null.as_fd())).map_err(kernel("use the output"))?;
        Ok(Self {
            table: Table::create(&folder, myself, monotonic_millis())?,
            folder,
            epoll,
            signals,
            listener,
            output,
            null,
            marks: MarkSpace::of_myself(),
            // Two descriptors and more a service are held open here.
            files: raise_open_files().ok(),
            user,
            is_first,
        })
    }
}

/// The first folder for volatile state that can be had; made where it is not there.
fn volatile_folder(place: &Place, user: u32) -> Result<PathBuf, WorldError> {
    let mut tried = Vec::new();
    for folder in place.run_folders() {
        match usable(&folder, user) {
            Ok(()) => return Ok(folder),
            Err(error) => tried.push(format!("{} ({error})", folder.display())),
        }
    }
    Err(WorldError::Folder { tried: tried.join(", ") })
}

fn usable(folder: &Path, user: u32) -> io::Result<()> {
    make_folders(folder)?;
    let metadata = std::fs::symlink_metadata(folder)?;
    // In a folder that anybody may write to, somebody else could have been first.
    if !metadata.is_dir() || ![0, user].contains(&metadata.uid()) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is not this user's own folder"));
    }
    let probe = folder.join(".writable");
    File::create(&probe)?;
    std::fs::remove_file(probe)
}

fn listen(folder: &Path) -> Result<OwnedFd, WorldError> {
    let path = folder.join(SOCKET_NAME);
    let at = NearPath::new(folder, &path);
    if connect_to(at.path()).is_ok() {
        return Err(WorldError::Busy { path });
    }
    // Left by an init that was killed.
    let _ = std::fs::remove_file(&path);
    let listener = listen_at(at.path()).map_err(kernel("make the control socket"))?;
    std::fs::set_permissions(&path, Permissions::from_mode(0o600))
        .map_err(kernel("protect the control socket"))?;
    Ok(listener)
}

/// The path of a socket has at most 108 bytes: a longer one is reached by way of its folder's descriptor.
struct NearPath {
    path: PathBuf,
    _folder: Option<File>,
}

impl NearPath {
    fn new(folder: &Path, path: &Path) -> Self {
        use std::os::fd::AsRawFd;
        if path.as_os_str().len() > 100
            && let Ok(open) = File::open(folder)
        {
            let path = PathBuf::from(format!("/proc/self/fd/{}/{SOCKET_NAME}", open.as_raw_fd()));
            return Self { path, _folder: Some(open) };
        }
        Self { path: path.to_owned(), _folder: None }
    }

    fn path(&self) -> &Path {
        &self.path
    }
}
