//! Building components and packages: everything from the definitions to the archives, in one call.

mod context;
mod golden;
mod inputs;
mod packages;
mod rebuild;
mod sources;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};

use medic_model::{ComponentName, PackageName, Sha256, Version};

use crate::component::Build;
use crate::error::{BuildError, ComponentFailure, FailureCause};
use crate::graph::Graph;
use crate::package::BuiltPackage;
use crate::report::{Event, Progress, Reporter};
use crate::sandbox::{self, Conditions, Runner};
use crate::schedule;
use crate::settings::Settings;
use crate::store::ComponentRecord;
use crate::toolchain::Toolchain;

use context::Context;
pub use golden::{golden_entries, golden_file, write_golden};
pub use rebuild::{Reason, Rebuild, why_rebuild};
pub use sources::{Fetched, Vendored, fetch_sources, vendor};

/// The most components that are built side by side: each step runs as many programs as there are jobs, and that times
/// this is as much as a machine bears.
const SIDE_BY_SIDE: usize = 4;

/// A component that is in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltComponent {
    /// The component.
    pub name: ComponentName,
    /// Its version.
    pub version: Version,
    /// The digest of everything that could influence it.
    pub action_key: Sha256,
    /// Its tree.
    pub tree: PathBuf,
    /// The digest of its tree.
    pub digest: Sha256,
    /// What it needs, directly and indirectly.
    pub needs: Vec<ComponentName>,
    /// Whether it was built now; else it was in the store.
    pub fresh: bool,
}

/// What the builder works with that a test wants to be another: the machine's own sandbox and Debian roots, unless said
/// otherwise.
#[derive(Debug)]
pub(crate) struct Machine<'a> {
    /// What runs steps.
    pub runner: &'a dyn Runner,
    /// A folder that is the root of every recipe, in place of those of `recipes/build-roots.yaml`.
    pub root: Option<PathBuf>,
    /// What sandboxes are like, where not as ever.
    pub conditions: Option<Conditions>,
}

impl<'a> Machine<'a> {
    /// The machine's own build roots, and this runner.
    pub fn own(runner: &'a dyn Runner) -> Self {
        Self { runner, root: None, conditions: None }
    }
}

/// Builds packages, and all components that they take; what is in the store already is not built again. In the order of
/// `names`.
///
/// # Errors
/// [`BuildError`]; its kind says what to do. What could be built is kept.
pub fn build_packages(
    settings: &Settings,
    names: &[PackageName],
    reporter: &dyn Reporter,
) -> Result<Vec<BuiltPackage>, BuildError> {
    build_packages_on(&Machine::own(&*sandbox::runner(settings)?), settings, names, reporter)
}

pub(crate) fn build_packages_on(
    machine: &Machine<'_>,
    settings: &Settings,
    names: &[PackageName],
    reporter: &dyn Reporter,
) -> Result<Vec<BuiltPackage>, BuildError> {
    Ok(build_whole_on(machine, settings, names, reporter)?.packages)
}

/// Packages with all components that they are made of, each after what it needs.
#[derive(Debug)]
pub(crate) struct Whole {
    pub components: Vec<BuiltComponent>,
    pub packages: Vec<BuiltPackage>,
    /// Of each package.
    pub made_from: Vec<MadeFrom>,
}

/// What a package was made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MadeFrom {
    /// The digest of all that the workspace has of it, and of the toolchain.
    pub definition: Sha256,
    /// The digest of the build roots.
    pub roots: Sha256,
}

pub(crate) fn build_whole_on(
    machine: &Machine<'_>,
    settings: &Settings,
    names: &[PackageName],
    reporter: &dyn Reporter,
) -> Result<Whole, BuildError> {
    let wanted = packages::wanted(settings, names)?;
    let context = Context::new(machine, settings, packages::graph(settings, &wanted)?, reporter)?;
    let results = components(&context)?;
    let packages = packages::pack_all(&context, &wanted, &results)?;
    let made_from = |package| {
        let source = packages::source(&context, package, &results);
        let definition = context.definition(package, &source)?;
        Ok(MadeFrom { definition, roots: context.roots_of(package) })
    };
    let made_from = wanted.iter().map(made_from).collect::<Result<Vec<_>, BuildError>>()?;
    let components = context.graph.order().iter().map(|name| context.built(&results[name])).collect();
    Ok(Whole { components, packages, made_from })
}

/// Builds components and all that they need; what is in the store already is not built again. Gives all of them, each after
/// what it needs.
///
/// # Errors
/// As [`build_packages`].
pub fn build_components(
    settings: &Settings,
    names: &[ComponentName],
    reporter: &dyn Reporter,
) -> Result<Vec<BuiltComponent>, BuildError> {
    build_components_on(&Machine::own(&*sandbox::runner(settings)?), settings, names, reporter)
}

