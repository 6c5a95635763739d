//! Paths of the machine and the sandbox that something was built in.

use std::collections::BTreeMap;

use super::check::{Check, Exceptions, Finding, Level, Looks};
use super::content::Content;

/// A path that exists during the build only.
pub static BUILD_PATH: Check = Check {
    id: "build-path",
    title: "a path that exists only while building",
    why: "It leads nowhere once installed: a program that opens it fails, or opens what an attacker put there. It tells of the \
          machine it was built on, and makes the result depend on where that was.",
    mend: "For messages and debugging information: -ffile-prefix-map=/build/src= (C), --remap-path-prefix=/build/src= (Rust). \
           For options a program remembers (nginx -V): pass them by a file or variable. In .pc files: ${pcfiledir}; in scripts: \
           $(dirname \"$0\"). A libtool archive (.la) is better removed.",
    looks: Looks::AtTree,
    level: Level::Error,
    exceptions: Exceptions::Allowed,
};

/// Folders of the sandbox, and those of people. Each is looked for at the beginning of a path only.
const FOLDERS: [&str; 6] = ["/build/", "/toolchain/", "/sysroot/", "/home/", "/root/", "/Users/"];
/// A member of a Rust library that only the compiler reads: it holds the documentation, with its examples, and goes into no
/// program.
const RUST_METADATA: &str = "lib.rmeta";
/// How many different paths are shown.
const SHOWN: usize = 3;
/// How many letters of a path are shown.
const LONGEST: usize = 80;

/// Looks at a file. `own` are folders of this machine: the store's, the workspace's.
pub fn build_paths(content: &Content<'_>, own: &[String]) -> Option<Finding> {
    let bytes = content.bytes;
    let mut found: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut at = 0;
    while let Some(step) = bytes.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'/')) {
        at += step;
        let rest = bytes.get(at..).unwrap_or_default();
        if begins_path(bytes, at) && is_build_path(rest, own) && content.member_at(at) != Some(RUST_METADATA)
        {
            let path = path(rest);
            at += path.len();
            let members = found.entry(path).or_default();
            if let Some(member) = content.member_at(at)
                && !members.contains(&member)
            {
                members.push(member);
            }
        }
        at += 1;
    }
    if found.is_empty() {
        return None;
    }
    let more = found.len().saturating_sub(SHOWN);
    let mut shown: Vec<String> =
        found.iter().take(SHOWN).map(|(path, members)| show(path, members)).collect();
    if more > 0 {
        shown.push(format!("{more} other paths"));
    }
    Some(BUILD_PATH.finds(content.path, shown.join(", ")))
}

fn show(path: &str, members: &[&str]) -> String {
    if members.is_empty() {
        path.to_owned()
    } else {
        format!("{path} (in {})", super::content::list(members))
    }
}

/// Whether a path can begin here: what stands before is no part of a longer one. An option's letter is none (`-I/sysroot/…`).
fn begins_path(bytes: &[u8], at: usize) -> bool {
    let before = bytes.get(..at).unwrap_or_default();
    let of_path = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-/~}*".contains(byte) || *byte >= 0x80;
    [&b"-I"[..], b"-L"].iter().any(|option| before.ends_with(option)) || !before.last().is_some_and(of_path)
}

fn is_build_path(rest: &[u8], own: &[String]) -> bool {
    let folder = |folder: &str| {
        // A name must follow: "/home/" alone, or "/root/*", speaks of the folder as such.
        rest.strip_prefix(folder.as_bytes()).is_some_and(|rest| rest.first().is_some_and(|b| is_of_path(*b)))
    };
    FOLDERS.iter().any(|name| folder(name)) || own.iter().any(|own| rest.starts_with(own.as_bytes()))
}

fn is_of_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._+-/@".contains(&byte)
}

fn path(rest: &[u8]) -> String {
    let end = rest.iter().position(|byte| !is_of_path(*byte)).unwrap_or(rest.len()).min(LONGEST);
    String::from_utf8_lossy(rest.get(..end).unwrap_or(rest)).into_owned()
}
