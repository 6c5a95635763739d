//! The documents of a workspace: recipes, packages, images, build roots and the toolchain, read as they are needed.
//!
//! Only what is asked for is read, so a fault in a recipe that nothing needs stops nobody.

mod images;
mod locate;
mod suggest;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use medic_model::golden::Golden;
use medic_model::package::PackageDefinition;
use medic_model::recipe::Recipe;
use medic_model::roots::{BuildRoots, Toolchain};
use medic_model::{ComponentName, DocumentError, ImageName, PackageName, RelPath};

use crate::error::BuildError;
pub use images::{lock_file, write_lock};
pub(crate) use locate::locate;
pub(crate) use suggest::nearest;

/// Why a document cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    /// What is in it is wrong.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// Nothing has this name.
    #[error("there is no {kind} '{name}': {file} does not exist{}", did_you_mean(.nearest))]
    Unknown {
        /// `recipe`, `package` or `image`.
        kind: &'static str,
        /// The name.
        name: String,
        /// The document, relative to the workspace.
        file: String,
        /// A name that exists and is much like it.
        nearest: Option<String>,
    },
    /// It is there and cannot be read.
    #[error("cannot read '{}': {source}", path.display())]
    Unreadable {
        /// The document.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// Components need each other in a circle.
    #[error(
        "components need each other in a circle: {}; remove one 'needs' in {}",
        circle.iter().map(ToString::to_string).collect::<Vec<_>>().join(" → "),
        circle.iter().skip(1).map(recipe_file).collect::<Vec<_>>().join(", ")
    )]
    Cycle {
        /// The components; the first one stands at the end again.
        circle: Vec<ComponentName>,
    },
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |name| format!("; did you mean '{name}'?"))
}

fn recipe_file(name: &ComponentName) -> String {
    format!("recipes/{name}/recipe.yaml")
}

impl From<DefinitionError> for BuildError {
    fn from(error: DefinitionError) -> Self {
        Self::Definition(Box::new(error))
    }
}

/// The documents of a workspace.
#[derive(Debug, Clone)]
pub struct Definitions {
    root: PathBuf,
}

impl Definitions {
    /// Those of this workspace. Nothing is read yet.
    pub fn new(workspace: &Path) -> Self {
        Self { root: workspace.to_owned() }
    }

    /// The folder of a recipe, with its patches and files.
    pub fn recipe_folder(&self, name: &ComponentName) -> PathBuf {
        self.root.join("recipes").join(name.as_str())
    }

    /// The folder of a package, with its scripts and settings.
    pub fn package_folder(&self, name: &PackageName) -> PathBuf {
        self.root.join("packages").join(name.as_str())
    }

    /// The folder of the compiler's wrappers.
    pub fn wrappers(&self) -> PathBuf {
        self.root.join("recipes/toolchain/bin")
    }

    /// The folder with the licence texts of what the compiler links into every program: `<name>/…`.
    pub fn toolchain_licences(&self) -> PathBuf {
        self.root.join("recipes/toolchain/licences")
    }

    /// `recipes/<name>/recipe.yaml`
    pub fn recipe(&self, name: &ComponentName) -> Result<Recipe, DefinitionError> {
        let file = recipe_file(name);
        let text = self.read("recipe", name.as_str(), &file)?;
        let recipe = Recipe::from_yaml(&file, &text)?;
        same_name(&file, &text, name, &recipe.name)?;
        Ok(recipe)
    }

    /// `packages/<name>/package.yaml`; a variant with what it leaves to the package that it stands in for.
    pub fn package(&self, name: &PackageName) -> Result<PackageDefinition, DefinitionError> {
        let (package, file, text) = self.package_alone(name)?;
        let Some(base) = &package.variant_of else { return Ok(package) };
        let (base_definition, ..) =
            self.package_alone(base).map_err(|error| self.at_mention(error, &file, "variant_of"))?;
        let (line, column) = locate(&text, "variant_of", base.as_str());
        let wrong = |message| DocumentError { file: file.clone(), line, column, message };
        let own = |folder: &&str| self.package_folder(name).join(*folder).exists();
        if let Some(folder) = ["scripts", "settings"].into_iter().find(own) {
            let message = format!(
                "'variant_of' gives it the scripts and settings of '{base}', so nothing reads packages/{name}/{folder}: remove it"
            );
            return Err(wrong(message).into());
        }
        Ok(package.completed_by(base_definition).map_err(wrong)?)
    }

