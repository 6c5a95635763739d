//! What all parts of one build share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use medic_model::recipe::FileSource;
use medic_model::{Arch, ComponentName, Sha256};

use super::{BuiltComponent, Done, Machine};
use crate::cache::Cache;
use crate::component::{ResolvedSource, resolve};
use crate::definitions::Definitions;
use crate::error::BuildError;
use crate::fetch;
use crate::graph::Graph;
use crate::report::{Event, Progress, Reporter};
use crate::root::{Mirrors, Root, existing, root};
use crate::sandbox::Conditions;
use crate::settings::Settings;
use crate::store::{ComponentRecord, Store, StoreError};
use crate::toolchain::ToolchainPlan;

/// What all parts of one build share. The store is this builder's own while it lives.
pub(super) struct Context<'a> {
    pub machine: &'a Machine<'a>,
    pub settings: &'a Settings,
    pub reporter: &'a dyn Reporter,
    pub definitions: Definitions,
    pub graph: Graph,
    pub store: Store,
    pub toolchain: ToolchainPlan,
    pub conditions: Conditions,
    pub sources: BTreeMap<ComponentName, Vec<ResolvedSource>>,
    roots: BTreeMap<String, Root>,
    pub cache: Cache<'a>,
    /// Trees that were compared with their digests in this run.
    sound: Mutex<BTreeSet<Sha256>>,
}

/// What gives the build roots of a graph's recipes.
type FindRoots = fn(
    &Machine<'_>,
    &Settings,
    &Definitions,
    &Graph,
    &Store,
    &dyn Reporter,
) -> Result<BTreeMap<String, Root>, BuildError>;

impl<'a> Context<'a> {
    pub fn new(
        machine: &'a Machine<'a>,
        settings: &'a Settings,
        graph: Graph,
        reporter: &'a dyn Reporter,
    ) -> Result<Self, BuildError> {
        // A wrong definition is told before another builder is waited for.
        ToolchainPlan::new(&Definitions::new(&settings.workspace), Arch::host())?;
        let store = Store::open(&settings.store, &settings.command_line, reporter)?;
        Self::on(machine, settings, graph, store, reporter, roots)
    }

    /// As [`Self::new`], to look only: nothing is made, so a build root may be lacking.
    pub fn looking(
        machine: &'a Machine<'a>,
        settings: &'a Settings,
        graph: Graph,
        store: Store,
        reporter: &'a dyn Reporter,
    ) -> Result<Self, BuildError> {
        Self::on(machine, settings, graph, store, reporter, existing_roots)
    }

    fn on(
        machine: &'a Machine<'a>,
        settings: &'a Settings,
        graph: Graph,
        store: Store,
        reporter: &'a dyn Reporter,
        roots: FindRoots,
    ) -> Result<Self, BuildError> {
        let definitions = Definitions::new(&settings.workspace);
        let toolchain = ToolchainPlan::new(&definitions, Arch::host())?;
        let sources = sources(&graph, settings)?;
        let roots = roots(machine, settings, &definitions, &graph, &store, reporter)?;
        Ok(Self {
            machine,
            settings,
            reporter,
            definitions,
            graph,
            store,
            toolchain,
            sources,
            roots,
            cache: Cache::new(settings),
            sound: Mutex::default(),
            conditions: machine.conditions.clone().unwrap_or_default(),
        })
    }

    /// Whether the build root of a component is there.
    pub fn has_root(&self, name: &ComponentName) -> bool {
        self.roots.contains_key(&self.graph.recipe(name).root)
    }

    /// Whether a result's tree is what it was when it was made. It is read once in a run; a damaged one is removed and a
    /// warning.
    pub fn is_sound(&self, record: &ComponentRecord) -> Result<bool, StoreError> {
        let known = || self.sound.lock().unwrap_or_else(PoisonError::into_inner);
        if known().contains(&record.tree) {
            return Ok(true);
        }
        let sound = self.store.is_sound(record, self.reporter)?;
        if sound {
            self.set_sound(record);
        }
        Ok(sound)
    }

    /// A result's tree was read, or made, just now.
    pub fn set_sound(&self, record: &ComponentRecord) {
        self.sound.lock().unwrap_or_else(PoisonError::into_inner).insert(record.tree);
    }

    /// The build root of a component of the graph, which must be there.
    pub fn root(&self, name: &ComponentName) -> &Root {
        &self.roots[&self.graph.recipe(name).root]
    }

    /// Tells this build's reporter.
    pub fn report(&self, name: &ComponentName, progress: Progress) {
        self.tell(self.reporter, name, progress);
    }

