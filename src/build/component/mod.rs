//! Building one component: its sources unpacked, its steps run in sandboxes, its tree checked and put into the store.

mod failure;
mod output;
mod plan;
mod sources;
mod stopped;

use std::path::{Path, PathBuf};
use std::time::Instant;

use medic_model::recipe::Recipe;
use medic_model::{ComponentName, Sha256};

use crate::error::{BuildError, FailureCause};
use crate::key::KeyInputs;
use crate::log::Log;
use crate::report::{Event, Progress, Reporter};
use crate::root::Root;
use crate::sandbox::Runner;
use crate::store::{ComponentRecord, FORMAT, Store, StoreError, make_folder};
use crate::toolchain::Toolchain;

pub use sources::{ResolvedSource, file_name, resolve};
pub use stopped::Stopped;

/// Everything that building a component takes.
#[derive(Debug)]
pub struct Build<'a> {
    /// What is built.
    pub recipe: &'a Recipe,
    /// The recipe's folder, with patches and files.
    pub folder: PathBuf,
    /// Its sources, all of them in the store or the workspace.
    pub sources: &'a [ResolvedSource],
    /// What its action key is made of.
    pub inputs: KeyInputs,
    /// What it needs, directly and indirectly, with their trees.
    pub needs: Vec<(&'a ComponentName, PathBuf)>,
    /// Its build root.
    pub root: &'a Root,
    /// The compiler.
    pub toolchain: &'a Toolchain,
    /// How many programs a step may run at once.
    pub jobs: usize,
    /// Whether the test is run.
    pub test: bool,
}

/// The places of a build in the store's `work/`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Bench {
    /// All of it.
    work: PathBuf,
    /// `/build`
    build: PathBuf,
    /// `/build/src`
    source: PathBuf,
    /// `/build/out`
    out: PathBuf,
    /// `/build/files`, as mounted.
    files: PathBuf,
    /// `/patches`
    patches: PathBuf,
    /// `/steps`
    steps: PathBuf,
    /// `/sysroot`
    sysroot: PathBuf,
}

impl Bench {
    fn new(work: PathBuf) -> Self {
        let build = work.join("build");
        Self {
            source: build.join("src"),
            out: build.join("out"),
            build,
            files: work.join("files"),
            patches: work.join("patches"),
            steps: work.join("steps"),
            sysroot: work.join("sysroot"),
            work,
        }
    }
}

