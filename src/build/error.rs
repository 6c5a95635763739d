//! Why a build failed, and of which kind the failure is.

use std::fmt;
use std::path::{Path, PathBuf};

use medic_archive::upstream::UnpackError;
use medic_model::ComponentName;

use crate::attest::AttestError;
use crate::checks::ChecksFailed;
use crate::definitions::DefinitionError;
use crate::fetch::FetchError;
use crate::fetch::cargo_lock::DirectorySourceError;
use crate::fetch::workspace::WorkspaceError;
use crate::loaded::LoadError;
use crate::package::PackageError;
use crate::store::{StoreError, is_full, is_full_beneath};

/// Why a build failed.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A recipe, package or image is wrong, or does not exist.
    #[error(transparent)]
    Definition(Box<DefinitionError>),
    /// Some components could not be built.
    #[error("{0}")]
    Components(Failures),
    /// The log that was asked for is not there.
    #[error("{0}")]
    NoLog(String),
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A recipe names a build root that there is not.
    #[error("recipes/build-roots.yaml has no root '{name}'; it has: {}", known.join(", "))]
    UnknownRoot {
        /// The name.
        name: String,
        /// The roots there are.
        known: Vec<String>,
    },
    /// A recipe asks for a program that its build root has not.
    #[error(
        "recipes/{component}/recipe.yaml: 'tools' names '{tool}', which the build root '{root}' does not have: add the \
         Debian package that has it to recipes/build-roots.yaml"
    )]
    NoTool {
        /// The component.
        component: ComponentName,
        /// The program.
        tool: String,
        /// The build root.
        root: String,
    },
    /// A step was named that a component does not have.
    #[error("recipes/{component}/recipe.yaml has no step '{step}'; it has: {}", known.join(", "))]
    NoStep {
        /// The component.
        component: ComponentName,
        /// The name.
        step: String,
        /// The steps there are, in order.
        known: Vec<String>,
    },
    /// A package's parts do not fit together, or cannot be packed.
    #[error(transparent)]
    Package(#[from] Box<PackageError>),
    /// A package's SBOM and provenance cannot be made.
    #[error(transparent)]
    Attest(#[from] AttestError),
    /// A source could not be had.
    #[error(transparent)]
    Fetch(FetchError),
    /// A source is an archive that is damaged or hostile.
    #[error(transparent)]
    Unpack(Box<UnpackError>),
    /// A component's source is such an archive.
    #[error("the source '{name}' cannot be used: {error}")]
    Source {
        /// What it is called at its first location.
        name: String,
        /// What is wrong with it.
        error: Box<UnpackError>,
    },
    /// This workspace's own sources cannot be used.
    #[error(transparent)]
    Workspace(#[from] Box<WorkspaceError>),
    /// Something that would be in a source folder cannot be.
    #[error("the sources cannot be laid out: {0}")]
    Layout(String),
    /// Something would have to be fetched, and may not be.
    #[error("{what} is not in the store, and the network may not be used (--offline): run it once without")]
    Offline {
        /// What it is.
        what: String,
    },
    /// The Debian packages of a build root could not be had, or not be unpacked.
    #[error("the build root could not be made by mmdebstrap: {message}")]
    Root {
        /// What mmdebstrap said, and from which mirror.
        message: String,
    },
    /// A program that the builder calls is not there.
    #[error(
        "'{program}' is not installed: it {purpose}. On Debian or Ubuntu: sudo apt-get install {package}"
    )]
    MissingProgram {
        /// The program.
        program: &'static str,
        /// What it is for.
        purpose: &'static str,
        /// The Debian package that has it.
        package: &'static str,
    },
    /// A recipe was not changed to another version.
    #[error(transparent)]
    Upkeep(Box<crate::upkeep::UpkeepError>),
    /// Docker runs the steps, and does not answer or refuses.
    #[error("Docker at {host}, {doing}: {message}")]
    Docker {
        /// The daemon's address.
        host: String,
        /// What was being done.
        doing: String,
        /// What the daemon said, or what to do.
        message: String,
    },
    /// A key of the cache cannot be read or used.
    #[error("the cache's key cannot be used: {0}")]
    CacheKey(String),
    /// There is no first recipe.
    #[error(transparent)]
    Scaffold(Box<crate::scaffold::ScaffoldError>),
    /// A program that the builder calls failed.
    #[error("{what} failed: {message}")]
    Environment {
        /// What was being done.
        what: String,
        /// What the program, or the kernel, said.
        message: String,
    },
}

impl From<PackageError> for BuildError {
    fn from(error: PackageError) -> Self {
        Self::Package(Box::new(error))
    }
}

impl From<FetchError> for BuildError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Disk { path, source, .. } if is_full(&source) => {
                StoreError::new("write", path, source).into()
            }
            error => Self::Fetch(error),
        }
    }
}

impl From<WorkspaceError> for BuildError {
    fn from(error: WorkspaceError) -> Self {
        Self::Workspace(Box::new(error))
    }
}

impl From<LoadError> for BuildError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Store(error) => error.into(),
            LoadError::Tree(error) => Self::Layout(error.to_string()),
        }
    }
}

impl BuildError {
    /// What stopped an archive from being unpacked into a folder: the archive, or the disk.
    pub(crate) fn unpacking(error: UnpackError, into: &Path) -> Self {
        if is_full_beneath(&error) {
            return StoreError::new("write", into, std::io::ErrorKind::StorageFull.into()).into();
        }
        Self::Unpack(Box::new(error))
    }

