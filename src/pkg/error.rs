//! Every way in which `pkg` fails, with what to do about it, and the exit code of each.

use medic_model::document::DocumentError;
use medic_model::path::PathError;
use medic_model::{Arch, Dependency, Manifest, PackageName, RelPath, Sha256, Version};
use medic_sys::files::FileError;

/// Why something was not done. Unless it says otherwise, nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system said no.
    #[error("{error}{hint}", error = .0, hint = hint(.0))]
    File(#[from] FileError),
    /// A receipt, a manifest, the journal or the stamp cannot be understood.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A package archive is refused.
    #[error(transparent)]
    Package(#[from] medic_archive::PackageError),
    /// A repository cannot be read or is not to be trusted.
    #[error(transparent)]
    Repository(#[from] medic_repository::RepositoryError),
    /// No set of packages meets every wish and need.
    #[error("this cannot be installed: {why}")]
    NoSolution {
        /// The needs and conflicts that stand against it.
        why: String,
    },
    /// An archive holds another package than its index says.
    #[error("'{location}' holds {found}, and its repository says that it is {expected}: it was exchanged")]
    Exchanged {
        /// The archive.
        location: String,
        /// As the index says.
        expected: Box<Named>,
        /// As its manifest says.
        found: Box<Named>,
    },
    /// A path would be longer than paths may be.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A path of a package would be longer than paths may be.
    #[error("'{path}' is too long or too deep to be installed")]
    LongPath {
        /// The entry.
        path: RelPath,
    },
    /// No such package is installed.
    #[error("Package '{package}' doesn't appear to be installed")]
    NotInstalled {
        /// The package.
        package: PackageName,
    },
    /// No such file and no such package.
    #[error("'{text}' is neither a file nor the name of a package: {why}")]
    NoCandidate {
        /// What was asked for.
        text: String,
        /// Why not.
        why: String,
    },
    /// That version is not in the volume.
    #[error(
        "version {version} of '{package}' is not kept here; kept are: {kept}. Install it from a file or a repository"
    )]
    NotKept {
        /// The package.
        package: PackageName,
        /// The version.
        version: Version,
        /// Those that are.
        kept: String,
    },
    /// There is no version to go back to.
    #[error("there is no other version of '{package}' to go back to; kept are: {kept}")]
    NoPrevious {
        /// The package.
        package: PackageName,
        /// Those that are kept.
        kept: String,
    },
    /// For another machine.
    #[error("'{package}' {version} is for {arch}, and this is {host}")]
    WrongArch {
        /// The package.
        package: PackageName,
        /// Its version.
        version: Version,
        /// What it is for.
        arch: Arch,
        /// What this is.
        host: String,
    },
    /// Older than what is installed.
    #[error(
        "'{package}' {installed} is installed, and {version} is older: to go back, add --downgrade, or 'pkg rollback {package}'"
    )]
    Older {
        /// The package.
        package: PackageName,
        /// What is installed.
        installed: Version,
        /// What was asked for.
        version: Version,
    },
    /// Its data is of a later version, and it cannot use it.
    #[error(
        "'{package}' {version} cannot use the data in /srv/storage/{package}: only {from} and later versions can. Take one of those (start \
         the newer image again); or restore a backup of /srv/storage/{package} that {version} can use, and then remove \
         /srv/system/data/{package} or add --data-restored"
    )]
    Data {
        /// The package.
        package: PackageName,
        /// What was asked for.
        version: Version,
        /// The oldest version that can use the data.
        from: Version,
    },
    /// The volume is not as the image has it, and must not be changed.
    #[error(
        "/srv is not as this image has it ({what}), and nothing was done. The file system is read-only: mount /srv so that it can be written to"
    )]
    ReadOnly {
        /// What would have to be done.
        what: String,
    },
    /// It is held.
    #[error("'{package}' is held at {installed}: 'pkg unhold {package}' first")]
    Held {
        /// The package.
        package: PackageName,
        /// What is installed.
        installed: Version,
    },
    /// Nothing here can repair it.
    #[error("'{package}' {version} cannot be repaired: {why}")]
    NoRepair {
        /// The package.
        package: PackageName,
        /// Its version.
        version: Version,
        /// What is missing.
        why: String,
    },
    /// One package, two versions, in one command.
    #[error("'{package}' is asked for twice: as {one} and as {other}")]
    Twice {
        /// The package.
        package: PackageName,
        /// A version.
        one: Version,
        /// Another.
        other: Version,
    },
    /// A need would not be met.
    #[error("{one} needs '{needs}', and {found}")]
    Needs {
        /// The package.
        one: Box<Named>,
        /// What it needs.
        needs: Box<Dependency>,
        /// What there is.
        found: String,
    },
    /// Two packages that must not be together.
    #[error("{one} must not be installed beside {other} (it conflicts with '{conflict}'): remove one first")]
    Conflict {
        /// A package.
        one: Box<Named>,
        /// The other.
        other: Box<Named>,
        /// What the first declares.
        conflict: Box<Dependency>,
    },
    /// Not enough bytes.
    #[error("not enough space below '/{path}': {needed} bytes are needed and {free} are free")]
    NoSpace {
        /// Where.
        path: RelPath,
        /// Bytes.
        needed: u64,
        /// Bytes.
        free: u64,
    },
    /// Not enough inodes.
    #[error("the file system below '/{path}' has room for {free} more files, and {needed} are needed")]
    NoFiles {
        /// Where.
        path: RelPath,
        /// How many.
        needed: u64,
        /// How many.
        free: u64,
    },
    /// The archive is not the one that the index tells of.
    #[error(
        "'{location}' has the digest {found}, and {expected} was expected: it was changed on the way; fetch it again"
    )]
    WrongDigest {
        /// The archive.
        location: String,
        /// As the index says.
        expected: Sha256,
        /// What it is.
        found: Sha256,
    },
    /// A file of the image's bundle is not what its manifest says.
    #[error("'/{path}' has the digest {found}, and its manifest says {expected}: the image is damaged")]
    Damaged {
        /// The file.
        path: RelPath,
        /// As the manifest says.
        expected: Sha256,
        /// What it is.
        found: Sha256,
    },
    /// A package's script failed; everything was undone.
    #[error("the '{script}' script of '{package}' {why}; everything is as before{last}", last = last_lines(.lines))]
    Script {
        /// The package.
        package: PackageName,
        /// Which.
        script: String,
        /// How it ended.
        why: String,
        /// The last lines that it wrote.
        lines: Vec<String>,
    },
    /// The decision is made, and the rest could not be done now.
    #[error(
        "{what}: decided and safe, but not finished: {source}. The next 'pkg' command, or the next start, finishes it"
    )]
    Unfinished {
        /// What.
        what: String,
        /// Why.
        source: Box<Error>,
    },
    /// It failed, and could not be undone now.
    #[error(
        "{source}. It could not be undone yet ({undo}): the next 'pkg' command, or the next start, does so"
    )]
    Undecided {
        /// Why it failed.
        source: Box<Error>,
        /// Why it could not be undone.
        undo: Box<Error>,
    },
    /// A service did not become ready after a change.
    #[error("{why}{last}. {outcome}", last = last_lines(.log))]
    NotReady {
        /// Which service, after what.
        why: String,
        /// The last lines that it wrote.
        log: Vec<String>,
        /// What became of the change.
        outcome: String,
        /// Whether everything is as before.
        rolled_back: bool,
    },
    /// Another `pkg` is at work and the caller did not want to wait.
    #[error("another pkg is at work ({holder}); try again later, or leave out --no-wait")]
    Busy {
        /// Who.
        holder: String,
    },
    /// The image bundles nothing, or cannot be read.
    #[error("{0}")]
    Bundle(String),
    /// What the operator said cannot be meant.
    #[error("{0}")]
    Usage(String),
}

