//! Building one component: its sources unpacked, its steps run in sandboxes, its tree checked and put into the store.

mod failure;
mod output;
mod plan;
mod sources;

use std::path::PathBuf;
use std::time::Instant;

use medic_model::recipe::Recipe;
use medic_model::{ComponentName, Sha256};

use crate::error::{BuildError, FailureCause};
use crate::key::KeyInputs;
use crate::log::Log;
use crate::report::{Event, Progress, Reporter};
use crate::root::Root;
use crate::sandbox::{Conditions, Runner};
use crate::store::{ComponentRecord, FORMAT, Store, StoreError, make_folder};
use crate::toolchain::Toolchain;

pub use sources::{ResolvedSource, file_name, resolve};

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
    /// What the steps can find out and must not let into the result.
    pub conditions: &'a Conditions,
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
        log.heading(&format!("{} {} ({})", self.recipe.name, self.recipe.version, runner.isolation()))?;
        let steps = plan::steps(&self);
        for (index, step) in steps.iter().enumerate() {
            let (number, of, name) = (index + 1, steps.len(), step.name.clone());
            self.report(reporter, Progress::Step { number, of, name });
            self.run_step(&bench, number, step, runner, &mut log)?;
        }
        let staged = output::collect(&bench.out, self.recipe)
            .map_err(|error| failure::of_output(error, log.path(), &bench.work))?;
        self.keep(store, key, &staged, start)
    }

    fn keep(
        self,
        store: &Store,
        key: Sha256,
        staged: &output::Staged,
        start: Instant,
    ) -> Result<ComponentRecord, FailureCause> {
        let record = ComponentRecord {
            format: FORMAT,
            key,
            inputs: self.inputs,
            tree: staged.digest.sha256,
            size: staged.digest.size,
            milliseconds: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
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

    fn run_step(
        &self,
        bench: &Bench,
        number: usize,
        step: &plan::Step,
        runner: &dyn Runner,
        log: &mut Log,
    ) -> Result<(), FailureCause> {
        let script = bench.steps.join(step.file_name(number));
        std::fs::write(&script, &step.script).map_err(StoreError::from_io("write", &script))?;
        log.heading(&step.name)?;
        if step.first_of_recipe {
            sources::settle(&bench.source, self.recipe.released.epoch())?;
        }
        let ending = runner.run(&plan::sandbox(self, bench, number, step), log.file())?;
        if ending.is_success() {
            return Ok(());
        }
        Err(failure::of_step(&step.name, ending, log.path(), &bench.work))
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
