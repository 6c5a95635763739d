//! What a package holds, as a tree in the form of `/srv`.

use std::path::Path;

use medic_archive::tree::{Node, RUNNABLE, Tree, TreeError};
use medic_model::{RelPath, layout};

use super::{PackageError, Part, Source, is_folder, manifest};
use crate::checks::{LICENCES, is_program, licence_place};
use crate::error::BuildError;

/// A package's own files: small, and read each time.
#[derive(Debug, Clone)]
pub struct Own {
    /// `scripts/`, everything in it made runnable.
    pub scripts: Tree,
    /// `settings/`
    pub settings: Tree,
}

/// A package's own files, checked against its services.
///
/// # Errors
/// They cannot be read; a service has no `run` script, or the other way round.
pub fn own(source: &Source<'_>) -> Result<Own, BuildError> {
    let mut scripts = scan_if_there(source, &source.folder.join("scripts"))?;
    make_runnable(&mut scripts).map_err(of_tree(source))?;
    check_services(source, &scripts)?;
    Ok(Own { scripts, settings: scan_if_there(source, &source.folder.join("settings"))? })
}

/// What a package holds, before everything is put in its place.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Its components' trees as one, with the licence texts of what is linked into them.
    pub software: Tree,
    /// Its own files.
    pub own: Own,
}

/// The trees of all components in a package, in its order.
///
/// # Errors
/// The disk.
pub fn components(source: &Source<'_>) -> Result<Vec<Tree>, BuildError> {
    source.components.iter().map(|part| Ok(Tree::scan(&part.tree).map_err(of_tree(source))?)).collect()
}

/// The parts of a package, given the trees of its components.
///
/// # Errors
/// Two inputs bring the same path; `exclude` names what is not there; the disk.
pub fn parts(source: &Source<'_>, trees: Vec<Tree>, own: Own) -> Result<Parts, BuildError> {
    check_exclude(source, &trees)?;
    let mut software = Tree::new();
    for (part, tree) in source.components.iter().zip(trees) {
        let tree = without(tree, &source.definition.exclude);
        software.graft(None, tree).map_err(conflict(source, part))?;
    }
    for (part, licences) in source.linked.iter().zip(licences_of_linked(source)?) {
        let licences = without(licences, &source.definition.exclude);
        software.graft(None, licences).map_err(conflict(source, part))?;
    }
    if has_program(&software).map_err(of_tree(source))? {
        let texts = beside(licences_of_toolchain(source)?, &software);
        software.graft(None, texts).map_err(of_tree(source))?;
    }
    Ok(Parts { software, own })
}

/// Texts without those that a component has brought for the same thing: the C library is a component too.
fn beside(texts: Tree, software: &Tree) -> Tree {
    let files = texts.files().map(|(path, _)| path);
    let brought: Vec<RelPath> = files.filter(|path| software.get(path).is_some()).cloned().collect();
    without(texts, &brought)
}

/// All licence texts that a package holds beside those of its own components.
pub fn licences(source: &Source<'_>) -> Result<Vec<Tree>, BuildError> {
    let mut all = licences_of_linked(source)?;
    all.push(licences_of_toolchain(source)?);
    Ok(all)
}

/// The licence texts of the C library and the compiler's runtime, which are in every program.
fn licences_of_toolchain(source: &Source<'_>) -> Result<Tree, BuildError> {
    let texts = scan_if_there(source, &source.toolchain_licences)?;
    let place: RelPath = LICENCES.parse().map_err(|error| of_tree(source)(TreeError::Path(error)))?;
    let mut tree = Tree::new();
    graft(&mut tree, &place, texts).map_err(of_tree(source))?;
    Ok(tree)
}

