//! What every building command starts from: the environment read, the settings made, a screen to show progress on.

use std::num::NonZero;
use std::path::Path;
use std::time::SystemTime;

use medic_build::cache::{SigningKey, trusted_keys};
use medic_build::definitions::Definitions;
use medic_build::fetch::{self, Access, Mirror};
use medic_build::reproduce::{self, ReproducePlan, Reproduced, Scratch};
use medic_build::sandbox::{self, Runner, RunnerKind};
use medic_build::store::InUse;
use medic_build::store::verify::Verified;
use medic_build::{
    BuildError, BuiltComponent, BuiltPackage, CacheSettings, Fetched, Pushed, Rebuild, Settings, Shell,
    Survey, Vendored, build_components, build_packages, discard_damaged, fetch_sources, open_shell, push,
    scaffold, survey, upkeep, vendor, verify_store, why_rebuild,
};
use medic_image::Compression;
use medic_image::docker::Endpoint;
use medic_model::golden::GoldenEntry;
use medic_model::image::ImageDefinition;
use medic_model::{Arch, ComponentName, ImageName, PackageName, Version};

use crate::arguments::BuildOptions;
use crate::environment::{Environment, EnvironmentError};
use crate::failure::Failure;
use crate::git::Revision;
use crate::machine;
use crate::progress::{BuildProgress, Screen, screen};

/// Where apt keeps the addresses of the machine's Debian mirrors.
const APT: &str = "/etc/apt";

/// What a building command starts from.
pub struct Context {
    /// What the environment says.
    pub environment: Environment,
    /// What is built for.
    pub arch: Arch,
    /// How much may be done at once.
    pub jobs: NonZero<u32>,
    /// Whether images must be as their locks say.
    pub locked: bool,
    /// How layers are compressed.
    pub compression: Compression,
    /// Where progress is shown.
    pub screen: Box<dyn Screen>,
    settings: Settings,
}

impl Context {
    /// Reads the environment and makes the settings.
    pub fn new(options: &BuildOptions) -> Result<Self, Failure> {
        let environment = Environment::read()?;
        let arch = options.arch.or_else(Arch::host).ok_or_else(|| {
            Failure::Usage(
                "this machine is neither x64 nor arm64: say what to build for with --arch".to_owned(),
            )
        })?;
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let jobs = options.jobs.map_or(processors, usize::from).max(1);
        let settings = Settings {
            workspace: environment.workspace.clone(),
            store: environment.store.clone(),
            arch,
            jobs,
            memory: options.memory.map_or_else(machine::available_memory, |memory| memory.0),
            keep_going: options.keep_going,
            offline: options.offline,
            access: access(&environment, options.offline)?,
            revision: None,
            runner: options.runner,
            docker_host: docker_host(&environment, options.runner)?,
            cache: cache(&environment)?,
            command_line: command_line(),
            cancel: crate::interrupt::cancel(),
            started: SystemTime::now(),
        };
        let jobs = u32::try_from(jobs).ok().and_then(NonZero::new).unwrap_or(NonZero::<u32>::MIN);
        Ok(Self {
            screen: screen(environment.no_color),
            locked: environment.ci,
            compression: Compression::Gzip,
            environment,
            arch,
            jobs,
            settings,
        })
    }

    /// What builds are told.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// An image's definition.
    pub fn image(&self, name: &ImageName) -> Result<ImageDefinition, Failure> {
        Ok(Definitions::new(&self.environment.workspace).image(name).map_err(BuildError::from)?)
    }

    /// Builds packages, or finds them in the store.
    pub fn packages(&self, names: &[PackageName]) -> Result<Vec<BuiltPackage>, Failure> {
        let revision = Revision::of(&self.environment.workspace).commit;
        let settings = Settings { revision, ..self.settings.clone() };
        Ok(build_packages(&settings, names, &BuildProgress::new(&*self.screen))?)
    }

    /// Builds components and all that they need, or finds them in the store.
    pub fn components(&self, names: &[ComponentName]) -> Result<Vec<BuiltComponent>, Failure> {
        Ok(build_components(&self.settings, names, &BuildProgress::new(&*self.screen))?)
    }

    /// Looks for newer versions of components.
    pub fn outdated(&self, names: &[ComponentName]) -> Result<Vec<upkeep::Lookup>, Failure> {
        Ok(upkeep::outdated(&self.settings, names, &BuildProgress::new(&*self.screen))?)
    }

    /// Works out what a recipe says for another version.
    pub fn bump(&self, name: &ComponentName, to: &Version) -> Result<upkeep::Bump, Failure> {
        Ok(upkeep::bump(&self.settings, name, to, &BuildProgress::new(&*self.screen))?)
    }

    /// Works out a first recipe for a component.
    pub fn draft(&self, name: &ComponentName, source: &str) -> Result<scaffold::Draft, Failure> {
        Ok(scaffold::draft(&self.settings, name, source, &BuildProgress::new(&*self.screen))?)
    }

    /// What the next build would do with components and all that they need, and why.
    pub fn why_rebuild(&self, names: &[ComponentName]) -> Result<Vec<Rebuild>, Failure> {
        Ok(why_rebuild(&self.settings, names, &BuildProgress::new(&*self.screen))?)
    }

