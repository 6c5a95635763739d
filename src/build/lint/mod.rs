//! Lint: recipes, packages and images looked at without building anything.
//!
//! [`lint`] reads all documents, and gives everything that it finds at once, each with its file and line. The rules are in
//! [`rules`]; `docs/checks.md` is made from them.

pub mod rules;

mod image;
mod package;
mod place;
mod recipe;
mod remark;
mod shell;
mod steps;
mod syntax;
mod tools;
mod workspace;

use std::path::Path;

use medic_model::ComponentName;

pub use remark::{Remark, Report};

/// What lint is told from outside.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// The folder with `recipes/`, `packages/` and `images/`.
    pub workspace: &'a Path,
    /// The recipes that are looked at; none is everything: all recipes, packages and images.
    pub recipes: &'a [ComponentName],
    /// Now, in seconds since 1970.
    pub now: u64,
}

/// Looks at the definitions of a workspace.
///
/// # Errors
/// `sh` cannot be run. Whatever is wrong with the documents is in the report.
pub fn lint(wanted: &Wanted<'_>) -> std::io::Result<Report> {
    let workspace = workspace::Workspace::read(wanted.workspace, wanted.recipes);
    let mut remarks = workspace.faults.clone();
    let mut texts = Vec::new();
    for recipe in &workspace.recipes {
        remarks.extend(recipe::recipe(&workspace, recipe, wanted.now));
        texts.extend(steps::texts(recipe));
    }
    for package in &workspace.packages {
        remarks.extend(package::package(&workspace, package));
        texts.extend(package::texts(package));
    }
    for image in &workspace.images {
        remarks.extend(image::image(&workspace, image));
    }
    let checked = syntax::syntax(&texts)?;
    remarks.extend(checked.remarks);
    let remarks = workspace.without_exceptions(remarks);
    Ok(Report::new(remarks, checked.without_shellcheck))
}

#[cfg(test)]
mod tests;
