//! Which components the next build would build again, and for what reason.

use std::collections::BTreeMap;
use std::time::SystemTime;

use medic_model::{ComponentName, Sha256, Version};

use super::context::Context;
use super::{Machine, stored};
use crate::error::BuildError;
use crate::graph::Graph;
use crate::report::Reporter;
use crate::sandbox::Bubblewrap;
use crate::settings::Settings;
use crate::store::ComponentRecord;
use crate::why::{Change, changes};

/// What the next build would do with a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuild {
    /// The component.
    pub name: ComponentName,
    /// Its version, as the recipe says now.
    pub version: Version,
    /// Why it would be built, or not.
    pub reason: Reason,
}

/// Why a component would be built, or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It would not: its result is in the store, under this action key.
    Stored {
        /// The digest of everything that could influence it.
        key: Sha256,
    },
    /// The store holds no result of it for this architecture.
    Never,
    /// These inputs are not what they were at the newest build in the store.
    Changed {
        /// The action key of that build.
        old: Sha256,
        /// The action key now.
        new: Sha256,
        /// At least one.
        changes: Vec<Change>,
    },
    /// Its inputs are those of a build whose result is gone from the store, or damaged there.
    Lost {
        /// Its action key.
        key: Sha256,
    },
    /// It cannot be said yet: these needs are built before, and when they come out as they were, it is not built again.
    Waits {
        /// Direct and indirect needs that are built first.
        needs: Vec<ComponentName>,
    },
}

/// Says of components, and of all that they need, what the next build would do with them and why; each after what it
/// needs. Nothing is built or fetched but the build root, whose content is an input.
///
/// # Errors
/// As [`super::build_components`], of reading the definitions and the store.
pub fn why_rebuild(
    settings: &Settings,
    names: &[ComponentName],
    reporter: &dyn Reporter,
) -> Result<Vec<Rebuild>, BuildError> {
    why_rebuild_on(&Machine::own(&Bubblewrap), settings, names, reporter)
}

pub(super) fn why_rebuild_on(
    machine: &Machine<'_>,
    settings: &Settings,
    names: &[ComponentName],
    reporter: &dyn Reporter,
) -> Result<Vec<Rebuild>, BuildError> {
    let definitions = crate::definitions::Definitions::new(&settings.workspace);
    let graph = Graph::new(definitions.recipes(names.iter().cloned())?)?;
    let context = Context::new(machine, settings, graph, reporter)?;
    let results = stored(&context)?;
    let newest = newest(&context)?;
    let reason = |name: &ComponentName| -> Result<Reason, BuildError> {
        if let Some(done) = results.get(name) {
            return Ok(Reason::Stored { key: done.record.key });
        }
        let Some(last) = newest.get(name) else { return Ok(Reason::Never) };
        let open = |need: &&ComponentName| !results.contains_key(*need);
        let needs: Vec<_> = context.graph.closure(name).into_iter().filter(open).cloned().collect();
        if !needs.is_empty() {
            return Ok(Reason::Waits { needs });
        }
        let inputs = context.inputs(name, &results)?;
        let (old, new) = (last.key, inputs.key());
        let changes = changes(&last.inputs, &inputs);
        Ok(if changes.is_empty() { Reason::Lost { key: new } } else { Reason::Changed { old, new, changes } })
    };
    let version = |name: &ComponentName| context.graph.recipe(name).version.clone();
    let order = context.graph.order().iter();
    order
        .map(|name| Ok(Rebuild { name: name.clone(), version: version(name), reason: reason(name)? }))
        .collect()
}

/// The newest record of every component for this architecture. One that cannot be read says nothing, and is left: it is
/// reported when a build comes upon it.
fn newest(context: &Context<'_>) -> Result<BTreeMap<ComponentName, ComponentRecord>, BuildError> {
    let mut newest: BTreeMap<ComponentName, (SystemTime, ComponentRecord)> = BTreeMap::new();
    for (written, record) in context.store.records()? {
        if record.inputs.arch != context.settings.arch {
            continue;
        }
        let known = newest.get(&record.inputs.component).map(|(time, _)| *time);
        if known.is_none_or(|known| known < written) {
            newest.insert(record.inputs.component.clone(), (written, record));
        }
    }
    Ok(newest.into_iter().map(|(name, (_, record))| (name, record)).collect())
}
