//! All documents that lint looks at, with their texts; those that cannot be read are remarks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use medic_model::image::ImageDefinition;
use medic_model::package::PackageDefinition;
use medic_model::recipe::Recipe;
use medic_model::roots::BuildRoots;
use medic_model::{ComponentName, Exception};

use super::place::Document;
use super::remark::Remark;
use super::rules;
use crate::checks::{self, Exceptions, Looks};
use crate::definitions::{DefinitionError, Definitions};
use crate::graph::Graph;

/// A definition with its text and its folder.
#[derive(Debug)]
pub struct Defined<T> {
    /// What it says.
    pub value: T,
    /// Where it stands.
    pub document: Document,
    /// Its folder on disk.
    pub folder: PathBuf,
}

impl<T> Defined<T> {
    /// A remark on a place in its document.
    pub fn remark(
        &self,
        rule: &'static checks::Check,
        place: (usize, usize),
        message: impl Into<String>,
    ) -> Remark {
        let (line, column) = place;
        Remark { file: self.document.file.clone(), line, column, rule, message: message.into() }
    }
}

/// Everything that is looked at, and what is needed for that.
#[derive(Debug)]
pub struct Workspace {
    /// The recipes that are looked at.
    pub recipes: Vec<Defined<Recipe>>,
    /// The packages.
    pub packages: Vec<Defined<PackageDefinition>>,
    /// The images.
    pub images: Vec<Defined<ImageDefinition>>,
    /// All recipes that can be read.
    pub known: BTreeMap<ComponentName, Recipe>,
    /// The build roots.
    pub roots: Option<BuildRoots>,
    /// The names of the toolchain's wrappers.
    pub wrappers: Vec<String>,
    /// Documents that cannot be read, and what is none.
    pub faults: Vec<Remark>,
}

impl Workspace {
    /// Reads it; `wanted` recipes only, or everything.
    pub fn read(root: &Path, wanted: &[ComponentName]) -> Self {
        let definitions = Definitions::new(root);
        let mut faults = Vec::new();
        let mut known = BTreeMap::new();
        let mut recipes = Vec::new();
        for name in
            names(root, "recipes", "recipe.yaml", &["toolchain", "build-roots.yaml"], wanted, &mut faults)
        {
            let Some(name) = parsed::<ComponentName>("recipes", &name, &mut faults) else { continue };
            let is_wanted = wanted.is_empty() || wanted.contains(&name);
            match definitions.recipe(&name) {
                Ok(recipe) => {
                    known.insert(name.clone(), recipe.clone());
                    if is_wanted {
                        let file = format!("recipes/{name}/recipe.yaml");
                        recipes.push(defined(root, recipe, file, definitions.recipe_folder(&name)));
                    }
                }
                Err(error) if is_wanted => faults.push(fault(&error, &format!("recipes/{name}/recipe.yaml"))),
                Err(_) => {}
            }
        }
        faults.extend(absent(&definitions, &known, wanted));
        let mut workspace = Self {
            recipes,
            packages: Vec::new(),
            images: Vec::new(),
            known,
            roots: None,
            wrappers: file_names(&definitions.wrappers()),
            faults,
        };
        workspace.circles();
        match definitions.build_roots() {
            Ok(roots) => workspace.roots = Some(roots),
            Err(error) => workspace.faults.push(fault(&error, "recipes/build-roots.yaml")),
        }
        if wanted.is_empty() {
            workspace.read_others(root, &definitions);
        }
        workspace
    }

    fn read_others(&mut self, root: &Path, definitions: &Definitions) {
        if let Err(error) = definitions.toolchain() {
            self.faults.push(fault(&error, "recipes/toolchain/toolchain.yaml"));
        }
        for name in names(root, "packages", "package.yaml", &[], &[], &mut self.faults) {
            let Some(name) = parsed("packages", &name, &mut self.faults) else { continue };
            let file = format!("packages/{name}/package.yaml");
            match definitions.package(&name) {
                Ok(package) => {
                    self.packages.push(defined(root, package, file, definitions.package_folder(&name)));
                }
                Err(error) => self.faults.push(fault(&error, &file)),
            }
        }
        for name in file_names(&root.join("images")) {
            let file = format!("images/{name}");
            if name
                .strip_suffix(".lock")
                .is_some_and(|stem| root.join(format!("images/{stem}.yaml")).is_file())
            {
                continue;
            }
            // What deploys an image (a compose file, a manifest) is in a folder: no definition, and for its own tools to check.
            if root.join(&file).is_dir() {
                continue;
            }
            let Some(stem) = name.strip_suffix(".yaml") else {
                self.faults.push(stray(&file, "only <image>.yaml, and <image>.lock beside it, is looked at"));
                continue;
            };
            let Some(name) = parsed("images", stem, &mut self.faults) else { continue };
            match definitions.image(&name) {
                Ok(image) => self.images.push(defined(root, image, file, root.join("images"))),
                Err(error) => self.faults.push(fault(&error, &file)),
            }
        }
    }

    /// Recipes that need each other in a circle. Needs that do not exist are remarks on the recipe that has them.
    fn circles(&mut self) {
        let mut recipes = self.known.clone();
        for recipe in recipes.values_mut() {
            recipe.needs.retain(|need| self.known.contains_key(need));
        }
        if let Err(error) = Graph::new(recipes) {
            let file = match &error {
                DefinitionError::Cycle { circle } => {
                    circle.first().map(|name| format!("recipes/{name}/recipe.yaml"))
                }
                _ => None,
            };
            self.faults.push(fault(&error, &file.unwrap_or_else(|| "recipes".to_owned())));
        }
    }