    /// What stopped crates from being laid out in a folder.
    pub(crate) fn vendoring(error: DirectorySourceError, into: &Path) -> Self {
        match error {
            DirectorySourceError::Unpack(error) => Self::unpacking(error, into),
            DirectorySourceError::Disk(error) => StoreError::new("write", into, error).into(),
            error => Self::Layout(error.to_string()),
        }
    }
}

/// What a failure means for whoever called: `docs/exit-codes.md` has a number for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorKind {
    /// A recipe, package or image definition is wrong or missing (3).
    Definition,
    /// A source could not be fetched, or is not what its digest says (4).
    Fetch,
    /// A build step failed, or what it made cannot be packed or did not pass the checks (5).
    Step,
    /// The store cannot be written (6).
    Store,
    /// Docker does not answer, or refuses (7).
    Docker,
    /// A program that is needed is not installed (8).
    MissingProgram,
    /// The caller asked for an end; what is done is kept (130).
    Interrupted,
    /// Anything else (1).
    Other,
}

impl BuildError {
    /// Which kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Definition(_)
            | Self::UnknownRoot { .. }
            | Self::NoTool { .. }
            | Self::NoStep { .. }
            | Self::Workspace(_)
            | Self::Layout(_) => ErrorKind::Definition,
            Self::Package(error) if matches!(**error, PackageError::Definition { .. }) => {
                ErrorKind::Definition
            }
            Self::Fetch(FetchError::Cancelled) => ErrorKind::Interrupted,
            Self::Package(error) if matches!(**error, PackageError::Checks { .. }) => ErrorKind::Step,
            Self::Offline { .. }
            | Self::Fetch(_)
            | Self::Unpack(_)
            | Self::Source { .. }
            | Self::Root { .. } => ErrorKind::Fetch,
            Self::Components(failures) => {
                failures.failed.iter().map(|failure| failure.cause.kind()).min().unwrap_or(ErrorKind::Other)
            }
            Self::Upkeep(error) => error.kind(),
            Self::Scaffold(error) => error.kind(),
            Self::Store(_) => ErrorKind::Store,
            Self::Docker { .. } => ErrorKind::Docker,
            Self::MissingProgram { .. } => ErrorKind::MissingProgram,
            Self::Environment { .. }
            | Self::Package(_)
            | Self::Attest(_)
            | Self::CacheKey(_)
            | Self::NoLog(_) => ErrorKind::Other,
        }
    }
}

/// What could not be built, and what was not tried for it.
#[derive(Debug)]
pub struct Failures {
    /// The components that failed. At least one.
    pub failed: Vec<ComponentFailure>,
    /// Those that were not tried, each with the failed one that it depends on.
    pub skipped: Vec<(ComponentName, ComponentName)>,
    /// Those that were not begun, as something else had failed.
    pub not_begun: Vec<ComponentName>,
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed: Vec<String> = self.failed.iter().map(ToString::to_string).collect();
        f.write_str(&failed.join("\n"))?;
        if !self.skipped.is_empty() {
            let one = |(name, because): &(ComponentName, ComponentName)| format!("{name} (needs {because})");
            let skipped: Vec<String> = self.skipped.iter().map(one).collect();
            write!(f, "\nnot tried: {}", skipped.join(", "))?;
        }
        if !self.not_begun.is_empty() {
            let not_begun: Vec<&str> = self.not_begun.iter().map(ComponentName::as_str).collect();
            write!(f, "\nnot begun after the failure: {}; --keep-going builds them", not_begun.join(", "))?;
        }
        Ok(())
    }
}

/// A component that could not be built.
#[derive(Debug)]
pub struct ComponentFailure {
    /// The component.
    pub component: ComponentName,
    /// Why.
    pub cause: FailureCause,
}

impl fmt::Display for ComponentFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.component, self.cause)
    }
}

/// Why a component could not be built.
#[derive(Debug, thiserror::Error)]
pub enum FailureCause {
    /// A step ended badly.
    #[error(transparent)]
    Step(Box<StepFailure>),
    /// The steps ended well, and what they made did not pass the checks.
    #[error(transparent)]
    Checks(Box<ChecksFailed>),
    /// Something else, before or after the steps.
    #[error(transparent)]
    Other(Box<BuildError>),
}

impl FailureCause {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Step(failure) if failure.disk_is_full => ErrorKind::Store,
            Self::Step(_) | Self::Checks(_) => ErrorKind::Step,
            Self::Other(error) => error.kind(),
        }
    }
}

/// A step that ended badly, and what it said last.
#[derive(Debug)]
pub struct StepFailure {
    /// The component.
    pub component: ComponentName,
    /// The step's name.
    pub step: String,
    /// How it ended, such as `ended with exit status 2`.
    pub ending: String,
    /// The last lines of the log, at most 30.
    pub tail: Vec<String>,
    /// The whole log.
    pub log: PathBuf,
    /// Where the build's folder is kept until the next run.
    pub work: PathBuf,
    /// What may be the reason, where the log gives it away.
    pub hint: Option<String>,
    /// Whether the reason is the store's disk.
    pub disk_is_full: bool,
}

impl std::error::Error for StepFailure {}

impl fmt::Display for StepFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the step '{}' {}", self.step, self.ending)?;
        for line in &self.tail {
            writeln!(f, "  | {line}")?;
        }
        if let Some(hint) = &self.hint {
            writeln!(f, "hint: {hint}")?;
        }
        writeln!(f, "its log: {}", self.log.display())?;
        writeln!(f, "its build folder, kept until the next run: {}", self.work.display())?;
        write!(f, "a shell there: cargo xtask shell {}", self.component)
    }
}