impl Build<'_> {
    /// Builds it and puts the result into the store. Its work folder is left to the caller, to be removed.
    ///
    /// # Errors
    /// A step failed; the result cannot be packed; the disk. The work folder is then worth a look.
    pub fn run(
        self,
        store: &Store,
        runner: &dyn Runner,
        reporter: &dyn Reporter,
    ) -> Result<ComponentRecord, FailureCause> {
        let start = Instant::now();
        let key = self.inputs.key();
        let mut log = Log::create(&store.layout().log(&self.recipe.name, &key))?;
        self.report(reporter, Progress::Started { log: log.path().to_owned() });
        let bench = Bench::new(store.work_folder(self.recipe.name.as_str())?);
        self.prepare(&bench, store)?;
        let isolation = runner.isolation();
        log.heading(&format!("{} {} ({isolation})", self.recipe.name, self.recipe.version))?;
        let steps = plan::steps(&self);
        for (index, step) in steps.iter().enumerate() {
            let (number, of, name) = (index + 1, steps.len(), step.name.clone());
            self.report(reporter, Progress::Step { number, of, name });
            self.begin_step(&bench, number, step, &mut log)?;
            if let Err(failed) = self.run_step(&bench, number, step, runner, &log) {
                // The failure itself is what matters.
                let _ = self.stopped(&bench, number, step, true).keep(store, &bench.work);
                return Err(failed);
            }
        }
        let staged = output::collect(&bench.out, self.recipe).map_err(|error| {
            if let Some(last) = steps.last() {
                let at = plan::Step { name: failure::CHECK.to_owned(), ..last.clone() };
                let mut stopped = self.stopped(&bench, steps.len(), &at, true);
                stopped.command.clear();
                let _ = stopped.keep(store, &bench.work);
            }
            failure::of_output(&self.recipe.name, error, log.path(), &bench.work)
        })?;
        self.keep(store, key, &staged, start, isolation)
    }

    /// Builds it in `folder` as far as the step named `until`, or else the recipe's first, which is prepared and not run; a
    /// step before it that fails is where it stops, then.
    ///
    /// # Errors
    /// There is no such step; the sources; the disk.
    pub fn run_until(
        &self,
        until: Option<&str>,
        folder: &Path,
        store: &Store,
        runner: &dyn Runner,
        reporter: &dyn Reporter,
    ) -> Result<Stopped, FailureCause> {
        let steps = plan::steps(self);
        let is_last = |step: &plan::Step| until.map_or(step.first_of_recipe, |name| name == step.name);
        let Some(last) = steps.iter().position(is_last) else {
            return Err(FailureCause::from(BuildError::NoStep {
                component: self.recipe.name.clone(),
                step: until.unwrap_or_default().to_owned(),
                known: steps.into_iter().map(|step| step.name).collect(),
            }));
        };
        let bench = Bench::new(folder.to_owned());
        let mut log = Log::create(&folder.join("log"))?;
        self.report(reporter, Progress::Started { log: log.path().to_owned() });
        self.prepare(&bench, store)?;
        for (index, step) in steps.iter().take(last + 1).enumerate() {
            let (number, of, name) = (index + 1, steps.len(), step.name.clone());
            self.report(reporter, Progress::Step { number, of, name });
            self.begin_step(&bench, number, step, &mut log)?;
            if index == last {
                break;
            }
            match self.run_step(&bench, number, step, runner, &log) {
                Ok(()) => {}
                Err(FailureCause::Step(_)) => {
                    self.report(reporter, Progress::Failed);
                    return Ok(self.stopped(&bench, number, step, true));
                }
                Err(other) => return Err(other),
            }
        }
        self.report(reporter, Progress::Prepared { step: steps[last].name.clone() });
        Ok(self.stopped(&bench, last + 1, &steps[last], false))
    }

    fn stopped(&self, bench: &Bench, number: usize, step: &plan::Step, failed: bool) -> Stopped {
        Stopped::new(self, step, failed, plan::sandbox(self, bench, number, step))
    }

    fn keep(
        self,
        store: &Store,
        key: Sha256,
        staged: &output::Staged,
        start: Instant,
        isolation: String,
    ) -> Result<ComponentRecord, FailureCause> {
        let record = ComponentRecord {
            format: FORMAT,
            key,
            inputs: self.inputs,
            tree: staged.digest.sha256,
            size: staged.digest.size,
            milliseconds: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
            isolation: Some(isolation),
        };
        store.keep_result(&record, &staged.folder)?;
        Ok(record)
    }

    fn prepare(&self, bench: &Bench, store: &Store) -> Result<(), BuildError> {
        let mount_point = bench.build.join("files");
        for folder in [&bench.source, &bench.out, &bench.files, &bench.patches, &bench.steps, &mount_point] {
            make_folder(folder)?;
        }
        for (need, _) in &self.needs {
            make_folder(&bench.sysroot.join(need.as_str()))?;
        }
        make_folder(&bench.sysroot)?;
        sources::lay(self, bench, store)?;
        self.toolchain.lay_cache(&bench.build)?;
        let copies = [(&self.recipe.patches, &bench.patches), (&self.recipe.files, &bench.files)];
        for (paths, to) in copies {
            for path in paths {
                let (from, to) = (self.folder.join(path), to.join(path));
                make_folder(to.parent().unwrap_or(&to))?;
                std::fs::copy(&from, &to).map_err(StoreError::from_io("copy", &from))?;
            }
        }
        Ok(())
    }

    /// Lays everything out as the step finds it.
    fn begin_step(
        &self,
        bench: &Bench,
        number: usize,
        step: &plan::Step,
        log: &mut Log,
    ) -> Result<(), StoreError> {
        let script = bench.steps.join(step.file_name(number));
        std::fs::write(&script, &step.script).map_err(StoreError::from_io("write", &script))?;
        log.heading(&step.name)?;
        if step.first_of_recipe {
            sources::settle(&bench.source, self.recipe.released.epoch())?;
        }
        Ok(())
    }

    fn run_step(
        &self,
        bench: &Bench,
        number: usize,
        step: &plan::Step,
        runner: &dyn Runner,
        log: &Log,
    ) -> Result<(), FailureCause> {
        let ending = runner.run(&plan::sandbox(self, bench, number, step), log.file())?;
        if ending.is_success() {
            return Ok(());
        }
        Err(failure::of_step(&self.recipe.name, &step.name, ending, log.path(), &bench.work))
    }

    fn report(&self, reporter: &dyn Reporter, progress: Progress) {
        let (name, version) = (self.recipe.name.clone(), self.recipe.version.clone());
        reporter.report(Event::Component { name, version, progress });
    }
}

impl From<StoreError> for FailureCause {
    fn from(error: StoreError) -> Self {
        BuildError::from(error).into()
    }
}

impl From<BuildError> for FailureCause {
    fn from(error: BuildError) -> Self {
        Self::Other(Box::new(error))
    }
}