    /// Takes out what recipes and packages declare as meant, and adds exceptions that nothing needs, or that name no check.
    pub fn without_exceptions(&self, mut remarks: Vec<Remark>) -> Vec<Remark> {
        let recipes =
            self.recipes.iter().map(|recipe| (&recipe.document, &recipe.folder, &recipe.value.exceptions));
        let packages = self
            .packages
            .iter()
            .map(|package| (&package.document, &package.folder, &package.value.exceptions));
        for (document, _, exceptions) in recipes.chain(packages) {
            let folder = document.file.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
            for exception in exceptions {
                remarks.extend(of_exception(document, exception));
                let is_meant = |remark: &Remark| {
                    let path = remark.file.strip_prefix(&folder).and_then(|rest| rest.strip_prefix('/'));
                    remark.rule.exceptions == Exceptions::Allowed
                        && path.is_some_and(|path| exception.covers(remark.rule.id, path))
                };
                let before = remarks.len();
                remarks.retain(|remark| !is_meant(remark));
                let is_ours = checks::table::find(exception.check.as_str()).is_some_and(|check| {
                    check.looks == Looks::AtDefinitions && check.exceptions == Exceptions::Allowed
                });
                if is_ours && before == remarks.len() {
                    let (line, column) = document.word("exceptions", exception.check.as_str());
                    let message =
                        format!("the rule '{}' finds nothing here: remove the exception", exception.check);
                    let rule = checks::table::stale();
                    remarks.push(Remark { file: document.file.clone(), line, column, rule, message });
                }
            }
        }
        remarks
    }
}

/// An exception from a check that there is not, or that allows none.
fn of_exception(document: &Document, exception: &Exception) -> Option<Remark> {
    let id = exception.check.as_str();
    let message = match checks::table::find(id) {
        None => match checks::table::nearest(id) {
            Some(near) => format!("there is no check '{id}'; did you mean '{near}'?"),
            None => format!("there is no check '{id}'"),
        },
        Some(check) => match check.exceptions {
            Exceptions::Allowed => return None,
            Exceptions::Never(why) => format!("the check '{id}' allows no exception: {why}"),
        },
    };
    let (line, column) = document.word("exceptions", id);
    Some(Remark { file: document.file.clone(), line, column, rule: &checks::UNKNOWN, message })
}

fn defined<T>(root: &Path, value: T, file: String, folder: PathBuf) -> Defined<T> {
    let text = std::fs::read_to_string(root.join(&file)).unwrap_or_default();
    Defined { value, document: Document { file, text }, folder }
}

/// A document that cannot be read, as a remark at its place.
fn fault(error: &DefinitionError, file: &str) -> Remark {
    let rule = &rules::DEFINITION;
    match error {
        DefinitionError::Document(error) => Remark {
            file: error.file.clone(),
            line: error.line,
            column: error.column,
            rule,
            message: error.message.clone(),
        },
        error => Remark { file: file.to_owned(), line: 1, column: 1, rule, message: error.to_string() },
    }
}

fn stray(file: &str, message: &str) -> Remark {
    Remark {
        file: file.to_owned(),
        line: 1,
        column: 1,
        rule: &rules::STRAY_FOLDER,
        message: message.to_owned(),
    }
}

/// The recipes that were asked for and do not exist.
fn absent(
    definitions: &Definitions,
    known: &BTreeMap<ComponentName, Recipe>,
    wanted: &[ComponentName],
) -> Vec<Remark> {
    let missing = wanted.iter().filter(|name| !known.contains_key(*name));
    let unknown = missing.filter_map(|name| match definitions.recipe(name) {
        Err(error @ DefinitionError::Unknown { .. }) => {
            Some(fault(&error, &format!("recipes/{name}/recipe.yaml")))
        }
        _ => None,
    });
    unknown.collect()
}

/// The folders below `kind` that have a `document`. Others are remarks, when everything is looked at.
fn names(
    root: &Path,
    kind: &str,
    document: &str,
    others: &[&str],
    wanted: &[ComponentName],
    faults: &mut Vec<Remark>,
) -> Vec<String> {
    let mut found = Vec::new();
    for name in file_names(&root.join(kind)) {
        if root.join(kind).join(&name).join(document).is_file() {
            found.push(name);
        } else if wanted.is_empty() && !others.contains(&name.as_str()) {
            faults.push(stray(&format!("{kind}/{name}"), &format!("it has no {document}")));
        }
    }
    found
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    kind: &str,
    name: &str,
    faults: &mut Vec<Remark>,
) -> Option<T> {
    name.parse()
        .map_err(|error: T::Err| {
            let (file, rule) = (format!("{kind}/{name}"), &rules::DEFINITION);
            faults.push(Remark { file, line: 1, column: 1, rule, message: error.to_string() });
        })
        .ok()
}

/// The names of everything in a folder, sorted; hidden files are an editor's or git's affair.
pub fn file_names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

/// Every file below a folder, relative to it, sorted.
pub fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for name in file_names(folder) {
        let place = folder.join(&name);
        if std::fs::symlink_metadata(&place).is_ok_and(|meta| meta.is_dir()) {
            found.extend(files(&place).into_iter().map(|below| format!("{name}/{below}")));
        } else {
            found.push(name);
        }
    }
    found
}