/// Whether there is a program or library among the files.
fn has_program(tree: &Tree) -> Result<bool, TreeError> {
    for (_, node) in tree.iter() {
        if let Node::File { content, .. } = node
            && is_program(content).map_err(TreeError::Disk)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The licence texts of each component that is only linked into the package, where they stand in its tree: they go with
/// whatever its code is in.
fn licences_of_linked(source: &Source<'_>) -> Result<Vec<Tree>, BuildError> {
    let of = |part: &Part<'_>| -> Result<Tree, TreeError> {
        let place: RelPath = licence_place(&part.recipe.name).parse().map_err(TreeError::Path)?;
        let folder = part.tree.join(&place);
        let mut tree = Tree::new();
        if folder.is_dir() {
            tree.graft(Some(&place), Tree::scan(&folder)?)?;
        }
        Ok(tree)
    };
    source.linked.iter().map(|part| Ok(of(part).map_err(of_tree(source))?)).collect()
}

/// The whole package.
///
/// # Errors
/// A path grows beyond the limits.
pub fn whole(source: &Source<'_>, parts: Parts) -> Result<Tree, BuildError> {
    let name = source.definition.installed_name();
    let software = layout::software_tree(name, &manifest::version(source)?, source.arch);
    let mut whole = Tree::new();
    let own = parts.own;
    for (home, tree) in [
        (software, parts.software),
        (layout::scripts(name), own.scripts),
        (layout::settings(name), own.settings),
    ] {
        graft(&mut whole, &home, tree).map_err(of_tree(source))?;
    }
    Ok(whole)
}

fn graft(whole: &mut Tree, home: &RelPath, tree: Tree) -> Result<(), TreeError> {
    if tree.is_empty() { Ok(()) } else { whole.graft(Some(home), tree) }
}

pub fn scan_if_there(source: &Source<'_>, folder: &Path) -> Result<Tree, BuildError> {
    if folder.is_dir() { Ok(Tree::scan(folder).map_err(of_tree(source))?) } else { Ok(Tree::new()) }
}

/// A script that is not runnable in a checkout (a file system without that bit, a forgotten chmod) is one all the same.
fn make_runnable(scripts: &mut Tree) -> Result<(), TreeError> {
    let paths: Vec<RelPath> = scripts.iter().map(|(path, _)| path.clone()).collect();
    for path in paths {
        if let Some(Node::File { size, content, .. }) = scripts.get(&path).cloned() {
            scripts.remove(&path);
            scripts.insert(path, Node::File { mode: RUNNABLE, size, content })?;
        }
    }
    Ok(())
}

fn check_services(source: &Source<'_>, scripts: &Tree) -> Result<(), PackageError> {
    let fault =
        |message| Err(PackageError::Definition { package: source.definition.name.to_string(), message });
    let run = |path: &RelPath| path.as_str().strip_prefix("run/").map(str::to_owned);
    let scripts: Vec<String> =
        scripts.iter().filter_map(|(path, node)| run(path).filter(|_| !is_folder(node))).collect();
    let services = &source.definition.services;
    if let Some(service) =
        services.keys().find(|service| !scripts.iter().any(|script| script == service.as_str()))
    {
        return fault(format!("the service '{service}' has no script: add scripts/run/{service}"));
    }
    match scripts.iter().find(|script| !services.keys().any(|service| service.as_str() == *script)) {
        Some(script) => fault(format!(
            "scripts/run/{script} belongs to no service: add '{script}' to 'services', or remove the script"
        )),
        None => Ok(()),
    }
}

/// What is left out must be there: else it is a mistake in writing, and what was meant is shipped.
fn check_exclude(source: &Source<'_>, trees: &[Tree]) -> Result<(), PackageError> {
    let absent = |path: &&RelPath| !trees.iter().any(|tree| tree.get(path).is_some());
    match source.definition.exclude.iter().find(absent) {
        None => Ok(()),
        Some(path) => Err(PackageError::Definition {
            package: source.definition.name.to_string(),
            message: format!("'exclude' names '{path}', which no component of the package has"),
        }),
    }
}

fn without(mut tree: Tree, exclude: &[RelPath]) -> Tree {
    let left_out = |path: &RelPath| exclude.iter().any(|out| path == out || path.below(out).is_some());
    let paths: Vec<RelPath> = tree.iter().map(|(path, _)| path.clone()).filter(left_out).collect();
    for path in paths {
        tree.remove(&path);
    }
    tree
}

fn of_tree(source: &Source<'_>) -> impl Fn(TreeError) -> PackageError {
    let package = source.definition.name.to_string();
    move |source| PackageError::Tree { package: package.clone(), source }
}

fn conflict(source: &Source<'_>, part: &Part<'_>) -> impl Fn(TreeError) -> PackageError {
    let (package, component) = (source.definition.name.to_string(), part.recipe.name.clone());
    move |error| match error {
        TreeError::Conflict { path } => PackageError::Definition {
            package: package.clone(),
            message: format!(
                "the component '{component}' brings '{path}', which a component before it brings too: 'exclude' it"
            ),
        },
        source => PackageError::Tree { package: package.clone(), source },
    }
}
