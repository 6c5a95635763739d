//! Filling a cache with results of this store.

use std::num::NonZero;
use std::path::Path;

use medic_model::{ComponentName, Sha256, Version};

use super::context::Context;
use super::{Machine, packages, stored};
use crate::cache::{self, SigningKey};
use crate::definitions::Definitions;
use crate::error::BuildError;
use crate::graph::Graph;
use crate::report::Reporter;
use crate::sandbox::Bubblewrap;
use crate::settings::Settings;
use crate::store::Store;

/// A component, and what became of it in a cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The component.
    pub name: ComponentName,
    /// Its version.
    pub version: Version,
    /// Its result; none when the store does not have it as the recipes are now.
    pub result: Option<PushedResult>,
}

/// A result in a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushedResult {
    /// Its action key.
    pub key: Sha256,
    /// The object that is its tree.
    pub object: Sha256,
    /// Bytes of the object.
    pub size: u64,
    /// Whether it was written now; else it was there.
    pub fresh: bool,
}

/// Puts the results of components, and of all that they need, into the cache in `folder`, signed; those of all packages'
/// components when `names` is empty. Only what the store has as the recipes are now: nothing is built. Each tree is compared with its
/// digest first. In the order in which they would be built.
///
/// # Errors
/// A definition is wrong; the cache cannot be written.
pub fn push(
    settings: &Settings,
    names: &[ComponentName],
    folder: &Path,
    signer: &SigningKey,
    reporter: &dyn Reporter,
) -> Result<Vec<Pushed>, BuildError> {
    push_on(&Machine::own(&Bubblewrap), settings, names, folder, signer, reporter)
}

pub(super) fn push_on(
    machine: &Machine<'_>,
    settings: &Settings,
    names: &[ComponentName],
    folder: &Path,
    signer: &SigningKey,
    reporter: &dyn Reporter,
) -> Result<Vec<Pushed>, BuildError> {
    let definitions = Definitions::new(&settings.workspace);
    let graph = if names.is_empty() {
        packages::graph(settings, &packages::wanted(settings, &definitions.usual_package_names()?)?)?
    } else {
        Graph::new(definitions.recipes(names.iter().cloned())?)?
    };
    let store = Store::open(&settings.store, &settings.command_line, reporter)?;
    let context = Context::looking(machine, settings, graph, store, reporter)?;
    let results = stored(&context)?;
    let threads = u32::try_from(settings.jobs).ok().and_then(NonZero::new).unwrap_or(NonZero::<u32>::MIN);
    let one = |name: &ComponentName| -> Result<Pushed, BuildError> {
        let mut result = None;
        if let Some(done) = results.get(name)
            && context.is_sound(&done.record)?
        {
            let tree = context.store.layout().tree(&done.record.tree);
            let (record, fresh) = cache::write(folder, &done.record, &tree, signer, threads)?;
            let (object, size) = (record.object.sha256, record.object.size);
            result = Some(PushedResult { key: done.record.key, object, size, fresh });
        }
        Ok(Pushed { name: name.clone(), version: context.graph.recipe(name).version.clone(), result })
    };
    context.graph.order().iter().map(one).collect()
}
