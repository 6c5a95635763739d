//! Images and their locks: the definition with all that it extends, and what it was made of when that was last written down.

use std::path::{Path, PathBuf};

use medic_model::image::{ImageDefinition, ImageDocument, extend};
use medic_model::lock::Lock;
use medic_model::{DocumentError, ImageName};
use medic_sys::files::write_durable;

use super::{DefinitionError, Definitions, locate, same_name};
use crate::error::BuildError;

fn image_file(name: &ImageName) -> String {
    format!("images/{name}.yaml")
}

/// An error at the place where a document mentions a word below a key.
fn at(file: &str, text: &str, key: &str, word: &str, message: String) -> DefinitionError {
    let (line, column) = locate(text, key, word);
    DocumentError { file: file.to_owned(), line, column, message }.into()
}

impl Definitions {
    /// `images/<name>.yaml`, with all that it extends.
    ///
    /// # Errors
    /// A document that is wrong or does not exist; images that extend each other in a circle, or contradict each other: then both
    /// files are named.
    pub fn image(&self, name: &ImageName) -> Result<ImageDefinition, DefinitionError> {
        let mut chain: Vec<(String, ImageDocument)> = Vec::new();
        let mut texts = Vec::new();
        let mut next = Some(name.clone());
        while let Some(name) = next {
            let file = image_file(&name);
            let text = self.read("image", name.as_str(), &file).map_err(|error| match chain.last() {
                Some((by, _)) => self.at_mention(error, by, "extends"),
                None => error,
            })?;
            let document = ImageDocument::from_yaml(&file, &text)?;
            same_name(&file, &text, &name, &document.name)?;
            if let Some(other) = &document.extends
                && (*other == name || chain.iter().any(|(_, above)| above.name == *other))
            {
                let message = format!(
                    "the image extends '{other}', and {} extends this one in turn: an image cannot extend itself, so take one \
                     'extends' out",
                    image_file(other)
                );
                return Err(at(&file, &text, "extends", other.as_str(), message));
            }
            next = document.extends.clone();
            chain.push((file, document));
            texts.push(text);
        }
        extend(&chain).map_err(|fault| {
            let (file, text) = (&chain[fault.document].0, &texts[fault.document]);
            at(file, text, fault.key, &fault.word, fault.message)
        })
    }

    /// An image with the names that its packages are installed under: those of variants are other ones.
    ///
    /// # Errors
    /// A package's definition is wrong or does not exist.
    pub fn as_installed(&self, image: &ImageDefinition) -> Result<ImageDefinition, DefinitionError> {
        image.clone().renamed(|name| Ok(self.package(name)?.installed_name().clone()))
    }

    /// `images/<name>.lock`, if there is one.
    ///
    /// # Errors
    /// It is wrong, or of another image.
    pub fn lock(&self, name: &ImageName) -> Result<Option<Lock>, DefinitionError> {
        let file = format!("images/{name}.lock");
        let text = match self.read("lock", name.as_str(), &file) {
            Err(DefinitionError::Unknown { .. }) => return Ok(None),
            text => text?,
        };
        let lock = Lock::from_yaml(&file, &text)?;
        if lock.image != *name {
            let message = format!(
                "the lock is of the image '{}': write it anew, with cargo xtask lock {name}",
                lock.image
            );
            return Err(at(&file, &text, "image", lock.image.as_str(), message));
        }
        Ok(Some(lock))
    }
}

/// Where a workspace keeps an image's lock.
pub fn lock_file(workspace: &Path, name: &ImageName) -> PathBuf {
    workspace.join(format!("images/{name}.lock"))
}

/// Writes an image's lock.
///
/// # Errors
/// The disk; then the file is as it was.
pub fn write_lock(workspace: &Path, lock: &Lock) -> Result<(), BuildError> {
    let written = write_durable(&lock_file(workspace, &lock.image), lock.to_yaml().as_bytes(), 0o644);
    Ok(written.map_err(crate::store::StoreError::from)?)
}