/// A package in a version, for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The package.
    pub package: PackageName,
    /// Its version.
    pub version: Version,
}

impl Named {
    /// Of a manifest.
    pub fn of(manifest: &Manifest) -> Box<Self> {
        Box::new(Self { package: manifest.name.clone(), version: manifest.version.clone() })
    }
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "'{}' {}", self.package, self.version)
    }
}

fn hint(error: &FileError) -> &'static str {
    if error.is_full() {
        ". The disk is full: make room and try again"
    } else if error.is_read_only() {
        ". The file system is read-only: mount /srv so that it can be written to"
    } else if error.is_denied() {
        ". You must be root to use this command"
    } else {
        ""
    }
}

fn last_lines(lines: &[String]) -> String {
    let text: String = lines.iter().map(|line| format!("\n  {line}")).collect();
    if text.is_empty() { text } else { format!(". Its last words:{text}") }
}

impl Error {
    /// The exit code of the command that ends with it; `docs/pkg.md` lists them.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::NotInstalled { .. }
            | Self::NoRepair { .. }
            | Self::NoCandidate { .. }
            | Self::NotKept { .. }
            | Self::NoPrevious { .. } => 4,
            Self::Needs { .. }
            | Self::Conflict { .. }
            | Self::NoSolution { .. }
            | Self::Held { .. }
            | Self::Older { .. }
            | Self::Data { .. }
            | Self::WrongArch { .. }
            | Self::Twice { .. } => 5,
            Self::Package(medic_archive::PackageError::Sink { source, .. })
                if source.kind() == std::io::ErrorKind::StorageFull =>
            {
                7
            }
            Self::Package(
                medic_archive::PackageError::Sink { .. } | medic_archive::PackageError::Read { .. },
            ) => 1,
            Self::Repository(medic_repository::RepositoryError::Read { source, .. }) => match source.kind() {
                std::io::ErrorKind::InvalidInput => 2,
                // Other bytes than they should be, or too many; or a certificate that nobody we trust has signed.
                std::io::ErrorKind::InvalidData | std::io::ErrorKind::FileTooLarge => 6,
                std::io::ErrorKind::StorageFull => 7,
                _ => 4,
            },
            Self::Repository(medic_repository::RepositoryError::NotThere { .. }) => 4,
            Self::Repository(_)
            | Self::Exchanged { .. }
            | Self::Package(_)
            | Self::Document(_)
            | Self::Path(_)
            | Self::LongPath { .. }
            | Self::WrongDigest { .. }
            | Self::Damaged { .. }
            | Self::Bundle(_) => 6,
            Self::NoSpace { .. } | Self::NoFiles { .. } => 7,
            Self::File(error) if error.is_full() => 7,
            Self::Script { .. } => 8,
            Self::Unfinished { .. } | Self::Undecided { .. } => 9,
            Self::Busy { .. } => 10,
            Self::NotReady { rolled_back: true, .. } => 11,
            Self::NotReady { .. } => 12,
            Self::File(_) | Self::ReadOnly { .. } => 1,
        }
    }
}
