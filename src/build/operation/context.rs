//! What all parts of one build share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;

use medic_model::recipe::FileSource;
use medic_model::{Arch, ComponentName, Sha256};

use super::{BuiltComponent, Done, Machine};
use crate::component::{ResolvedSource, resolve};
use crate::definitions::Definitions;
use crate::error::BuildError;
use crate::fetch;
use crate::graph::Graph;
use crate::report::{Event, Progress, Reporter};
use crate::root::{Mirrors, Root, root};
use crate::sandbox::Conditions;
use crate::settings::Settings;
use crate::store::Store;
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
}

impl<'a> Context<'a> {
    pub fn new(
        machine: &'a Machine<'a>,
        settings: &'a Settings,
        graph: Graph,
        reporter: &'a dyn Reporter,
    ) -> Result<Self, BuildError> {
        let definitions = Definitions::new(&settings.workspace);
        let toolchain = ToolchainPlan::new(&definitions, Arch::host())?;
        let store = Store::open(&settings.store, &settings.command_line, reporter)?;
        let sources = sources(&graph, settings)?;
        let roots = roots(machine, settings, &definitions, &graph, &store, reporter)?;
        let conditions = machine.conditions.clone().unwrap_or_default();
        Ok(Self {
            machine,
            settings,
            reporter,
            definitions,
            graph,
            store,
            toolchain,
            conditions,
            sources,
            roots,
        })
    }

    /// The build root of a component of the graph.
    pub fn root(&self, name: &ComponentName) -> &Root {
        &self.roots[&self.graph.recipe(name).root]
    }

    pub fn report(&self, name: &ComponentName, progress: Progress) {
        let version = self.graph.recipe(name).version.clone();
        self.reporter.report(Event::Component { name: name.clone(), version, progress });
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
        fetch::fetch_all(
            &wanted,
            &self.settings.store,
            &self.settings.access,
            &fetch::Limits::default(),
            &|event| self.reporter.report(Event::Fetch(event)),
            &AtomicBool::new(false),
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
    let names: BTreeSet<&String> = graph.order().iter().map(|name| &graph.recipe(name).root).collect();
    if let Some(tree) = &machine.root {
        let root = Root { tree: tree.clone(), identity: crate::key::digest_of(tree) };
        return Ok(names.into_iter().map(|name| (name.clone(), root.clone())).collect());
    }
    let defined = definitions.build_roots()?;
    let mirrors = Mirrors { addresses: settings.access.debian.clone(), offline: settings.is_offline() };
    names
        .into_iter()
        .map(|name| Ok((name.clone(), root(store, &defined, name, &mirrors, reporter)?)))
        .collect()
}
