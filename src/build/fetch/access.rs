//! What fetching is told from outside: where to look, as whom, how patiently.

use std::ffi::OsString;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

/// Where files may be had, and the programs that know the machine's registries. The library itself reads no environment; the
/// programs inherit the caller's, since they are the user's own clients.
#[derive(Debug, Clone)]
pub struct Access {
    /// The workspace: `path` locations are below it, and its `Cargo.lock` is what `cargo fetch` is asked for.
    pub workspace: PathBuf,
    /// Folders and addresses that hold files by digest (`MEDIC_OS_MIRRORS`).
    pub mirrors: Vec<Mirror>,
    /// Base addresses of the machine's Debian mirrors, best first; [`super::apt::mirrors`] reads them from apt's configuration.
    pub debian: Vec<String>,
    /// Cargo's home folder, in whose `registry/cache` crates are looked for.
    pub cargo_home: Option<PathBuf>,
    /// How HTTP gets out.
    pub proxy: Proxy,
    /// The clients.
    pub programs: Programs,
    /// Whether only the store, mirrors that are folders, and `path` locations may be used.
    pub offline: bool,
    /// What HTTP requests say who is asking, such as `medic-os/0.1`.
    pub user_agent: String,
}

/// The programs that know the machine's registries. Names are looked for on the caller's `PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    /// Python, for `python3 -m pip`.
    pub python: OsString,
    /// npm.
    pub npm: OsString,
    /// Cargo.
    pub cargo: OsString,
    /// git.
    pub git: OsString,
}

impl Default for Programs {
    fn default() -> Self {
        Self { python: "python3".into(), npm: "npm".into(), cargo: "cargo".into(), git: "git".into() }
    }
}

/// How HTTP gets out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proxy {
    /// As the system says: `HTTPS_PROXY`, `NO_PROXY` and so on.
    System,
    /// Directly.
    None,
    /// Through this one.
    Url(String),
}

/// A place that holds files by digest: at `<sha256>` or at `sha256/<sha256>` below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mirror {
    /// A folder.
    Directory(PathBuf),
    /// An HTTP or HTTPS address.
    Url(String),
}

impl Mirror {
    /// Reads a list of mirrors as `MEDIC_OS_MIRRORS` has it: folders and addresses with white space between them.
    pub fn parse_list(text: &str) -> Vec<Self> {
        let parse = |word: &str| {
            if is_web(word) {
                Self::Url(word.trim_end_matches('/').to_owned())
            } else {
                Self::Directory(word.strip_prefix("file://").unwrap_or(word).into())
            }
        };
        text.split_whitespace().map(parse).collect()
    }
}

pub(super) fn is_web(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// How many at once, and how patiently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Files fetched at once.
    pub workers: NonZero<usize>,
    /// Connections to one host at once.
    pub per_host: NonZero<usize>,
    /// Tries at one location, before the next is tried. A connection that cannot be made at all is tried twice.
    pub attempts: u32,
    /// The wait after the first failed try; it doubles with each.
    pub first_delay: Duration,
    /// The longest wait between two tries. A server that asks for more (`Retry-After`) is given up.
    pub max_delay: Duration,
    /// The longest time a connection may take to be made.
    pub connect: Duration,
    /// The longest time without a byte.
    pub stall: Duration,
    /// The longest time a client program may run without anything growing on disk.
    pub client_stall: Duration,
    /// The most redirects that are followed.
    pub redirects: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            workers: NonZero::new(8).unwrap_or(NonZero::<usize>::MIN),
            per_host: NonZero::new(6).unwrap_or(NonZero::<usize>::MIN),
            attempts: 5,
            first_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(60),
            connect: Duration::from_secs(15),
            stall: Duration::from_secs(30),
            client_stall: Duration::from_secs(300),
            redirects: 10,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_are_folders_or_addresses() {
        let list = Mirror::parse_list("  /srv/mirror https://mirror.example/a/ \n file:///mnt/x ");
        let expected = [
            Mirror::Directory("/srv/mirror".into()),
            Mirror::Url("https://mirror.example/a".to_owned()),
            Mirror::Directory("/mnt/x".into()),
        ];
        assert_eq!(list, expected);
    }
}
