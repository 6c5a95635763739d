//! Building components and packages: everything from the definitions to the archives, in one call.

mod collect;
mod context;
mod expected;
mod golden;
mod inputs;
mod packages;
mod push;
mod rebuild;
mod shell;
mod sources;
mod verify;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, mpsc};

use medic_model::{ComponentName, PackageName, Sha256, Version};

use crate::component::Build;
use crate::error::{BuildError, ComponentFailure, FailureCause, Failures};
use crate::graph::Graph;
use crate::key::KeyInputs;
use crate::package::BuiltPackage;
use crate::report::{Event, Progress, Reporter};
use crate::sandbox::{self, Conditions, Runner};
use crate::schedule::{self, Budget, Jobs, Outcome, Plan};
use crate::settings::Settings;
use crate::store::ComponentRecord;
use crate::timeline::{self, Recorder};
use crate::toolchain::Toolchain;

pub use collect::{CurrentPackage, Survey, survey};
use context::Context;
pub(crate) use expected::measured;
pub use golden::{golden_entries, golden_file, write_golden};
pub use push::{Pushed, PushedResult, push};
pub use rebuild::{Reason, Rebuild, why_rebuild};
pub use shell::{Shell, open_shell};
pub use sources::{Fetched, Vendored, fetch_sources, vendor};
pub use verify::{discard_damaged, verify_store};

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
    /// What kept its steps apart from the machine, where that is known.
    pub isolation: Option<String>,
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
    build_packages_on(&Machine::own(&*sandbox::runner(settings)), settings, names, reporter)
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
    let (results, packages) = loop {
        let results = components(&context)?;
        // A tree that is damaged is found when it is to be packed, and is built again; that is sound then.
        if let Some(packed) = packages::pack_all(&context, &wanted, &results)? {
            break (results, packed);
        }
    };
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
    build_components_on(&Machine::own(&*sandbox::runner(settings)), settings, names, reporter)
}

/// As [`build_components`], its steps run by another runner than this machine's usual one.
///
/// # Errors
/// As [`build_packages`].
pub fn build_components_by(
    runner: &dyn Runner,
    settings: &Settings,
    names: &[ComponentName],
    reporter: &dyn Reporter,
) -> Result<Vec<BuiltComponent>, BuildError> {
    build_components_on(&Machine::own(runner), settings, names, reporter)
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
    let mut stored = sound(context)?;
    cached(context, &mut stored)?;
    let open: Vec<&ComponentName> =
        context.graph.order().iter().filter(|name| !stored.contains_key(*name)).collect();
    context.reporter.report(Event::Planned { stored: stored.len(), open: open.len() });
    stored.values().for_each(|done| context.store.touch_result(&done.record));
    let Some(first) = open.first() else {
        context.graph.order().iter().for_each(|name| context.report(name, Progress::Stored));
        return Ok(stored);
    };
    let recorder = Recorder::new(context.reporter);
    let toolchain = make_ready(context, &open, first)?;
    recorder.prepared();
    stored.keys().for_each(|name| context.tell(&recorder, name, Progress::Stored));
    let plan = plan(context, &stored);
    let outcome = std::thread::scope(|scope| {
        // Thousands of files are removed after each build: nobody waits for that.
        let (sweep, swept) = mpsc::channel();
        scope.spawn(move || sweep_all(swept, context.reporter));
        let site = Site { context, toolchain: &toolchain, recorder: &recorder, sweep };
        schedule::run(
            &context.graph,
            plan,
            stored,
            |name, needs, jobs| component(&site, name, needs, jobs),
            |name, because| context.tell(&recorder, name, Progress::Skipped { because: because.clone() }),
        )
    });
    let timeline = recorder.finish(&context.graph, context.settings);
    // Without it the build is as good as with it.
    if let Err(error) = timeline::keep(&context.store, &timeline) {
        context.reporter.report(Event::Warning(format!("the record of this build is not kept: {error}")));
    }
    result(context, outcome)
}

/// What is built in which order: by how long everything took the last time.
fn plan<'a>(context: &'a Context<'_>, stored: &Results) -> Plan<'a> {
    // Without records the order is another one, and everything is built all the same.
    let records = context.store.records().unwrap_or_default();
    let settings = context.settings;
    let budget = Budget { jobs: settings.jobs.max(1), memory: settings.memory };
    let expected = expected::expected(&context.graph, &records, settings.arch);
    let done: BTreeSet<ComponentName> = stored.keys().cloned().collect();
    Plan::new(&context.graph, &done, expected, budget, settings.keep_going)
}

