//! What git says of the workspace: the commit that an image is made from, and when it was made.

use std::path::Path;
use std::process::Command;

/// What the workspace is, as far as git knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revision {
    /// The commit, with `-modified` behind it when files that git tracks differ from it.
    pub commit: Option<String>,
    /// Seconds since 1970-01-01T00:00:00Z at which it was committed.
    pub committed: Option<u64>,
    /// Where it comes from: the address of the remote `origin`, without a user or password in it; where that is no
    /// address that others could use, the project's own.
    pub source: String,
}

fn git(workspace: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(workspace).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// An `https://` address without the user and password that may stand in it.
fn without_credentials(address: &str) -> String {
    let rest = address.strip_prefix("https://").unwrap_or(address);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("https://{host}/{path}")
}

impl Revision {
    /// Asks git; whatever it does not know stays empty.
    pub fn of(workspace: &Path) -> Self {
        let origin = git(workspace, &["remote", "get-url", "origin"])
            .filter(|address| address.starts_with("https://"));
        let source = origin
            .map_or_else(|| env!("CARGO_PKG_REPOSITORY").to_owned(), |address| without_credentials(&address));
        let Some(line) = git(workspace, &["log", "-1", "--format=%H %ct"]) else {
            return Self { source, ..Self::default() };
        };
        let (commit, committed) = line.split_once(' ').unwrap_or((&line, ""));
        let modified = git(workspace, &["status", "--porcelain", "--untracked-files=no"])
            .is_none_or(|text| !text.is_empty());
        Self {
            commit: Some(format!("{commit}{}", if modified { "-modified" } else { "" })),
            committed: committed.parse().ok(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_reaches_a_label() {
        assert_eq!(
            without_credentials("https://u:secret@host.example/a/b.git"),
            "https://host.example/a/b.git"
        );
        assert_eq!(without_credentials("https://host.example/a"), "https://host.example/a");
    }
}
