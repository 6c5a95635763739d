//! A service made ready to be run: everything that needs memory or files is done before its supervisor is forked.

use std::path::{Path, PathBuf};

use medic_model::service::{Limits, Service};
use medic_model::{PackageName, ServiceName, Version, layout};
use medic_sys::process::{Identity, Limit, Program, Resource};

use super::accounts::{AccountError, identity};
use super::environment::{Surroundings, variables};
use crate::machine::service::Policy;

/// A service ready to be run.
#[derive(Debug)]
pub struct Prepared {
    /// Its package.
    pub package: PackageName,
    /// Its package's version.
    pub version: Version,
    /// Its name.
    pub service: ServiceName,
    /// Its definition.
    pub definition: Service,
    /// `package/service`.
    pub name: String,
    /// Its run script.
    pub program: Program,
    /// The command that checks its settings before a reload.
    pub reload_check: Option<Program>,
    /// The command that makes it re-read its settings.
    pub reload_command: Option<Program>,
    /// The command that tells whether it is ready.
    pub ready_command: Option<Program>,
    /// The command that tells whether it is alive.
    pub live_command: Option<Program>,
    /// Its user; none is the supervisor's own.
    pub identity: Option<Identity>,
    /// Its limits.
    pub limits: Vec<Limit>,
    /// Where its log is.
    pub logs: PathBuf,
}

/// Why a service cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// Its user or group.
    #[error("the service '{name}' cannot run: {source}")]
    Account {
        /// The service.
        name: String,
        /// Why.
        source: AccountError,
    },
    /// A text of its definition that no program can be given.
    #[error("the service '{name}' cannot run: {source} in its definition")]
    Text {
        /// The service.
        name: String,
        /// Why.
        source: std::io::Error,
    },
}

fn limits(limits: &Limits, files: Option<Limit>) -> Vec<Limit> {
    let fixed = |resource, value| Limit { resource, soft: value, hard: value };
    // This program's own limit of open files is raised: services get what the container gave.
    let files = limits.open_files.map(|value| fixed(Resource::OpenFiles, value)).or(files);
    let processes = limits.processes.map(|value| fixed(Resource::Processes, value));
    let core = limits.core.map(|size| fixed(Resource::Core, size.0));
    files.into_iter().chain(processes).chain(core).collect()
}

impl Prepared {
    /// Makes a service ready. `is_root`: whether users can be changed; if not, a service runs as whoever runs this program.
    /// `files` is the limit of open files that the container was given.
    ///
    /// # Errors
    /// A user or group that does not exist; a NUL in a text.
    pub fn new(
        surroundings: &Surroundings,
        (package, version): (&PackageName, &Version),
        service: &ServiceName,
        definition: &Service,
        is_root: bool,
        files: Option<Limit>,
    ) -> Result<Self, PrepareError> {
        let place = &surroundings.place;
        let name = format!("{package}/{service}");
        let mut further = definition.environment.clone();
        let account = match &definition.user {
            Some(user) if is_root => {
                let (identity, home) = identity(place, user, definition.group.as_deref())
                    .map_err(|source| PrepareError::Account { name: name.clone(), source })?;
                further.entry("USER".to_owned()).or_insert_with(|| user.clone());
                if let Some(home) = home {
                    further.entry("HOME".to_owned()).or_insert(home);
                }
                Some(identity)
            }
            _ => None,
        };
        let environment = variables(surroundings, package, version, &further);
        let text = |source| PrepareError::Text { name: name.clone(), source };
        let program = |path: &Path, words: &[String]| Program::new(path, words, &environment).map_err(text);
        let command = |words: Option<&Vec<String>>| {
            words
                .and_then(|words| Some((words.first()?, words)))
                .map(|(first, words)| program(&find(surroundings, first), words))
                .transpose()
        };
        let script = place.at(layout::scripts(package).as_str()).join("run").join(service.as_str());
        let ready = definition.readiness.as_ref().map(|readiness| &readiness.probe);
        let live = definition.liveness.as_ref().map(|liveness| &liveness.probe);
        Ok(Self {
            package: package.clone(),
            version: version.clone(),
            service: service.clone(),
            program: program(&script, &[script.to_string_lossy().into_owned()])?,
            reload_check: command(definition.reload.check.as_ref())?,
            reload_command: command(definition.reload.command.as_ref())?,
            ready_command: command(ready.and_then(words))?,
            live_command: command(live.and_then(words))?,
            identity: account,
            limits: limits(&definition.limits, files),
            logs: place.logs(package, service),
            definition: definition.clone(),
            name,
        })
    }

    /// What its definition says, as far as its life is concerned.
    pub fn policy(&self) -> Policy {
        let Service { readiness, stop, oneshot, essential, .. } = &self.definition;
        Policy {
            grace: stop.grace.as_millis(),
            ready_within: readiness.as_ref().map(|readiness| readiness.timeout.as_millis()),
            oneshot: *oneshot,
            essential: *essential,
        }
    }
}

fn words(probe: &medic_model::service::Probe) -> Option<&Vec<String>> {
    match probe {
        medic_model::service::Probe::Exec(words) => Some(words),
        _ => None,
    }
}

/// A command's program: a path below the root, or the first of that name on the image's path.
fn find(surroundings: &Surroundings, name: &str) -> PathBuf {
    if let Some(path) = name.strip_prefix('/') {
        // With another root, what is not below it is the machine's own.
        let below = surroundings.place.at(path);
        return if below.exists() { below } else { PathBuf::from(name) };
    }
    let folders =
        ["boot", "usr/local/bin", "usr/bin", "bin", "usr/sbin", "sbin"].map(|f| surroundings.place.at(f));
    let found = folders.into_iter().map(|folder| folder.join(name)).find(|path| path.exists());
    found.unwrap_or_else(|| PathBuf::from(name))
}