pub(crate) fn build_components_on(
    machine: &Machine<'_>,
    settings: &Settings,
    names: &[ComponentName],
    reporter: &dyn Reporter,
) -> Result<Vec<BuiltComponent>, BuildError> {
    let definitions = crate::definitions::Definitions::new(&settings.workspace);
    let graph = Graph::new(definitions.recipes(names.iter().cloned())?)?;
    let context = Context::new(machine, settings, graph, reporter)?;
    let done = components(&context)?;
    Ok(context.graph.order().iter().map(|name| context.built(&done[name])).collect())
}

/// A component's result, and whether it is of this run.
#[derive(Debug)]
struct Done {
    record: ComponentRecord,
    fresh: bool,
}

type Results = BTreeMap<ComponentName, Arc<Done>>;

/// Builds every component of the graph that the store does not have.
fn components(context: &Context<'_>) -> Result<Results, BuildError> {
    let stored = stored(context)?;
    let open: Vec<&ComponentName> =
        context.graph.order().iter().filter(|name| !stored.contains_key(*name)).collect();
    context.reporter.report(Event::Planned { stored: stored.len(), open: open.len() });
    let Some(first) = open.first() else {
        context.graph.order().iter().for_each(|name| context.report(name, Progress::Stored));
        return Ok(stored);
    };
    let toolchain = make_ready(context, &open, first)?;
    let outcome = std::thread::scope(|scope| {
        // Thousands of files are removed after each build: nobody waits for that.
        let (sweep, swept) = mpsc::channel();
        scope.spawn(move || sweep_all(swept, context.reporter));
        schedule::run(
            &context.graph,
            context.settings.jobs.clamp(1, SIDE_BY_SIDE),
            |name, needs| component(context, &toolchain, name, needs, &sweep),
            |name, because| context.report(name, Progress::Skipped { because: because.clone() }),
        )
    });
    if outcome.failed.is_empty() {
        return Ok(outcome.done);
    }
    let failure = |(component, cause)| ComponentFailure { component, cause };
    Err(BuildError::Components(outcome.failed.into_iter().map(failure).collect()))
}

/// Removes folders as they come, until no more will.
fn sweep_all(swept: mpsc::Receiver<PathBuf>, reporter: &dyn Reporter) {
    for folder in swept {
        if let Err(error) = crate::store::remove_all(&folder) {
            reporter.report(Event::Warning(error.to_string()));
        }
    }
}

/// The components whose results are in the store, as far as that can be known before anything is built: one whose needs
/// must be built has no action key yet.
fn stored(context: &Context<'_>) -> Result<Results, BuildError> {
    let mut stored = Results::new();
    for name in context.graph.order() {
        let closure = context.graph.closure(name);
        if closure.iter().all(|need| stored.contains_key(*need)) {
            let inputs = context.inputs(name, &stored)?;
            if let Some(record) = context.store.result(&inputs.key(), context.reporter) {
                stored.insert(name.clone(), Arc::new(Done { record, fresh: false }));
            }
        }
    }
    Ok(stored)
}

/// Everything that building takes: sources fetched, all of them, so that one error names all that is missing; the compiler
/// unpacked, with its cache.
fn make_ready(
    context: &Context<'_>,
    open: &[&ComponentName],
    first: &ComponentName,
) -> Result<Toolchain, BuildError> {
    for name in open {
        context.check_tools(name)?;
    }
    context.fetch(open)?;
    // Any root has what filling the compiler's cache takes.
    let root = context.root(first);
    let (runner, arch) = (context.machine.runner, context.settings.arch);
    context.toolchain.prepare(&context.store, root, arch, runner, context.reporter)
}

/// One component: from the store, or built.
fn component(
    context: &Context<'_>,
    toolchain: &Toolchain,
    name: &ComponentName,
    needs: &Results,
    sweep: &mpsc::Sender<PathBuf>,
) -> Result<Arc<Done>, FailureCause> {
    let inputs = context.inputs(name, needs)?;
    if let Some(record) = context.store.result(&inputs.key(), context.reporter) {
        context.report(name, Progress::Stored);
        return Ok(Arc::new(Done { record, fresh: false }));
    }
    let tree = |need: &ComponentName| context.store.layout().tree(&needs[need].record.tree);
    let build = Build {
        recipe: context.graph.recipe(name),
        folder: context.definitions.recipe_folder(name),
        sources: &context.sources[name],
        test: inputs.test.is_some(),
        inputs,
        needs: context.graph.closure(name).into_iter().map(|need| (need, tree(need))).collect(),
        root: context.root(name),
        toolchain,
        jobs: context.settings.jobs.max(1),
        conditions: &context.conditions,
    };
    let result = build.run(&context.store, context.machine.runner, context.reporter);
    context.report(name, if result.is_ok() { Progress::Finished } else { Progress::Failed });
    let record = result?;
    // The sweeper listens for as long as anything is built.
    let _ = sweep.send(context.store.layout().work().join(name.as_str()));
    Ok(Arc::new(Done { record, fresh: true }))
}

#[cfg(test)]
mod tests;
