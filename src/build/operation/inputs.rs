//! Everything that can influence a component's result, put together.

use std::os::unix::fs::PermissionsExt as _;

use medic_archive::digest;
use medic_model::{Arch, ComponentName, RelPath};

use super::Results;
use super::context::Context;
use crate::component::ResolvedSource;
use crate::error::BuildError;
use crate::key::{BUILDER_FORMAT, FileInput, KeyInputs};
use crate::sandbox::environment::environment;
use crate::store::StoreError;

impl Context<'_> {
    /// What the action key of a component is made of, given the results of all that it needs.
    pub(super) fn inputs(&self, name: &ComponentName, results: &Results) -> Result<KeyInputs, BuildError> {
        let (recipe, arch) = (self.graph.recipe(name), self.settings.arch);
        let closure = self.graph.closure(name);
        let tested = recipe.test_foreign || Arch::host() == Some(arch);
        Ok(KeyInputs {
            builder: BUILDER_FORMAT,
            component: name.clone(),
            version: recipe.version.clone(),
            arch,
            toolchain: self.toolchain.identity,
            root: self.root(name).identity,
            sources: self.sources[name].iter().map(ResolvedSource::input).collect(),
            patches: self.files(name, "patches", &recipe.patches)?,
            files: self.files(name, "files", &recipe.files)?,
            needs: closure.iter().map(|need| ((*need).clone(), results[*need].record.tree)).collect(),
            environment: environment(recipe, arch, &closure),
            steps: recipe.steps.clone(),
            test: recipe.test.clone().filter(|_| tested),
            licence_files: recipe.licence_files.clone(),
        })
    }

    /// Files beside a recipe, named by `key` of it.
    pub(super) fn files(
        &self,
        name: &ComponentName,
        key: &str,
        paths: &[RelPath],
    ) -> Result<Vec<FileInput>, BuildError> {
        paths.iter().map(|path| self.file(name, key, path)).collect()
    }

    fn file(&self, name: &ComponentName, key: &str, path: &RelPath) -> Result<FileInput, BuildError> {
        let place = self.definitions.recipe_folder(name).join(path);
        let meta = std::fs::metadata(&place);
        if !meta.as_ref().is_ok_and(std::fs::Metadata::is_file) {
            return Err(self.definitions.missing_file(name, key, path).into());
        }
        let runnable = meta.is_ok_and(|meta| meta.permissions().mode() & 0o100 != 0);
        let content = digest::of_file(&place).map_err(StoreError::from_io("read", &place))?;
        Ok(FileInput { path: path.clone(), sha256: content.sha256, runnable })
    }
}