    /// What one document says, with its place and its text.
    fn package_alone(
        &self,
        name: &PackageName,
    ) -> Result<(PackageDefinition, String, String), DefinitionError> {
        let file = package_file(name);
        let text = self.read("package", name.as_str(), &file)?;
        let package = PackageDefinition::from_yaml(&file, &text)?;
        same_name(&file, &text, name, &package.name)?;
        Ok((package, file, text))
    }

    /// `recipes/build-roots.yaml`
    pub fn build_roots(&self) -> Result<BuildRoots, DefinitionError> {
        let file = "recipes/build-roots.yaml";
        Ok(BuildRoots::from_yaml(file, &self.read("list of build roots", "build-roots", file)?)?)
    }

    /// `recipes/toolchain/toolchain.yaml`
    pub fn toolchain(&self) -> Result<Toolchain, DefinitionError> {
        let file = "recipes/toolchain/toolchain.yaml";
        Ok(Toolchain::from_yaml(file, &self.read("toolchain", "toolchain", file)?)?)
    }

    /// The names of all recipes, sorted: the folders of `recipes/` with a `recipe.yaml`.
    ///
    /// # Errors
    /// The folder cannot be read, or one in it has a name that no component may have.
    pub fn recipe_names(&self) -> Result<Vec<ComponentName>, DefinitionError> {
        self.names("recipes", |folder, name| folder.join(name).join("recipe.yaml").is_file().then_some(name))
    }

    /// The names of all packages, sorted: the folders of `packages/` with a `package.yaml`.
    ///
    /// # Errors
    /// As [`Self::recipe_names`].
    pub fn package_names(&self) -> Result<Vec<PackageName>, DefinitionError> {
        self.names("packages", |folder, name| {
            folder.join(name).join("package.yaml").is_file().then_some(name)
        })
    }

