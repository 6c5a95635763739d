//! Locations that only a client program of the user's knows: it has the registry's address, the account, the proxy.

mod git;
mod krate;
mod npm;
mod pypi;
mod run;

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use fs_err as fs;

use super::Reason;
use super::job::{Job, Stop};
use super::partial::{Partial, Refused};
use super::plan::Want;

pub(super) use git::fetch as git;
pub(super) use krate::fetch as krate;
pub(super) use npm::fetch as npm;
pub(super) use pypi::{fetch as pypi, indexes as pypi_indexes};
pub(super) use run::{Task, run};

/// What is asked of a client program once for all files.
#[derive(Debug, Default)]
pub(super) struct Clients {
    /// The package indexes that pip is configured for.
    indexes: OnceLock<Vec<String>>,
    /// Whether `cargo fetch` was run for the workspace.
    workspace_fetched: AtomicBool,
}

/// What a location gave: the file is in the partial, or it is not.
pub(super) type Given = Result<Result<(), Reason>, Stop>;

/// Copies a file into the partial, from its beginning.
pub(super) fn copy(job: &Job<'_>, want: &Want, from: &Path, partial: &mut Partial) -> Given {
    use std::io::Read as _;
    let mut file = match fs::File::open(from) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Err(Reason::Absent)),
        Err(error) => return Ok(Err(Reason::File(error))),
    };
    if file.metadata().is_ok_and(|meta| !meta.is_file()) {
        return Ok(Err(Reason::Absent));
    }
    job.restart(partial)?;
    let mut buffer = vec![0; 128 << 10];
    loop {
        if job.stopped() {
            return Err(Stop::Asked);
        }
        match file.read(&mut buffer) {
            Ok(0) => return Ok(Ok(())),
            Ok(count) => match partial.append(&buffer[..count], want) {
                Ok(()) => {}
                Err(Refused::TooLarge) => return Ok(Err(Reason::TooLarge { limit: want.max_size })),
                Err(Refused::Disk(source)) => return Err(job.disk(want, source)),
            },
            Err(error) => return Ok(Err(Reason::File(error))),
        }
    }
}

/// Whether a text from a recipe can be an argument of a program: it cannot be taken for an option, a path or a pattern.
pub(crate) fn is_plain(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._+-@/".contains(&b);
    !text.is_empty() && !text.starts_with(['-', '/', '.']) && text.bytes().all(plain) && !text.contains("..")
}

/// The only file in a folder whose name ends so.
fn only_file(folder: &Path, ending: &str) -> Option<std::path::PathBuf> {
    let entries = fs::read_dir(folder).ok()?;
    let mut files = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(ending)));
    files.next().filter(|_| files.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn what_looks_like_an_option_is_no_argument() {
        for good in ["ziglang", "@scope/name", "1.2.3+meta-1", "A_b"] {
            assert!(is_plain(good), "{good}");
        }
        for bad in ["", "-r", "--index-url=x", "/etc", "../x", "a b", "a;b", "a\nb", "*", "git+https://x"] {
            assert!(!is_plain(bad), "{bad}");
        }
    }
}