    /// Tells another one, which passes it on.
    pub fn tell(&self, reporter: &dyn Reporter, name: &ComponentName, progress: Progress) {
        let version = self.graph.recipe(name).version.clone();
        reporter.report(Event::Component { name: name.clone(), version, progress });
    }

    /// That the programs that a recipe asks for are in its root.
    pub fn check_tools(&self, name: &ComponentName) -> Result<(), BuildError> {
        let (recipe, root) = (self.graph.recipe(name), self.root(name));
        match recipe.tools.iter().find(|tool| !root.has_tool(tool, &self.definitions.wrappers())) {
            None => Ok(()),
            Some(tool) => Err(BuildError::NoTool {
                component: name.clone(),
                tool: tool.clone(),
                root: recipe.root.clone(),
            }),
        }
    }

    /// Fetches the sources of these components, and the compiler if need be.
    pub fn fetch(&self, components: &[&ComponentName]) -> Result<(), BuildError> {
        let own = components.iter().flat_map(|name| &self.sources[*name]).flat_map(ResolvedSource::files);
        let compiler = self.toolchain.is_absent(&self.store).then_some(&self.toolchain.source);
        let mut known: BTreeSet<Sha256> = BTreeSet::new();
        let wanted: Vec<&FileSource> =
            own.chain(compiler).filter(|source| known.insert(source.sha256)).collect();
        self.fetch_files(&wanted)
    }

    /// Fetches these files.
    pub fn fetch_files(&self, wanted: &[&FileSource]) -> Result<(), BuildError> {
        let (_listening, cancel) = self.settings.cancel.listen();
        fetch::fetch_all(
            wanted,
            &self.settings.store,
            &self.settings.access,
            &fetch::Limits::default(),
            &|event| self.reporter.report(Event::Fetch(event)),
            cancel,
        )?;
        Ok(())
    }

    /// A result as callers see it.
    pub fn built(&self, done: &Done) -> BuiltComponent {
        BuiltComponent {
            name: done.record.inputs.component.clone(),
            version: done.record.inputs.version.clone(),
            action_key: done.record.key,
            tree: self.store.layout().tree(&done.record.tree),
            digest: done.record.tree,
            needs: done.record.inputs.needs.keys().cloned().collect(),
            fresh: done.fresh,
            isolation: done.record.isolation.clone(),
        }
    }
}

fn sources(
    graph: &Graph,
    settings: &Settings,
) -> Result<BTreeMap<ComponentName, Vec<ResolvedSource>>, BuildError> {
    let resolved =
        |name: &ComponentName| Ok((name.clone(), resolve(graph.recipe(name), &settings.workspace)?));
    graph.order().iter().map(resolved).collect()
}

fn roots(
    machine: &Machine<'_>,
    settings: &Settings,
    definitions: &Definitions,
    graph: &Graph,
    store: &Store,
    reporter: &dyn Reporter,
) -> Result<BTreeMap<String, Root>, BuildError> {
    let names = root_names(graph);
    if let Some(given) = given_root(machine, &names) {
        return Ok(given);
    }
    let defined = definitions.build_roots()?;
    let mirrors = Mirrors { addresses: settings.access.debian.clone(), offline: settings.is_offline() };
    names
        .into_iter()
        .map(|name| Ok((name.clone(), root(store, &defined, name, &mirrors, reporter)?)))
        .collect()
}

fn existing_roots(
    machine: &Machine<'_>,
    _: &Settings,
    definitions: &Definitions,
    graph: &Graph,
    store: &Store,
    reporter: &dyn Reporter,
) -> Result<BTreeMap<String, Root>, BuildError> {
    let names = root_names(graph);
    if let Some(given) = given_root(machine, &names) {
        return Ok(given);
    }
    let defined = definitions.build_roots()?;
    let mut roots = BTreeMap::new();
    for name in names {
        if let Some(root) = existing(store, &defined, name, reporter)? {
            roots.insert(name.clone(), root);
        }
    }
    Ok(roots)
}

fn root_names(graph: &Graph) -> BTreeSet<&String> {
    graph.order().iter().map(|name| &graph.recipe(name).root).collect()
}

/// The folder that a test gives in place of every root.
fn given_root(machine: &Machine<'_>, names: &BTreeSet<&String>) -> Option<BTreeMap<String, Root>> {
    let tree = machine.root.as_ref()?;
    let root = Root { tree: tree.clone(), identity: crate::key::digest_of(tree) };
    Some(names.iter().map(|name| ((*name).clone(), root.clone())).collect())
}
