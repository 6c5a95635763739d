//! Checks on what was built.
//!
//! A component's tree is checked after its steps, before it is kept ([`after_steps`]); a package when it is packed
//! ([`package`]), with the components in it and those that are linked into it. So an exception that is taken back, or a new check, is noticed without
//! compiling anything: checks are no input of an action key. What is looked for is in [`table`]; a file here per idea.

pub mod check;
pub mod failure;
pub mod page;
pub mod table;

mod build_paths;
mod content;
mod elf;
mod exceptions;
mod hardening;
mod licences;
mod linking;
mod links;
mod names;
mod secrets;
mod stripped;
mod walk;

use std::collections::BTreeSet;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use medic_archive::tree::{self, Node, Tree, TreeError};
use medic_model::recipe::Recipe;
use medic_model::{Arch, Exception, RelPath, Sha256};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use check::{Check, Exceptions, Finding, Level, Looks};
pub use exceptions::UNKNOWN;
pub use failure::{ChecksFailed, Kept};
pub use licences::{FOLDER as LICENCES, place as licence_place};

use crate::key::digest_of;

/// Raised when a check comes to find something else under its old name, so that what is in the store is checked again.
const FORMAT: u32 = 1;

/// What a component's tree is checked against.
#[derive(Debug)]
pub struct Subject<'a> {
    /// Its recipe, with the exceptions.
    pub recipe: &'a Recipe,
    /// What it was built for.
    pub arch: Arch,
    /// The trees of all that it needs: they may provide shared libraries.
    pub needs: Vec<PathBuf>,
    /// Folders of this machine that must not be found in it: the store's, the workspace's.
    pub own: Vec<String>,
}

/// Checks what a component's steps left in `out`, of which what is below `home` is kept. Follows no link, and changes nothing.
///
/// # Errors
/// Something cannot be read.
pub fn after_steps(out: &Path, home: &RelPath, subject: &Subject<'_>) -> io::Result<Vec<Finding>> {
    let walked = walk::walk(out, home)?;
    let mut findings = walked.findings;
    findings.extend(of_tree(&walked.tree, subject)?);
    let looked = |check: &Check| matches!(check.looks, Looks::AtSteps | Looks::AtTree);
    Ok(exceptions::apply(findings, &subject.recipe.exceptions, subject.arch, looked))
}

/// Checks a component's tree that is in the store.
///
/// # Errors
/// Something cannot be read.
pub fn stored(tree: &Tree, subject: &Subject<'_>) -> io::Result<Vec<Finding>> {
    let looked = |check: &Check| check.looks == Looks::AtTree;
    Ok(exceptions::apply(of_tree(tree, subject)?, &subject.recipe.exceptions, subject.arch, looked))
}

/// What a package is checked against.
#[derive(Debug)]
pub struct Whole<'a> {
    /// Everything in it, as it is unpacked: links lead from one part of it to another.
    pub all: &'a Tree,
    /// Where its parts stand in there, each with the name that findings call it by; the software's is empty.
    pub homes: [(RelPath, &'static str); 3],
    /// Everything below the package's folder of software.
    pub software: &'a Tree,
    /// Its scripts and settings, as `scripts/…` and `settings/…`.
    pub own: &'a Tree,
    /// The recipes of all components in it, those that are linked into it too.
    pub recipes: Vec<&'a Recipe>,
    /// Its exceptions.
    pub exceptions: &'a [Exception],
    /// What it is for.
    pub arch: Arch,
}

/// Checks what only the package as a whole shows: links and names across its components, licence texts, scripts and settings.
/// What a component's recipe declares holds here too.
///
/// # Errors
/// Something cannot be read.
pub fn package(whole: &Whole<'_>, machine: &[String]) -> io::Result<Vec<Finding>> {
    let mut findings = structure(whole.all);
    for finding in &mut findings {
        finding.path = shown(&finding.path, &whole.homes);
    }
    let provided = file_names(whole.software);
    findings.extend(of_each_program(whole.software, |content| {
        let elf = content.loaded().filter(|elf| elf.is_dynamic());
        let missing = elf.and_then(|elf| linking::missing(elf, &provided));
        missing.map(|what| linking::NEEDED.finds(content.path, what)).into_iter().collect()
    })?);
    findings.extend(contents(whole.own, whole.arch, &provided, machine)?);
    let components = whole.recipes.iter().map(|recipe| (&recipe.name, recipe.licence.as_str()));
    findings.extend(licences::licences(whole.software, components));
    let declared = |finding: &Finding| {
        let mut all = whole.recipes.iter().flat_map(|recipe| &recipe.exceptions);
        all.any(|exception| exception.is_for(whole.arch) && exceptions::is_covered(finding, exception))
    };
    findings.retain(|finding| !declared(finding));
    let looked = |check: &Check| matches!(check.looks, Looks::AtTree | Looks::AtPackage);
    Ok(exceptions::apply(findings, whole.exceptions, whole.arch, looked))
}

/// What a package was checked with: the checks there are, and all exceptions. When it is the same, so is the outcome.
pub fn checked_with(whole_exceptions: &[Exception], recipes: &[&Recipe]) -> Sha256 {
    #[derive(Serialize)]
    struct With<'a> {
        format: u32,
        checks: Vec<&'a str>,
        exceptions: Vec<&'a [Exception]>,
    }
    let recipes = recipes.iter().map(|recipe| recipe.exceptions.as_slice());
    digest_of(&With {
        format: FORMAT,
        checks: table::BUILT.iter().map(|check| check.id).collect(),
        exceptions: [whole_exceptions].into_iter().chain(recipes).collect(),
    })
}

