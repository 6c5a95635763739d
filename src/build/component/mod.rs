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

use crate::checks::{self, ChecksFailed, Kept, Subject};
use crate::error::{BuildError, FailureCause};
use crate::key::KeyInputs;
use crate::log::Log;
use crate::report::{Event, Progress, Reporter};
use crate::root::Root;
use crate::sandbox::{Conditions, Runner, SandboxPlan};
use crate::schedule::Jobs;
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
    pub jobs: Jobs<'a>,
    /// What the steps can find out and must not let into the result.
    pub conditions: &'a Conditions,
    /// Whether the test is run.
    pub test: bool,
    /// Folders of this machine that may not be found in the result.
    pub own_paths: Vec<String>,
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
        self.report(reporter, Progress::Started { log: log.path().to_owned(), key });
        log.begin(self.recipe, self.inputs.arch, &runner.isolation())?;
        let result = self.build(store, runner, reporter, &mut log, start);
        // The log says how it ended as well; when that cannot be written, the reason is told already, or soon.
        drop(log.end(result.as_ref().err(), start.elapsed()));
        result
    }

    fn build(
        self,
        store: &Store,
        runner: &dyn Runner,
        reporter: &dyn Reporter,
        log: &mut Log,
        start: Instant,
    ) -> Result<ComponentRecord, FailureCause> {
        let key = self.inputs.key();
        let bench = Bench::new(store.work_folder(self.recipe.name.as_str())?);
        self.prepare(&bench, store)?;
        let steps = plan::steps(&self);
        for (index, step) in steps.iter().enumerate() {
            let sandbox = self.begin_step(&bench, (index + 1, steps.len()), step, reporter, log)?;
            if let Err(failed) = self.run_step(step, &sandbox, &bench, runner, log) {
                // The failure itself is what matters.
                let _ = Stopped::new(&self, step, true, sandbox).keep(store, &bench.work);
                return Err(failed);
            }
        }
        self.report(reporter, Progress::Collecting);
        let collected = self.check(&bench, log).and_then(|()| {
            output::collect(&bench.out, self.recipe)
                .map_err(|error| failure::of_output(&self.recipe.name, error, log.path(), &bench.work))
        });
        if let (Err(_), Some(last)) = (&collected, steps.last()) {
            let at = plan::Step { name: failure::CHECK.to_owned(), ..last.clone() };
            let sandbox = plan::sandbox(&self, &bench, steps.len(), &at, self.jobs.share());
            let mut stopped = Stopped::new(&self, &at, true, sandbox);
            stopped.command.clear();
            let _ = stopped.keep(store, &bench.work);
        }
        self.keep(store, key, &collected?, start, runner.isolation())
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
        self.report(reporter, Progress::Started { log: log.path().to_owned(), key: self.inputs.key() });
        self.prepare(&bench, store)?;
        for (index, step) in steps.iter().enumerate() {
            let sandbox = self.begin_step(&bench, (index + 1, steps.len()), step, reporter, &mut log)?;
            if index == last {
                self.report(reporter, Progress::Prepared { step: step.name.clone() });
                return Ok(Stopped::new(self, step, false, sandbox));
            }
            match self.run_step(step, &sandbox, &bench, runner, &log) {
                Ok(()) => {}
                Err(FailureCause::Step(_)) => {
                    self.report(reporter, Progress::Failed);
                    return Ok(Stopped::new(self, step, true, sandbox));
                }
                Err(other) => return Err(other),
            }
        }
        unreachable!("the last step is one of the steps")
    }

    /// Whatever is wrong with what the steps made, all of it at once.
    fn check(&self, bench: &Bench, log: &Log) -> Result<(), FailureCause> {
        let subject = Subject {
            recipe: self.recipe,
            arch: self.inputs.arch,
            needs: self.needs.iter().map(|(_, tree)| tree.clone()).collect(),
            own: self.own_paths.clone(),
        };
        let findings = checks::after_steps(&bench.out, &output::home(&self.recipe.name), &subject)
            .map_err(StoreError::from_io("read", &bench.out))?;
        let document = format!("recipes/{}/recipe.yaml", self.recipe.name);
        match ChecksFailed::of(vec![(document, findings)]) {
            None => Ok(()),
            Some(failed) => {
                let kept = Kept { log: log.path().to_owned(), work: bench.work.clone() };
                Err(FailureCause::Checks(Box::new(ChecksFailed { kept: Some(kept), ..failed })))
            }
        }
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

    /// Lays everything out as the step finds it; the sandbox that it is to run in. `place` is its number, and how many there are.
    fn begin_step(
        &self,
        bench: &Bench,
        place: (usize, usize),
        step: &plan::Step,
        reporter: &dyn Reporter,
        log: &mut Log,
    ) -> Result<SandboxPlan, StoreError> {
        let ((number, of), name, jobs) = (place, step.name.clone(), self.jobs.share());
        self.report(reporter, Progress::Step { number, of, name, jobs });
        let script = bench.steps.join(step.file_name(number));
        std::fs::write(&script, &step.script).map_err(StoreError::from_io("write", &script))?;
        log.heading(&step.name)?;
        if step.first_of_recipe {
            sources::settle(&bench.source, self.recipe.released.epoch())?;
        }
        Ok(plan::sandbox(self, bench, number, step, jobs))
    }

    fn run_step(
        &self,
        step: &plan::Step,
        sandbox: &SandboxPlan,
        bench: &Bench,
        runner: &dyn Runner,
        log: &Log,
    ) -> Result<(), FailureCause> {
        let ending = runner.run(sandbox, log.file())?;
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
