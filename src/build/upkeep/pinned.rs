//! What a document pins: a version and the files of it; and where in its text each value stands.

use std::path::Path;

use fs_err as fs;
use medic_model::recipe::{FileSource, Location, Recipe, Source};
use medic_model::roots::Toolchain;
use medic_model::{ComponentName, Date, DocumentError, Version};

use super::edit::{Edit, Step};
use crate::definitions::Definitions;
use crate::error::BuildError;
use crate::toolchain::file_source;

/// What the compiler is called where a component is meant.
pub const TOOLCHAIN: &str = "toolchain";

/// What a document pins.
#[derive(Debug, Clone)]
pub struct Pinned {
    /// The document, relative to the workspace.
    pub file: String,
    /// Its text.
    pub text: String,
    /// The version.
    pub version: Version,
    /// The day of its release; the toolchain has none.
    pub released: Option<Date>,
    /// The component's package URL, where the document has one.
    pub purl: Option<String>,
    /// The files.
    pub sources: Vec<PinnedSource>,
}

/// A file that a document pins.
#[derive(Debug, Clone)]
pub struct PinnedSource {
    /// The way to it in the document.
    pub at: Vec<Step>,
    /// What is pinned.
    pub file: FileSource,
}

fn key(name: &str) -> Step {
    Step::Key(name.to_owned())
}

impl Pinned {
    /// What a component's recipe pins; of the name `toolchain` without a recipe, what the toolchain does.
    ///
    /// # Errors
    /// The document is wrong, or not there.
    pub fn read(workspace: &Path, name: &ComponentName) -> Result<Self, BuildError> {
        let definitions = Definitions::new(workspace);
        let is_toolchain =
            name.as_str() == TOOLCHAIN && !definitions.recipe_folder(name).join("recipe.yaml").is_file();
        if is_toolchain {
            return Self::toolchain(workspace, &definitions);
        }
        let recipe = definitions.recipe(name)?;
        let file = format!("recipes/{name}/recipe.yaml");
        let text = read(workspace, &file)?;
        let source = |(index, source): (usize, &Source)| match source {
            Source::File(file) => {
                let at = vec![key("sources"), Step::At(index)];
                Some(PinnedSource { at, file: file.as_ref().clone() })
            }
            Source::Workspace(_) | Source::CargoLock(_) => None,
        };
        Ok(Self {
            file,
            text,
            version: recipe.version.clone(),
            released: Some(recipe.released),
            purl: recipe.purl.as_ref().map(ToString::to_string),
            sources: recipe.sources.iter().enumerate().filter_map(source).collect(),
        })
    }

    fn toolchain(workspace: &Path, definitions: &Definitions) -> Result<Self, BuildError> {
        let toolchain = definitions.toolchain()?;
        let file = "recipes/toolchain/toolchain.yaml".to_owned();
        let text = read(workspace, &file)?;
        let sources = toolchain.sources.iter().map(|(arch, source)| PinnedSource {
            at: vec![key("sources"), key(&arch.to_string())],
            file: file_source(source),
        });
        let (version, sources) = (toolchain.version.clone(), sources.collect());
        Ok(Self { file, text, version, released: None, purl: None, sources })
    }

    /// That a changed text still is a document of its kind.
    ///
    /// # Errors
    /// It is not.
    pub fn check(&self, text: &str) -> Result<(), DocumentError> {
        if self.released.is_some() {
            Recipe::from_yaml(&self.file, text).map(drop)
        } else {
            Toolchain::from_yaml(&self.file, text).map(drop)
        }
    }

    /// The edit of the version.
    pub fn set_version(&self, to: &Version) -> Edit {
        Edit { path: vec![key("version")], to: to.to_string() }
    }

    /// The edit of a package URL that names the version.
    pub fn set_purl(&self, to: &Version) -> Option<Edit> {
        let (old, new) = (self.version.to_string(), to.to_string());
        let purl = self.purl.as_ref().filter(|purl| purl.contains(&old))?;
        Some(Edit { path: vec![key("purl")], to: purl.replace(&old, &new) })
    }

    /// The edit of the day of release, where the document has one.
    pub fn set_released(&self, to: Date) -> Option<Edit> {
        self.released.map(|_| Edit { path: vec![key("released")], to: to.to_string() })
    }
}

impl PinnedSource {
    /// The edits that make it another file; `locations` has the new ones in the order of the present ones.
    pub fn set(&self, sha256: &str, sha512: &str, locations: &[Location]) -> Vec<Edit> {
        let below = |steps: &[Step], to: &str| Edit {
            path: self.at.iter().chain(steps).cloned().collect(),
            to: to.to_owned(),
        };
        let mut edits = vec![below(&[key("sha256")], sha256)];
        if self.file.sha512.is_some() {
            edits.push(below(&[key("sha512")], sha512));
        }
        let mut url_number = 0;
        for (old, new) in self.file.locations.iter().zip(locations) {
            let at = url_number;
            url_number += usize::from(matches!(old, Location::Url(_)));
            if old == new {
                continue;
            }
            match new {
                Location::Url(url) => edits.push(below(&[key("urls"), Step::At(at)], url)),
                Location::Debian(path) => edits.push(below(&[key("debian")], path.as_str())),
                Location::Path(path) => edits.push(below(&[key("path")], path.as_str())),
                Location::Pypi(file) => {
                    edits.push(below(&[key("pypi"), key("version")], &file.version));
                    edits.push(below(&[key("pypi"), key("file")], &file.file));
                }
                Location::Npm(package) => {
                    edits.push(below(&[key("npm"), key("version")], &package.version));
                }
                Location::Crate(package) => {
                    edits.push(below(&[key("crate"), key("version")], &package.version));
                }
                Location::Git(tree) => edits.push(below(&[key("git"), key("commit")], &tree.commit)),
            }
        }
        edits
    }
}

fn read(workspace: &Path, file: &str) -> Result<String, BuildError> {
    let path = workspace.join(file);
    fs::read_to_string(&path)
        .map_err(|source| crate::definitions::DefinitionError::Unreadable { path, source }.into())
}
