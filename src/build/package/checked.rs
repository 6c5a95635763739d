//! That a package passed the checks, and with which: when a check or an exception changed, it is checked again.

use std::io;
use std::path::Path;

use medic_archive::tree::Tree;
use medic_model::layout;
use medic_model::recipe::Recipe;

use super::tree::{self, Parts};
use super::{PackageError, Part, Source, manifest};
use crate::checks::{self, ChecksFailed, Finding, Passed, Subject, Whole};
use crate::error::BuildError;
use crate::report::Reporter;
use crate::store::{Store, StoreError, read_record};

/// The record's name in a package's folder.
const RECORD: &str = "checks.json";

/// Whether the package in `place` passed these checks with these exceptions.
pub fn has_passed(source: &Source<'_>, place: &Path, reporter: &dyn Reporter) -> bool {
    read_record::<Passed>(&place.join(RECORD), reporter).is_some_and(|passed| passed == with(source))
}

/// Writes down that it did.
///
/// # Errors
/// The disk.
pub fn keep(source: &Source<'_>, store: &Store, place: &Path) -> Result<(), StoreError> {
    store.keep_record(&place.join(RECORD), &with(source))
}

fn with(source: &Source<'_>) -> Passed {
    Passed { with: checks::checked_with(&source.definition.exceptions, &recipes(source)) }
}

fn recipes<'a>(source: &'a Source<'_>) -> Vec<&'a Recipe> {
    source.components.iter().chain(&source.linked).map(|part| part.recipe).collect()
}

/// What was found, by the document that it is about.
pub type Findings = Vec<(String, Vec<Finding>)>;

/// Checks the components in the package, whose trees are given, and those that are linked into it.
///
/// # Errors
/// The disk.
pub fn components(source: &Source<'_>, trees: &[Tree]) -> Result<Findings, BuildError> {
    let package = source.definition.name.as_str();
    let mut findings = Vec::new();
    let document = |part: &Part<'_>| format!("recipes/{}/recipe.yaml", part.recipe.name);
    for (part, tree) in source.components.iter().zip(trees) {
        findings.push((document(part), of_component(source, part, tree)?));
    }
    for part in &source.linked {
        let tree = Tree::scan(&part.tree).map_err(|error| of_tree(package, error))?;
        findings.push((document(part), of_component(source, part, &tree)?));
    }
    Ok(findings)
}

/// Checks the package as a whole, given what was found in its components.
///
/// # Errors
/// [`PackageError::Checks`] with everything that was found; the disk.
pub fn check(source: &Source<'_>, parts: &Parts, mut findings: Findings) -> Result<(), BuildError> {
    let package = source.definition.name.to_string();
    let unreadable = |error: io::Error| StoreError::new("read", &source.folder, error);
    let mut own = Tree::new();
    for (home, tree) in [("scripts", &parts.own.scripts), ("settings", &parts.own.settings)] {
        if let (Ok(home), false) = (home.parse(), tree.is_empty()) {
            own.graft(Some(&home), tree.clone()).map_err(|error| of_tree(&package, error))?;
        }
    }
    let name = source.definition.installed_name();
    let software = layout::software_tree(name, &manifest::version(source)?, source.arch);
    let whole = Whole {
        all: &tree::whole(source, parts.clone())?,
        homes: [(software, ""), (layout::scripts(name), "scripts"), (layout::settings(name), "settings")],
        software: &parts.software,
        own: &own,
        recipes: recipes(source),
        exceptions: &source.definition.exceptions,
        arch: source.arch,
    };
    let of_whole = checks::package(&whole, &source.own_paths).map_err(unreadable)?;
    let known: Vec<&Finding> = findings.iter().flat_map(|(_, findings)| findings).collect();
    let of_whole = of_whole.into_iter().filter(|finding| !known.contains(&finding)).collect();
    findings.push((format!("packages/{package}/package.yaml"), of_whole));
    match ChecksFailed::of(findings) {
        None => Ok(()),
        Some(failed) => Err(PackageError::Checks { package, source: Box::new(failed) }.into()),
    }
}

fn of_component(source: &Source<'_>, part: &Part<'_>, tree: &Tree) -> Result<Vec<Finding>, BuildError> {
    // What the others in the package provide is there, too.
    let others = source.linked.iter().chain(&source.components);
    let subject = Subject {
        recipe: part.recipe,
        arch: source.arch,
        needs: others.map(|other| other.tree.clone()).collect(),
        own: source.own_paths.clone(),
    };
    Ok(checks::stored(tree, &subject).map_err(|error| StoreError::new("read", &part.tree, error))?)
}

fn of_tree(package: &str, source: medic_archive::TreeError) -> PackageError {
    PackageError::Tree { package: package.to_owned(), source }
}
