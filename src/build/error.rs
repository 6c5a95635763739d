//! Why a build failed, and of which kind the failure is.

use std::fmt;
use std::path::{Path, PathBuf};

use medic_archive::upstream::UnpackError;
use medic_model::ComponentName;

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
    /// Some components could not be built; those that do not depend on them were.
    #[error("{}", list(.0))]
    Components(Vec<ComponentFailure>),
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
    /// A package's parts do not fit together, or cannot be packed.
    #[error(transparent)]
    Package(#[from] Box<PackageError>),
    /// A source could not be had.
    #[error(transparent)]
    Fetch(FetchError),
    /// A source is an archive that is damaged or hostile.
    #[error(transparent)]
    Unpack(Box<UnpackError>),
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
    /// A build step failed, or what it made cannot be packed (5).
    Step,
    /// The store cannot be written (6).
    Store,
    /// A program that is needed is not installed (8).
    MissingProgram,
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
            | Self::Workspace(_)
            | Self::Layout(_) => ErrorKind::Definition,
            Self::Package(error) if matches!(**error, PackageError::Definition { .. }) => {
                ErrorKind::Definition
            }
            Self::Offline { .. } | Self::Fetch(_) | Self::Unpack(_) | Self::Root { .. } => ErrorKind::Fetch,
            Self::Components(failures) => {
                failures.iter().map(|failure| failure.cause.kind()).min().unwrap_or(ErrorKind::Other)
            }
            Self::Upkeep(error) => error.kind(),
            Self::Scaffold(error) => error.kind(),
            Self::Store(_) => ErrorKind::Store,
            Self::MissingProgram { .. } => ErrorKind::MissingProgram,
            Self::Environment { .. } | Self::Package(_) => ErrorKind::Other,
        }
    }
}

fn list(failures: &[ComponentFailure]) -> String {
    failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
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
    /// Something else, before or after the steps.
    #[error(transparent)]
    Other(Box<BuildError>),
}

impl FailureCause {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Step(failure) if failure.disk_is_full => ErrorKind::Store,
            Self::Step(_) => ErrorKind::Step,
            Self::Other(error) => error.kind(),
        }
    }
}

/// A step that ended badly, and what it said last.
#[derive(Debug)]
pub struct StepFailure {
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
        write!(f, "its build folder, kept until the next run: {}", self.work.display())
    }
}