/// `checks.json` in a package's folder: that it passed, and with what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passed {
    /// What [`checked_with`] gave.
    pub with: Sha256,
}

/// The secrets in a file of a package, in words.
pub fn secrets_of(path: &str, bytes: &[u8]) -> Vec<String> {
    let (content, _) = content::Content::read(path, bytes);
    secrets::Secrets::new().find(&content).into_iter().map(|finding| finding.what).collect()
}

/// All that a tree by itself shows.
fn of_tree(tree: &Tree, subject: &Subject<'_>) -> io::Result<Vec<Finding>> {
    let mut provided = file_names(tree);
    for need in &subject.needs {
        provided.extend(file_names(&Tree::scan(need).map_err(unreadable)?));
    }
    let mut findings = structure(tree);
    findings.extend(contents(tree, subject.arch, &provided, &subject.own)?);
    Ok(findings)
}

/// A path of a package as findings name it.
fn shown(path: &str, homes: &[(RelPath, &'static str); 3]) -> String {
    let below = |home: &RelPath| path.strip_prefix(home.as_str()).and_then(|rest| rest.strip_prefix('/'));
    let named = homes.iter().find_map(|(home, name)| Some((below(home)?, name)));
    match named {
        Some((below, &"")) => below.to_owned(),
        Some((below, name)) => format!("{name}/{below}"),
        None => path.to_owned(),
    }
}

fn structure(tree: &Tree) -> Vec<Finding> {
    let mut findings = links::links(tree);
    findings.extend(names::names(tree));
    findings
}

fn contents(
    tree: &Tree,
    arch: Arch,
    provided: &BTreeSet<String>,
    own: &[String],
) -> io::Result<Vec<Finding>> {
    let secrets = secrets::Secrets::new();
    of_each_file(tree, |path, content| {
        let bytes = &*content.read()?;
        let (content, fault) = content::Content::read(path.as_str(), bytes);
        let mut findings: Vec<Finding> = fault.into_iter().collect();
        findings.extend(stripped::stripped(&content));
        findings.extend(linking::linking(&content, arch, provided));
        findings.extend(hardening::hardening(&content));
        findings.extend(build_paths::build_paths(&content, own));
        findings.extend(secrets.find(&content));
        Ok(findings)
    })
}

/// Looks at each program and library of a tree: of other files only the first bytes are read.
fn of_each_program(
    tree: &Tree,
    look: impl Fn(&content::Content<'_>) -> Vec<Finding> + Sync,
) -> io::Result<Vec<Finding>> {
    of_each_file(tree, |path, content| {
        if !is_program(content)? {
            return Ok(Vec::new());
        }
        Ok(look(&content::Content::read(path.as_str(), &content.read()?).0))
    })
}

/// Whether a file begins as a program or library does.
///
/// # Errors
/// It cannot be read.
pub fn is_program(content: &tree::Content) -> io::Result<bool> {
    const MAGIC: &[u8] = b"\x7fELF";
    let place = match content {
        tree::Content::Path(place) => place,
        tree::Content::Bytes(bytes) => return Ok(bytes.starts_with(MAGIC)),
    };
    let mut first = [0; MAGIC.len()];
    let read = fs_err::File::open(&**place)?.read(&mut first)?;
    Ok(first.get(..read) == Some(MAGIC))
}

/// What is found in the files of a tree, in their order; they are looked at on all processors.
fn of_each_file(
    tree: &Tree,
    look: impl Fn(&RelPath, &tree::Content) -> io::Result<Vec<Finding>> + Sync,
) -> io::Result<Vec<Finding>> {
    let files: Vec<_> = tree.files().collect();
    let found: Vec<Vec<Finding>> =
        files.into_par_iter().map(|(path, content)| look(path, content)).collect::<io::Result<_>>()?;
    Ok(found.into_iter().flatten().collect())
}

/// The names of all files and links, without their folders.
fn file_names(tree: &Tree) -> BTreeSet<String> {
    let is_file = |node: &Node| !matches!(node, Node::Directory { .. });
    tree.iter().filter(|(_, node)| is_file(node)).map(|(path, _)| path.file_name().to_owned()).collect()
}

fn unreadable(error: TreeError) -> io::Error {
    match error {
        TreeError::Disk(error) => error,
        error => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests;