    /// Fetches the sources of components and of all that they need; of all recipes when there are none.
    pub fn fetch(&self, names: &[ComponentName]) -> Result<Vec<Fetched>, Failure> {
        Ok(fetch_sources(&self.settings, names, &BuildProgress::new(&*self.screen))?)
    }

    /// Copies them to a folder as well.
    pub fn vendor(&self, names: &[ComponentName], folder: &Path) -> Result<Vec<Vendored>, Failure> {
        Ok(vendor(&self.settings, names, folder, &BuildProgress::new(&*self.screen))?)
    }

    /// Opens a sandbox at a step of a component; with what runs programs in it.
    pub fn shell(
        &self,
        component: &ComponentName,
        step: Option<&str>,
    ) -> Result<(Shell, Box<dyn Runner>), Failure> {
        let shell = open_shell(&self.settings, component, step, &BuildProgress::new(&*self.screen))?;
        Ok((shell, sandbox::runner(&self.settings)))
    }

    /// Keeps everything in the store for as long as the value lives, what was built before included.
    pub fn use_store(&self) -> Result<InUse, Failure> {
        let taken = InUse::take(&self.environment.store, &BuildProgress::new(&*self.screen));
        Ok(taken.map_err(BuildError::from)?)
    }

    /// Removes those of the packages whose archives are damaged; says whether there were any.
    pub fn discard_damaged(&self, packages: &[BuiltPackage]) -> Result<bool, Failure> {
        let archives = packages.iter().map(|package| (package.archive.as_path(), &package.sha256));
        Ok(discard_damaged(&self.settings, archives, &BuildProgress::new(&*self.screen))?)
    }

    /// What the store holds.
    pub fn survey(&self) -> Result<Survey, Failure> {
        Ok(survey(&self.settings, &BuildProgress::new(&*self.screen))?)
    }

    /// Compares what the builder keeps in the store with its digests.
    pub fn verify_store(&self) -> Result<Verified, Failure> {
        Ok(verify_store(&self.settings, &BuildProgress::new(&*self.screen))?)
    }

    /// Puts results into a cache.
    pub fn push(
        &self,
        names: &[ComponentName],
        folder: &Path,
        signer: &SigningKey,
    ) -> Result<Vec<Pushed>, Failure> {
        Ok(push(&self.settings, names, folder, signer, &BuildProgress::new(&*self.screen))?)
    }

    /// Under which conditions a second build would be made in `scratch`; by the same runner, unless another is named.
    pub fn reproduce_plan(
        &self,
        runner: Option<RunnerKind>,
        scratch: &Scratch,
    ) -> Result<ReproducePlan, Failure> {
        Ok(reproduce::plan(&self.settings, runner.unwrap_or(self.settings.runner), scratch)?)
    }

    /// Builds packages twice and compares.
    pub fn reproduce(
        &self,
        plan: &ReproducePlan,
        scratch: &Scratch,
        names: &[PackageName],
    ) -> Result<Reproduced, Failure> {
        Ok(reproduce::reproduce(plan, scratch, names, &BuildProgress::new(&*self.screen))?)
    }

    /// What packages are now, for the record of golden digests.
    pub fn golden(&self, names: &[PackageName]) -> Result<Vec<(PackageName, GoldenEntry)>, Failure> {
        Ok(medic_build::golden_entries(&self.settings, names, &BuildProgress::new(&*self.screen))?)
    }

    /// A path as people like to read it: relative to the folder they are in where it is below it.
    pub fn shown(&self, path: &Path) -> String {
        let here = std::env::current_dir().unwrap_or_default();
        path.strip_prefix(&here).unwrap_or(path).display().to_string()
    }
}

/// The daemon that build steps are run by, if one is to: only then must what says where it is be sound.
fn docker_host(environment: &Environment, runner: RunnerKind) -> Result<Option<String>, Failure> {
    match runner {
        RunnerKind::Docker => Ok(Some(Endpoint::choose(&environment.docker)?.host)),
        RunnerKind::Bubblewrap => Ok(environment.docker.host.clone()),
    }
}

fn cache(environment: &Environment) -> Result<Option<CacheSettings>, Failure> {
    let Some(place) = &environment.cache else { return Ok(None) };
    Ok(CacheSettings::new(place, trusted_keys(&environment.cache_keys)?))
}

fn access(environment: &Environment, offline: bool) -> Result<Access, EnvironmentError> {
    let debian = if environment.debian_mirrors.is_empty() {
        fetch::apt::mirrors(Path::new(APT)).map_err(EnvironmentError::Apt)?
    } else {
        environment.debian_mirrors.clone()
    };
    Ok(Access {
        workspace: environment.workspace.clone(),
        mirrors: Mirror::parse_list(&environment.mirrors),
        debian,
        cargo_home: environment.cargo_home.clone(),
        proxy: fetch::Proxy::System,
        programs: fetch::Programs::default(),
        offline,
        user_agent: concat!("medic-os/", env!("CARGO_PKG_VERSION")).to_owned(),
    })
}

/// `cargo xtask build-image nginx`: this program as its user called it, for another builder that waits for it.
fn command_line() -> String {
    let arguments = std::env::args().skip(1);
    ["cargo xtask".to_owned()].into_iter().chain(arguments).collect::<Vec<_>>().join(" ")
}
