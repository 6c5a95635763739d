//! Why a command failed, as its user sees it, and the exit code it ends with (docs/exit-codes.md).

use std::error::Error;
use std::io::{IsTerminal, Write};

use medic_build::definitions::DefinitionError;
use medic_build::publish::registry::RegistryError;
use medic_build::publish::{PublishError, RepositoryError, is_address};
use medic_build::sandbox::Ending;
use medic_build::{BuildError, ErrorKind};
use medic_image::credentials::CredentialError;
use medic_image::docker::Absent;
use medic_image::push::PushError;
use medic_image::run::RunError;
use medic_image::verify::VerifyError;
use medic_image::{DockerError, ImageError};
use medic_model::DocumentError;

use crate::environment::{Environment, EnvironmentError};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The environment lacks something.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// Packages could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// An image could not be made, or written.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// Docker refused, or went away.
    #[error(transparent)]
    Docker(#[from] DockerError),
    /// Docker was asked for, and no daemon answers.
    #[error("{0}: start one, or do without '--output docker' and '--detach'")]
    NoDaemon(Absent),
    /// Podman was asked for, and it does not answer.
    #[error("{}: start it (systemctl --user start podman.socket, or podman system service --time=0 &), set CONTAINER_HOST, or do without '--output podman'", .0.to_string().replacen("Docker daemon", "Podman", 1))]
    NoPodman(Absent),
    /// An image is not as its lock says.
    #[error("{0}")]
    Locked(String),
    /// An image cannot be looked at.
    #[error(transparent)]
    Look(#[from] medic_image::look::LookError),
    /// Definitions have errors; each was shown.
    #[error("lint found {errors} error{}: `cargo xtask lint --explain ID` says more of each", if *errors == 1 { "" } else { "s" })]
    Lint {
        /// How many.
        errors: usize,
    },
    /// The arguments contradict each other.
    #[error("{0}")]
    Usage(String),
    /// Something is outdated, and that was asked to be a failure.
    #[error("outdated, or gone from a location: {0}")]
    Outdated(String),
    /// The image could not be run.
    #[error(transparent)]
    Run(RunError),
    /// The container ended with this code.
    #[error("the container ended with exit code {0}")]
    Container(i32),
    /// A file could not be read or written.
    #[error("'{}' cannot be read or written: {source}", path.display())]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// What ran in a shell's sandbox was ended.
    #[error("the shell {0}")]
    Shell(Ending),
    /// The store held something damaged; it has been removed.
    #[error("{0} damaged objects were removed from the store: the next build makes them again")]
    DamagedStore(usize),
    /// A benchmark could not be carried out.
    #[error(transparent)]
    Bench(#[from] crate::commands::bench::BenchError),
    /// Nothing was published.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// An image was not published.
    #[error(transparent)]
    Push(Box<PushError>),
    /// Something could not be put beside a published image.
    #[error(transparent)]
    Attach(#[from] medic_image::attach::AttachError),
    /// An image of a registry could not be looked at.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// An image of a registry is not what it should be; each problem was shown.
    #[error("'{reference}' is not verified: {problems} problem{}", if *problems == 1 { "" } else { "s" })]
    Unverified {
        /// The image.
        reference: String,
        /// How many.
        problems: usize,
    },
    /// There is no login for a registry that could be used.
    #[error(transparent)]
    Login(#[from] CredentialError),
    /// Bytes are not those that they should be.
    #[error("{0}")]
    Different(String),
    /// The result could not be written to standard output.
    #[error("standard output cannot be written: {0}")]
    Output(#[from] std::io::Error),
}

impl Failure {
    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Build(error) => match error.kind() {
                ErrorKind::Definition => 3,
                ErrorKind::Fetch => 4,
                ErrorKind::Step => 5,
                ErrorKind::Store => 6,
                ErrorKind::Docker => 7,
                ErrorKind::MissingProgram => 8,
                ErrorKind::Interrupted => crate::interrupt::EXIT_CODE,
                ErrorKind::Other => 1,
            },
            Self::Image(error) | Self::Run(RunError::Image(error)) => image_exit_code(error),
            Self::Run(RunError::NoBubblewrap | RunError::Arch(_)) => 8,
            Self::Run(RunError::Docker(_)) => 7,
            Self::Run(_) => 1,
            Self::DamagedStore(_) => 6,
            Self::Docker(_) | Self::NoDaemon(_) | Self::NoPodman(_) => 7,
            Self::Locked(_) => 15,
            Self::Look(_) => 6,
            Self::Usage(_) => 2,
            Self::Outdated(_) => 12,
            Self::File { .. } => 6,
            Self::Lint { .. } => 3,
            Self::Different(_) => 10,
            Self::Publish(error) => publish_exit_code(error),
            Self::Push(error) => push_exit_code(error),
            Self::Login(CredentialError::NoHelper { .. }) => 8,
            Self::Login(CredentialError::Name { .. }) => 2,
            Self::Login(_) | Self::Attach(_) | Self::Verify(_) => 9,
            Self::Unverified { .. } => 14,
            Self::Container(code) => u8::try_from(*code).unwrap_or(1),
            Self::Shell(_) => 5,
            Self::Bench(crate::commands::bench::BenchError::Missing { .. }) => 8,
            Self::Environment(_) | Self::Output(_) | Self::Bench(_) => 1,
        }
    }

    fn document(&self) -> Option<&DocumentError> {
        match self {
            Self::Build(BuildError::Definition(error)) => match &**error {
                DefinitionError::Document(error) => Some(error),
                _ => None,
            },
            _ => None,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Environment(error) => miette::Diagnostic::help(error).map(|help| help.to_string()),
            _ => None,
        }
    }

    /// Shows it on standard error: what failed, why, the place in a document, what to do.
    pub fn show(&self) {
        let mut text = format!("{}: {self}\n", heading());
        let mut source = self.source();
        let mut said = self.to_string();
        while let Some(error) = source {
            let because = error.to_string();
            // A transparent error says the same again, and some libraries repeat their cause in their own text.
            if !said.contains(&because) {
                text.push_str(&format!("  because: {because}\n"));
            }
            said = because;
            source = error.source();
        }
        if let Some(excerpt) = self.document().and_then(excerpt) {
            text.push_str(&excerpt);
        }
        if let Some(help) = self.help() {
            text.push_str(&format!("  help: {help}\n"));
        }
        // Nothing can be done for a user whose standard error is gone.
        drop(write!(std::io::stderr(), "{text}"));
    }
}

fn publish_exit_code(error: &PublishError) -> u8 {
    match error {
        PublishError::Registry { source, .. } if source.kind() == std::io::ErrorKind::InvalidInput => 2,
        PublishError::Registry { .. } => 9,
        PublishError::Repository(RepositoryError::Read { location, .. }) if is_address(location) => 9,
        PublishError::Repository(RepositoryError::Read { .. }) | PublishError::Disk(_) => 6,
        _ => 11,
    }
}

fn push_exit_code(error: &PushError) -> u8 {
    match error {
        PushError::Image(error) => image_exit_code(error),
        PushError::Registry { source: RegistryError::File { .. }, .. } => 6,
        PushError::Registry { .. } => 9,
        PushError::TagTaken { .. } | PushError::TagImmutable { .. } | PushError::TagLost { .. } => 11,
    }
}

impl From<PushError> for Failure {
    /// What is wrong with the image itself is that, whatever was done with it.
    fn from(error: PushError) -> Self {
        match error {
            PushError::Image(error) => Self::Image(error),
            other => Self::Push(Box::new(other)),
        }
    }
}

fn image_exit_code(error: &ImageError) -> u8 {
    match error {
        ImageError::Plan(_) => 3,
        _ => 6,
    }
}

fn heading() -> &'static str {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
        || !std::io::stderr().is_terminal();
    if plain { "error" } else { "\x1b[1;31merror\x1b[0m" }
}

/// The faulty line of a document with its neighbours and a mark below the column.
fn excerpt(error: &DocumentError) -> Option<String> {
    // Documents are named relative to the workspace, which need not be the folder that the command was started in.
    let workspace = Environment::read().map(|environment| environment.workspace).unwrap_or_default();
    let text = std::fs::read_to_string(workspace.join(&error.file)).ok()?;
    let lines: Vec<&str> = text.lines().collect();
    let at = error.line.checked_sub(1).filter(|at| *at < lines.len())?;
    let mut excerpt = String::new();
    for (index, line) in lines.iter().enumerate().skip(at.saturating_sub(2)).take(3.min(at + 1)) {
        excerpt.push_str(&format!("  {:>4} | {line}\n", index + 1));
    }
    excerpt.push_str(&format!("       | {}^\n", " ".repeat(error.column.saturating_sub(1))));
    Some(excerpt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_faulty_line_is_shown_with_a_mark() {
        let error = DocumentError {
            file: concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml").to_owned(),
            line: 2,
            column: 8,
            message: String::new(),
        };
        let shown = excerpt(&error).expect("the file is there");
        assert_eq!(shown, "     1 | [package]\n     2 | name = \"xtask\"\n       |        ^\n");
    }

    #[test]
    fn exit_codes_are_documented() {
        let documented = include_str!("../docs/exit-codes.md");
        let failures = [
            Failure::Usage(String::new()),
            Failure::DamagedStore(1),
            Failure::Outdated(String::new()),
            Failure::Different(String::new()),
            Failure::Login(CredentialError::NoKeys { host: String::new(), looked_at: Vec::new() }),
            Failure::Locked(String::new()),
            Failure::Publish(PublishError::NoKeys),
            Failure::Environment(EnvironmentError::NoStore),
            Failure::Unverified { reference: String::new(), problems: 1 },
        ];
        for failure in failures {
            assert!(documented.contains(&format!("| {} |", failure.exit_code())));
        }
    }
}