    /// The packages that are meant where none is named, sorted: all but those that are built on demand only.
    ///
    /// # Errors
    /// As [`Self::recipe_names`]; the definition of a package is wrong.
    pub fn usual_package_names(&self) -> Result<Vec<PackageName>, DefinitionError> {
        let mut names = Vec::new();
        for name in self.package_names()? {
            if !self.package(&name)?.on_demand {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// The names of all images, sorted: the files of `images/` that end in `.yaml`.
    ///
    /// # Errors
    /// As [`Self::recipe_names`].
    pub fn image_names(&self) -> Result<Vec<ImageName>, DefinitionError> {
        self.names("images", |_, name| name.strip_suffix(".yaml"))
    }

    /// What `of` takes from the names in a folder of the workspace. A folder that is not there holds none.
    fn names<T: std::str::FromStr<Err: std::fmt::Display> + Ord>(
        &self,
        kind: &str,
        of: impl for<'a> Fn(&Path, &'a str) -> Option<&'a str>,
    ) -> Result<Vec<T>, DefinitionError> {
        let folder = self.root.join(kind);
        let unreadable = |error: std::io::Error| DocumentError::whole(kind, error);
        let entries = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && kind != "recipes" => {
                return Ok(Vec::new());
            }
            entries => entries.map_err(unreadable)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned();
            if let Some(found) = of(&folder, &name) {
                let wrong = |error| DocumentError::whole(&format!("{kind}/{name}"), error);
                names.push(found.parse().map_err(wrong)?);
            }
        }
        names.sort();
        Ok(names)
    }

    /// `packages/golden.yaml`; a workspace without one has no records.
    pub fn golden(&self) -> Result<Golden, DefinitionError> {
        let file = "packages/golden.yaml";
        match self.read("record", "golden", file) {
            Ok(text) => Ok(Golden::from_yaml(file, &text)?),
            Err(DefinitionError::Unknown { .. }) => Ok(Golden::default()),
            Err(error) => Err(error),
        }
    }

    /// These recipes and all that they need, to the last.
    ///
    /// # Errors
    /// A recipe that is wrong, or that does not exist: then the place in the recipe that needs it.
    pub fn recipes(
        &self,
        wanted: impl IntoIterator<Item = ComponentName>,
    ) -> Result<BTreeMap<ComponentName, Recipe>, DefinitionError> {
        let mut found = BTreeMap::new();
        let mut open: Vec<(ComponentName, Option<ComponentName>)> =
            wanted.into_iter().map(|name| (name, None)).collect();
        while let Some((name, needed_by)) = open.pop() {
            if found.contains_key(&name) {
                continue;
            }
            let recipe = self.recipe(&name).map_err(|error| match needed_by {
                Some(by) => self.at_mention(error, &recipe_file(&by), "needs"),
                None => error,
            })?;
            open.extend(recipe.needs.iter().map(|need| (need.clone(), Some(name.clone()))));
            found.insert(name, recipe);
        }
        Ok(found)
    }

    /// The recipes of a package's components, and all that they need.
    ///
    /// # Errors
    /// As [`Self::recipes`]; an unknown component is an error at its place in the package.
    pub fn recipes_of(
        &self,
        package: &PackageDefinition,
    ) -> Result<BTreeMap<ComponentName, Recipe>, DefinitionError> {
        for component in &package.components {
            self.recipe(component)
                .map_err(|error| self.at_mention(error, &package_file(&package.name), "components"))?;
        }
        self.recipes(package.components.iter().cloned())
    }

    /// That `key` of a recipe names a file that is not beside it.
    pub fn missing_file(&self, name: &ComponentName, key: &str, path: &RelPath) -> DefinitionError {
        let file = recipe_file(name);
        let text = std::fs::read_to_string(self.root.join(&file)).unwrap_or_default();
        let (line, column) = locate(&text, key, path.as_str());
        let message = format!("'{key}' names '{path}', but there is no file recipes/{name}/{path}");
        DocumentError { file, line, column, message }.into()
    }

    /// An unknown name as an error at the place in `file` that mentions it below `key`; another error as it is.
    fn at_mention(&self, error: DefinitionError, file: &str, key: &str) -> DefinitionError {
        let DefinitionError::Unknown { name, nearest, file: missing, .. } = &error else { return error };
        let text = std::fs::read_to_string(self.root.join(file)).unwrap_or_default();
        let (line, column) = locate(&text, key, name);
        let message = format!("'{key}' names '{name}', but there is no {missing}{}", did_you_mean(nearest));
        DocumentError { file: file.to_owned(), line, column, message }.into()
    }

    fn read(&self, kind: &'static str, name: &str, file: &str) -> Result<String, DefinitionError> {
        let path = self.root.join(file);
        std::fs::read_to_string(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => DefinitionError::Unknown {
                kind,
                name: name.to_owned(),
                file: file.to_owned(),
                nearest: self.nearest(kind, name),
            },
            std::io::ErrorKind::InvalidData => {
                DocumentError::whole(file, "the file is not UTF-8: save it as UTF-8").into()
            }
            _ => DefinitionError::Unreadable { path, source },
        })
    }

    fn nearest(&self, kind: &str, name: &str) -> Option<String> {
        let folder = match kind {
            "recipe" => "recipes",
            "package" => "packages",
            "image" => "images",
            _ => return None,
        };
        let entries = std::fs::read_dir(self.root.join(folder)).ok()?;
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        nearest(name, names.map(|name| name.trim_end_matches(".yaml").to_owned()))
    }
}

fn package_file(name: &PackageName) -> String {
    format!("packages/{name}/package.yaml")
}

fn same_name<T: PartialEq + std::fmt::Display>(
    file: &str,
    text: &str,
    expected: &T,
    found: &T,
) -> Result<(), DocumentError> {
    if expected == found {
        return Ok(());
    }
    let (line, column) = locate(text, "name", &found.to_string());
    let message = format!("the name is '{found}', but the place is that of '{expected}': make them the same");
    Err(DocumentError { file: file.to_owned(), line, column, message })
}

#[cfg(test)]
mod tests;
