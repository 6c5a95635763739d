//! A commit of a git repository, as the canonical tar of its tree.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use fs_err as fs;
use medic_archive::Tree;
use medic_archive::upstream::{Limits, Mtime, Options, unpack};
use medic_model::recipe::GitTree;

use super::Given;
use super::run::{Task, run};
use crate::fetch::Reason;
use crate::fetch::job::{Job, Stop};
use crate::fetch::partial::{Partial, Refused};
use crate::fetch::plan::Want;

/// The tree alone decides the bytes: attributes in it that replace or leave out something are not followed.
const ATTRIBUTES: &str = "* -export-subst -export-ignore -ident -text !eol !filter !working-tree-encoding\n";

/// Has git fetch a commit, and writes the canonical tar of its tree: no folder above it, all times 0, submodules empty.
pub(in crate::fetch) fn fetch(job: &Job<'_>, want: &Want, tree: &GitTree, partial: &mut Partial) -> Given {
    if tree.url.starts_with('-') || tree.url.contains("::") {
        return Ok(Err(Reason::Address(tree.url.clone())));
    }
    let scratch = job.shelf.scratch()?;
    let folder = scratch.path();
    if let Err(reason) = archive(job, want, tree, folder)? {
        return Ok(Err(reason));
    }
    let files = folder.join("tree");
    let limits = Limits { size: want.max_size.0, ..Limits::default() };
    let options = Options { strip: 0, mtime: Mtime::Fixed(0), limits };
    let failed = |message: String| Reason::Client { program: "git archive".to_owned(), message };
    if let Err(source) = fs::create_dir(&files) {
        return Err(Stop::Failed(job.shelf.disk(&files, source)));
    }
    if let Err(error) = unpack(&folder.join("tree.tar"), &files, &options) {
        return Ok(Err(failed(error.to_string())));
    }
    job.restart(partial)?;
    let written = Tree::scan(&files).and_then(|tree| {
        let mut writer = Writer { partial, want, refused: None };
        let result = tree.write(&mut writer, 0).map(drop);
        result.map(|()| writer.refused.take()).or_else(|error| match writer.refused.take() {
            Some(refused) => Ok(Some(refused)),
            None => Err(error),
        })
    });
    match written {
        Ok(None) => Ok(Ok(())),
        Ok(Some(Refused::TooLarge)) => Ok(Err(Reason::TooLarge { limit: want.max_size })),
        Ok(Some(Refused::Disk(source))) => Err(job.disk(want, source)),
        Err(error) => Ok(Err(failed(error.to_string()))),
    }
}

/// Fetches the commit alone, or everything where the server does not give single commits, and archives it to `tree.tar`.
fn archive(job: &Job<'_>, want: &Want, tree: &GitTree, folder: &Path) -> Given {
    let git = |args: &[&str]| {
        let args = args.iter().map(OsString::from).collect();
        let env = vec![("GIT_TERMINAL_PROMPT", "0".into()), ("GIT_DIR", folder.join("git").into())];
        let task = Task { program: &job.access.programs.git, args, env, scratch: folder };
        run(job, want, &task).map(|given| given.map(drop))
    };
    if let Err(reason) = git(&["init", "--quiet", "--bare"])? {
        return Ok(Err(reason));
    }
    let attributes = folder.join("git/info/attributes");
    let made = fs::create_dir_all(folder.join("git/info")).and_then(|()| fs::write(&attributes, ATTRIBUTES));
    if let Err(source) = made {
        return Err(Stop::Failed(job.shelf.disk(&attributes, source)));
    }
    let fetch = ["fetch", "--quiet", "--no-tags", "--no-recurse-submodules"];
    let alone = [&fetch[..], &["--depth=1", "--", &tree.url, &tree.commit]].concat();
    if git(&alone)?.is_err() {
        let all = [&fetch[..], &["--", &tree.url, "+refs/*:refs/fetched/*"]].concat();
        if let Err(reason) = git(&all)? {
            return Ok(Err(reason));
        }
    }
    git(&["-c", "tar.umask=022", "archive", "--format=tar", "--output=tree.tar", &tree.commit])
}

/// Writes into the partial file, within its limit.
struct Writer<'a> {
    partial: &'a mut Partial,
    want: &'a Want,
    refused: Option<Refused>,
}

impl io::Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.partial.append(bytes, self.want).map_err(|refused| {
            self.refused = Some(refused);
            io::Error::other("refused")
        })?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
