//! A shell where a build stopped: in the same sandbox, on the same files.

use std::fs;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use medic_model::ComponentName;
use medic_sys::files::Lock;

use super::context::Context;
use super::{Machine, build_components_on, make_ready, stored};
use crate::component::{Build, Stopped};
use crate::definitions::Definitions;
use crate::error::{BuildError, ComponentFailure, FailureCause, Failures};
use crate::graph::Graph;
use crate::report::Reporter;
use crate::sandbox::{self, Ending, Runner, SandboxPlan, Terminal};
use crate::schedule::Jobs;
use crate::settings::Settings;
use crate::store::{Store, StoreError, make_folder, remove_all};

/// Longer than anybody stays.
const FOR_EVER: Duration = Duration::from_secs(366 * 24 * 3600);
/// What a shell with a line editor is called, where the build root has it.
const BASH: [&str; 2] = ["usr/bin/bash", "bin/bash"];

/// A sandbox at a step of a component, for a person to look around in. Its files are its own: no builder touches them, and
/// the store is free for others. Close it with [`Shell::close`].
#[derive(Debug)]
pub struct Shell {
    /// The step, and its sandbox.
    pub stopped: Stopped,
    /// Where its files are on this machine; `/build` is the folder `build` in it.
    pub folder: PathBuf,
    /// The component's work folder, which the files came from and go back to; none: they were made for this shell.
    work: Option<PathBuf>,
    lock: PathBuf,
    command_line: String,
}

/// Opens a shell at the step of `component` that failed in the last build; or, when none did or another `step` is asked for,
/// before that step, or before the recipe's first: what it needs is built, and the steps before it are run. A step among
/// those that fails is where the shell is, then.
///
/// # Errors
/// As [`super::build_components`]; the component has no such step.
pub fn open_shell(
    settings: &Settings,
    component: &ComponentName,
    step: Option<&str>,
    reporter: &dyn Reporter,
) -> Result<Shell, BuildError> {
    open_shell_on(&Machine::own(&*sandbox::runner(settings)), settings, component, step, reporter)
}

pub(crate) fn open_shell_on(
    machine: &Machine<'_>,
    settings: &Settings,
    component: &ComponentName,
    step: Option<&str>,
    reporter: &dyn Reporter,
) -> Result<Shell, BuildError> {
    // Names are checked before anything is waited for.
    let definitions = Definitions::new(&settings.workspace);
    let recipes = definitions.recipes([component.clone()])?;
    let shell = |stopped, folder, work, store: &Store| Shell {
        stopped,
        folder,
        work,
        lock: store.layout().lock(),
        command_line: settings.command_line.clone(),
    };
    {
        let store =
            Store::open_keeping(&settings.store, &settings.command_line, reporter, &work_of(component))?;
        let work = store.layout().work().join(component.as_str());
        let failed =
            Stopped::read(&work, reporter).filter(|stopped| step.is_none_or(|step| step == stopped.step));
        if let Some(stopped) = failed {
            machine.runner.ready()?;
            let folder = store.shell_folder(component.as_str())?;
            remove_all(&folder)?;
            fs::rename(&work, &folder).map_err(StoreError::from_io("move", &work))?;
            let stopped = moved(stopped, &work, &folder, &store)?;
            return Ok(shell(stopped, folder, Some(work), &store));
        }
    }
    let needs = &recipes[component].needs;
    if !needs.is_empty() {
        build_components_on(machine, settings, needs, reporter)?;
    }
    let context = Context::new(machine, settings, Graph::new(recipes)?, reporter)?;
    let folder = context.store.shell_folder(component.as_str())?;
    let result = prepare(&context, component, step, &folder);
    if result.is_err() {
        remove_all(&folder)?;
    }
    Ok(shell(result?, folder, None, &context.store))
}

/// What of `work/` a shell goes on with.
fn work_of(component: &ComponentName) -> [&str; 2] {
    [component.as_str(), "toolchain-bin"]
}

