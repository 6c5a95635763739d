//! Files of the Python package index. pip is asked which indexes the machine uses; the file is then downloaded from there as any
//! other, so that it resumes and shows how far it is. Where that does not work (an index that wants pip's own ways of
//! logging in), pip downloads the wheel. Nothing of a source archive is run: pip is never asked for one.

mod index;

use std::path::Path;

use fs_err as fs;
use medic_model::recipe::PypiFile;

use super::run::{Task, run};
use super::{Given, copy, is_plain, only_file};
use crate::fetch::http::page;
use crate::fetch::job::{Job, Stop};
use crate::fetch::locate::from_web;
use crate::fetch::partial::Partial;
use crate::fetch::plan::Want;
use crate::fetch::{FetchError, Reason};

/// Prints pip's index addresses and link folders, as its configuration files and environment say.
const ASK: &str = "
import sys
from pip._internal.commands import create_command
options, _ = create_command('download').parse_args(['x'])
lines = [] if options.no_index else [options.index_url] + list(options.extra_index_urls)
print('\\n'.join(lines + list(options.find_links)))
";
/// What the index is asked for: PEP 691's form, else PEP 503's.
const ACCEPT: &str = "application/vnd.pypi.simple.v1+json, text/html;q=0.5";
/// The largest page of an index: projects with thousands of files have some MiB.
const MAX_PAGE: usize = 64 << 20;

/// Fetches a file of a release.
pub(in crate::fetch) fn fetch(job: &Job<'_>, want: &Want, file: &PypiFile, partial: &mut Partial) -> Given {
    if ![&file.name, &file.version, &file.file].into_iter().all(|text| is_plain(text)) {
        return Ok(Err(Reason::Address(file.file.clone())));
    }
    let indexes = match indexes(job, want)? {
        Ok(indexes) => indexes,
        Err(reason) => return Ok(Err(reason)),
    };
    let mut fault = Reason::Absent;
    for index in &indexes {
        match from_index(job, want, file, index, partial)? {
            Ok(()) => return Ok(Ok(())),
            Err(reason) => fault = reason,
        }
    }
    if !file.file.ends_with(".whl") {
        return Ok(Err(fault));
    }
    match by_pip(job, want, file, partial)? {
        Ok(()) => Ok(Ok(())),
        Err(Reason::Client { program, message }) => {
            Ok(Err(Reason::Client { program, message: format!("{message} (before that: {fault})") }))
        }
        Err(reason) => Ok(Err(reason)),
    }
}

pub(in crate::fetch) fn indexes(job: &Job<'_>, want: &Want) -> Result<Result<Vec<String>, Reason>, Stop> {
    if let Some(known) = job.clients.indexes.get() {
        return Ok(Ok(known.clone()));
    }
    let scratch = job.shelf.scratch()?;
    let args = ["-c", ASK].map(Into::into).to_vec();
    let env = vec![("PIP_DISABLE_PIP_VERSION_CHECK", "1".into())];
    let task = Task { program: &job.access.programs.python, args, env, scratch: scratch.path() };
    Ok(run(job, want, &task)?.map(|said| {
        let text = String::from_utf8_lossy(&said).into_owned();
        let list = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
        job.clients.indexes.get_or_init(|| list).clone()
    }))
}

fn from_index(job: &Job<'_>, want: &Want, file: &PypiFile, index: &str, partial: &mut Partial) -> Given {
    let folder = index.strip_prefix("file://").unwrap_or(index);
    if !crate::fetch::access::is_web(index) {
        return copy(job, want, &Path::new(folder).join(&file.file), partial);
    }
    let project = format!("{}/{}/", index.trim_end_matches('/'), index::normalised(&file.name));
    let (from, page) = match page(job, &project, ACCEPT, MAX_PAGE)? {
        Ok(page) => page,
        Err(reason) => return Ok(Err(reason)),
    };
    let Some(url) = index::address(&page, &from, &file.file) else { return Ok(Err(Reason::Absent)) };
    from_web(job, want, &url, partial)
}

/// `pip download` of exactly this wheel: by the tags in its name, and by its digest.
fn by_pip(job: &Job<'_>, want: &Want, file: &PypiFile, partial: &mut Partial) -> Given {
    let Some(tags) = index::Tags::of(&file.file) else { return Ok(Err(Reason::Absent)) };
    let scratch = job.shelf.scratch()?;
    let folder = scratch.path();
    let requirement = format!("{}=={} --hash=sha256:{}\n", file.name, file.version, want.sha256);
    let list = folder.join("requirements.txt");
    let failed = |source| -> FetchError { job.shelf.disk(&list, source) };
    fs::write(&list, requirement).and_then(|()| fs::create_dir(folder.join("to"))).map_err(failed)?;
    let mut args: Vec<String> = [
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-input",
        "--no-deps",
        "--no-cache-dir",
        "--only-binary=:all:",
        "--ignore-requires-python",
        "--require-hashes",
        "--requirement",
        "requirements.txt",
        "--dest",
        "to",
    ]
    .map(str::to_owned)
    .to_vec();
    args.extend(tags.options());
    let task = Task {
        program: &job.access.programs.python,
        args: args.into_iter().map(Into::into).collect(),
        env: vec![("PIP_DISABLE_PIP_VERSION_CHECK", "1".into())],
        scratch: folder,
    };
    if let Err(reason) = run(job, want, &task)? {
        return Ok(Err(reason));
    }
    match only_file(&folder.join("to"), ".whl") {
        Some(path) => copy(job, want, &path, partial),
        None => Ok(Err(Reason::Absent)),
    }
}
