//! What a graph is asked of: an image, a package or a component, by a name that may be that of all three.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

use medic_model::image::ImageDefinition;
use medic_model::{ComponentName, ImageName, PackageName};

use crate::definitions::{DefinitionError, Definitions, nearest};

/// One thing that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `image:NAME`
    Image(String),
    /// `package:NAME`
    Package(String),
    /// `component:NAME`
    Component(String),
    /// A bare name: the image of this name, or else the package, or else the component.
    Any(String),
}

impl FromStr for Target {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.split_once(':') {
            Some(("image", name)) => Self::Image(name.to_owned()),
            Some(("package", name)) => Self::Package(name.to_owned()),
            Some(("component", name)) => Self::Component(name.to_owned()),
            _ => Self::Any(text.to_owned()),
        })
    }
}

/// What was asked for, told apart.
#[derive(Debug, Default)]
pub struct Chosen {
    pub images: BTreeMap<ImageName, ImageDefinition>,
    pub packages: BTreeSet<PackageName>,
    pub components: BTreeSet<ComponentName>,
}

/// Tells apart what was asked for; everything there is when that is nothing.
///
/// # Errors
/// Nothing has such a name; an image is wrong.
pub fn choose(
    definitions: &Definitions,
    workspace: &Path,
    wanted: &[Target],
) -> Result<Chosen, DefinitionError> {
    let names = Names::read(workspace);
    let mut chosen = Chosen::default();
    if wanted.is_empty() {
        for name in names.images.iter().filter_map(|name| name.parse().ok()) {
            let image = definitions.image(&name)?;
            chosen.images.insert(name, image);
        }
        chosen.packages = names.packages.iter().filter_map(|name| name.parse().ok()).collect();
        chosen.components = definitions.recipe_names()?.into_iter().collect();
    }
    for target in wanted {
        match names.place(target)? {
            Place::Image(name) => {
                let image = definitions.image(&name)?;
                chosen.images.insert(name, image);
            }
            Place::Package(name) => drop(chosen.packages.insert(name)),
            Place::Component(name) => drop(chosen.components.insert(name)),
        }
    }
    Ok(chosen)
}

enum Place {
    Image(ImageName),
    Package(PackageName),
    Component(ComponentName),
}

/// The names that there are.
struct Names {
    images: BTreeSet<String>,
    packages: BTreeSet<String>,
    components: BTreeSet<String>,
}

impl Names {
    fn read(workspace: &Path) -> Self {
        let list = |folder: &str, file: &str| {
            let folder = workspace.join(folder);
            let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
            let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
            let named = |name: String| match file {
                "" => name.strip_suffix(".yaml").map(str::to_owned),
                file => folder.join(&name).join(file).is_file().then_some(name),
            };
            names.filter_map(named).collect()
        };
        Self {
            images: list("images", ""),
            packages: list("packages", "package.yaml"),
            components: list("recipes", "recipe.yaml"),
        }
    }

    fn place(&self, target: &Target) -> Result<Place, DefinitionError> {
        match target {
            Target::Image(name) => self.image(name),
            Target::Package(name) => self.package(name),
            Target::Component(name) => self.component(name),
            Target::Any(name) if self.images.contains(name) => self.image(name),
            Target::Any(name) if self.packages.contains(name) => self.package(name),
            Target::Any(name) if self.components.contains(name) => self.component(name),
            Target::Any(name) => {
                let all = self.images.iter().chain(&self.packages).chain(&self.components).cloned();
                let file = format!(
                    "images/{name}.yaml (nor packages/{name}/package.yaml, nor recipes/{name}/recipe.yaml)"
                );
                Err(unknown("image, package or component", name, file, all))
            }
        }
    }

    fn image(&self, name: &str) -> Result<Place, DefinitionError> {
        let file = format!("images/{name}.yaml");
        known(&self.images, "image", name, file).map(Place::Image)
    }

    fn package(&self, name: &str) -> Result<Place, DefinitionError> {
        let file = format!("packages/{name}/package.yaml");
        known(&self.packages, "package", name, file).map(Place::Package)
    }

    fn component(&self, name: &str) -> Result<Place, DefinitionError> {
        let file = format!("recipes/{name}/recipe.yaml");
        known(&self.components, "recipe", name, file).map(Place::Component)
    }
}

fn known<T: FromStr>(
    names: &BTreeSet<String>,
    kind: &'static str,
    name: &str,
    file: String,
) -> Result<T, DefinitionError> {
    let there = names.contains(name).then(|| name.parse().ok()).flatten();
    there.ok_or_else(|| unknown(kind, name, file, names.iter().cloned()))
}

fn unknown(
    kind: &'static str,
    name: impl Display,
    file: String,
    names: impl Iterator<Item = String>,
) -> DefinitionError {
    let name = name.to_string();
    DefinitionError::Unknown { kind, file, nearest: nearest(&name, names), name }
}