/// Builds the component in `folder` up to a step.
fn prepare(
    context: &Context<'_>,
    component: &ComponentName,
    step: Option<&str>,
    folder: &Path,
) -> Result<Stopped, BuildError> {
    let results = stored(context)?;
    let closure = context.graph.closure(component);
    if let Some(gone) = closure.iter().find(|need| !results.contains_key(**need)) {
        return Err(BuildError::Environment {
            what: format!("preparing a shell for {component}"),
            message: format!("another builder removed the result of {gone} just now: run it again"),
        });
    }
    let toolchain = make_ready(context, &[component], component)?;
    let inputs = context.inputs(component, &results)?;
    let tree = |need: &ComponentName| context.store.layout().tree(&results[need].record.tree);
    let build = Build {
        recipe: context.graph.recipe(component),
        folder: context.definitions.recipe_folder(component),
        sources: &context.sources[component],
        test: inputs.test.is_some(),
        inputs,
        needs: closure.into_iter().map(|need| (need, tree(need))).collect(),
        root: context.root(component),
        toolchain: &toolchain,
        jobs: Jobs(&|| context.settings.jobs),
        conditions: &context.conditions,
        own_paths: context.settings.own_paths(),
    };
    let stopped = build.run_until(step, folder, &context.store, context.machine.runner, context.reporter);
    let stopped = stopped.map_err(|cause| match cause {
        FailureCause::Other(error) => *error,
        cause => BuildError::Components(Failures {
            failed: vec![ComponentFailure { component: component.clone(), cause }],
            skipped: Vec::new(),
            not_begun: Vec::new(),
        }),
    })?;
    moved(stopped, folder, folder, &context.store)
}

/// The same step with its files elsewhere. What else of `work/` it sees comes along, as a copy.
fn moved(mut stopped: Stopped, from: &Path, to: &Path, store: &Store) -> Result<Stopped, BuildError> {
    let work = store.layout().work();
    for (index, mount) in stopped.plan.mounts.iter_mut().enumerate() {
        if let Ok(below) = mount.host.strip_prefix(from) {
            mount.host = to.join(below);
        } else if mount.host.starts_with(&work) {
            let copy = to.join(format!("input-{index}"));
            remove_all(&copy)?;
            copy_all(&mount.host, &copy)?;
            mount.host = copy;
        }
    }
    Ok(stopped)
}

/// Copies a folder of files and links.
fn copy_all(from: &Path, to: &Path) -> Result<(), StoreError> {
    make_folder(to)?;
    for entry in fs::read_dir(from).map_err(StoreError::from_io("read the folder", from))? {
        let entry = entry.map_err(StoreError::from_io("read the folder", from))?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(StoreError::from_io("read", &from))?;
        if kind.is_dir() {
            copy_all(&from, &to)?;
        } else if kind.is_symlink() {
            let target = fs::read_link(&from).map_err(StoreError::from_io("read", &from))?;
            std::os::unix::fs::symlink(target, &to).map_err(StoreError::from_io("make the link", &to))?;
        } else {
            fs::copy(&from, &to).map_err(StoreError::from_io("write", &to))?;
        }
    }
    Ok(())
}

impl Shell {
    /// Runs a shell with the caller's terminal. The environment is the step's, and `TERM`, which says what the terminal can.
    ///
    /// # Errors
    /// The sandbox cannot be made.
    pub fn interact(
        &self,
        runner: &dyn Runner,
        terminal: &Terminal<'_>,
        term: Option<&str>,
    ) -> Result<Ending, BuildError> {
        let bash = BASH.iter().find(|path| self.stopped.plan.root.tree.join(path).is_file());
        let mut arguments = match bash {
            Some(bash) => vec![format!("/{bash}"), "--noprofile".to_owned(), "--norc".to_owned()],
            None => vec!["/bin/sh".to_owned()],
        };
        arguments.push("-i".to_owned());
        let mut plan = self.plan(arguments);
        plan.environment.extend(term.map(|term| ("TERM".to_owned(), term.to_owned())));
        runner.interact(&plan, terminal)
    }

    /// Runs a program, with nothing on its standard input; what it writes goes to `output`.
    ///
    /// # Errors
    /// The sandbox cannot be made.
    pub fn run(&self, runner: &dyn Runner, command: &[String], output: &File) -> Result<Ending, BuildError> {
        runner.run(&self.plan(command.to_vec()), output)
    }

    /// What runs the step again, to be typed in the shell; none where what failed is no step.
    pub fn again(&self) -> Option<String> {
        let words = self.stopped.command.iter().map(|word| if word == "/bin/sh" { "sh" } else { word });
        Some(words.collect::<Vec<_>>().join(" ")).filter(|line| !line.is_empty())
    }

    fn plan(&self, arguments: Vec<String>) -> SandboxPlan {
        let mut plan = SandboxPlan { arguments, ..self.stopped.plan.clone() };
        plan.limits.time = FOR_EVER;
        plan
    }

    /// Ends it: the files of a step that failed go back to where the next shell finds them, unless another builder has begun
    /// since; then, or when they were made for this shell, they are removed.
    ///
    /// # Errors
    /// The disk.
    pub fn close(self) -> Result<(), BuildError> {
        if let Some(work) = &self.work {
            // While it is held no builder can begin there.
            let lock = Lock::try_take(&self.lock, &self.command_line).map_err(StoreError::from)?;
            if lock.is_ok() && !work.exists() && fs::rename(&self.folder, work).is_ok() {
                return Ok(());
            }
        }
        Ok(remove_all(&self.folder)?)
    }
}