/// All results, or an error that names each failure and all that it kept from being built.
fn result(context: &Context<'_>, outcome: Outcome<Arc<Done>, FailureCause>) -> Result<Results, BuildError> {
    if outcome.failed.is_empty() {
        return Ok(outcome.done);
    }
    let mut skipped = outcome.skipped;
    let in_order = context.graph.order().iter();
    let failure = |(component, cause)| ComponentFailure { component, cause };
    Err(BuildError::Components(Failures {
        failed: outcome.failed.into_iter().map(failure).collect(),
        skipped: in_order.filter_map(|name| skipped.remove_entry(name)).collect(),
        not_begun: outcome.not_begun,
    }))
}

/// What the store has, with every tree that something will be built with compared with its digest: a damaged one is removed.
fn sound(context: &Context<'_>) -> Result<Results, BuildError> {
    loop {
        let stored = stored(context)?;
        let open = context.graph.order().iter().filter(|name| !stored.contains_key(*name));
        let used: BTreeSet<&ComponentName> = open.flat_map(|name| context.graph.closure(name)).collect();
        let mut all_sound = true;
        for done in used.into_iter().filter_map(|name| stored.get(name)) {
            all_sound &= context.is_sound(&done.record)?;
        }
        if all_sound {
            return Ok(stored);
        }
    }
}

/// What the store does not have, from the cache, as far as that can be known before anything is built.
fn cached(context: &Context<'_>, stored: &mut Results) -> Result<(), BuildError> {
    if !context.cache.is_there() {
        return Ok(());
    }
    for name in context.graph.order() {
        let known = context.graph.closure(name).iter().all(|need| stored.contains_key(*need));
        if stored.contains_key(name) || !known {
            continue;
        }
        let inputs = context.inputs(name, stored)?;
        // An input that came from the cache may lead to a result that the store has.
        let record = match context.store.result(&inputs.key(), context.reporter) {
            Some(record) if context.is_sound(&record)? => Some(record),
            _ => from_cache(context, name, &inputs)?,
        };
        if let Some(record) = record {
            stored.insert(name.clone(), Arc::new(Done { record, fresh: false }));
        }
    }
    Ok(())
}

/// One component's result from the cache, put into the store.
fn from_cache(
    context: &Context<'_>,
    name: &ComponentName,
    inputs: &KeyInputs,
) -> Result<Option<ComponentRecord>, BuildError> {
    let released = context.graph.recipe(name).released.epoch();
    let found = context.cache.result(inputs, released, &context.store, context.reporter)?;
    if let Some((record, from)) = &found {
        context.set_sound(record);
        context.report(name, Progress::Cached { from: from.clone() });
    }
    Ok(found.map(|(record, _)| record))
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
        if context.has_root(name) && closure.iter().all(|need| stored.contains_key(*need)) {
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
    context.machine.runner.ready()?;
    for name in open {
        context.check_tools(name)?;
    }
    context.fetch(open)?;
    // Any root has what filling the compiler's cache takes.
    let root = context.root(first);
    let (runner, arch) = (context.machine.runner, context.settings.arch);
    context.toolchain.prepare(&context.store, root, arch, runner, context.reporter)
}

/// What all components of one build share.
struct Site<'a, 'c> {
    context: &'a Context<'c>,
    toolchain: &'a Toolchain,
    recorder: &'a Recorder<'a>,
    /// Folders that may be removed.
    sweep: mpsc::Sender<PathBuf>,
}

/// One component: from the store, or built.
fn component(
    site: &Site<'_, '_>,
    name: &ComponentName,
    needs: &Results,
    jobs: Jobs<'_>,
) -> Result<Arc<Done>, FailureCause> {
    let Site { context, toolchain, recorder, sweep } = site;
    let inputs = context.inputs(name, needs)?;
    if let Some(record) = context.store.result(&inputs.key(), context.reporter)
        && context.is_sound(&record)?
    {
        context.store.touch_result(&record);
        context.tell(*recorder, name, Progress::Stored);
        return Ok(Arc::new(Done { record, fresh: false }));
    }
    if let Some(record) = from_cache(context, name, &inputs)? {
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
        jobs,
        own_paths: context.settings.own_paths(),
        conditions: &context.conditions,
    };
    let result = build.run(&context.store, context.machine.runner, *recorder);
    context.tell(*recorder, name, if result.is_ok() { Progress::Finished } else { Progress::Failed });
    let record = result?;
    context.set_sound(&record);
    // The sweeper listens for as long as anything is built.
    let _ = sweep.send(context.store.layout().work().join(name.as_str()));
    Ok(Arc::new(Done { record, fresh: true }))
}

#[cfg(test)]
mod tests;
