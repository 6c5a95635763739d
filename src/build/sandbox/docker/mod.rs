//! The sandbox by a Docker daemon, through its API: one container per program, without a network, on an image that is made
//! of the build root. <https://docs.docker.com/reference/api/engine/version/v1.41/>
//!
//! The daemon must be on this machine: what a plan mounts are folders of this machine.

mod body;
mod daemon;
mod image;
mod owner;
mod run;

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use medic_model::Sha256;

use super::terminal::Terminal;
use super::{Ending, Runner, SandboxPlan};
use crate::error::BuildError;
use daemon::{Daemon, Facts};
use owner::Owner;
use run::Container;

/// Runs plans in containers.
#[derive(Debug)]
pub struct Docker {
    host: String,
    /// Whose containers these are: the store's folder.
    store: PathBuf,
    facts: OnceLock<Facts>,
    /// The build roots whose images are known to be there.
    images: Mutex<BTreeSet<Sha256>>,
}

impl Docker {
    /// By the daemon at `host` (`unix:///PATH`, or `tcp://` and this machine's own address), else at its usual socket, for
    /// builds of this store. Nothing is asked of it yet.
    pub fn new(host: Option<&str>, store: &Path) -> Self {
        Self {
            host: host.unwrap_or(daemon::DEFAULT_HOST).to_owned(),
            store: store.to_owned(),
            facts: OnceLock::new(),
            images: Mutex::default(),
        }
    }

    /// A connection, and what is known of the daemon: a runtime of one thread for each program that is run.
    fn connect(&self) -> Result<(Daemon, &Facts), BuildError> {
        let daemon = Daemon::connect(&self.host)?;
        let facts = match self.facts.get() {
            Some(facts) => facts,
            None => {
                let asked = daemon.facts()?;
                self.facts.get_or_init(|| asked)
            }
        };
        Ok((daemon, facts))
    }

    /// Runs a program in a container of its own, which is gone afterwards, however that went.
    fn contain(
        &self,
        plan: &SandboxPlan,
        kind: body::Kind,
        run: impl FnOnce(&Container<'_>) -> Result<Ending, BuildError>,
    ) -> Result<Ending, BuildError> {
        let (daemon, facts) = self.connect()?;
        let owner = Owner::of(facts, owner::Caller::own());
        let image = {
            // One makes the image, the others wait for it.
            let mut images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
            let image = image::name(&plan.root, &owner);
            if !images.contains(&plan.root.identity) {
                image::provide(&daemon, &plan.root, &owner, &image)?;
                images.insert(plan.root.identity);
            }
            image
        };
        let body = body::body(plan, &image, &owner, facts, &body::labels(&self.store, kind), kind)?;
        owner.give(plan)?;
        let result = Container::make(&daemon, body).and_then(|container| {
            let result = run(&container);
            // Nothing of it may run any more when its files are looked at.
            container.remove()?;
            result
        });
        owner.take_back(plan)?;
        result
    }
}

impl Runner for Docker {
    fn ready(&self) -> Result<(), BuildError> {
        let (daemon, _) = self.connect()?;
        daemon.remove_left(&self.store)
    }

    fn run(&self, plan: &SandboxPlan, output: &File) -> Result<Ending, BuildError> {
        self.contain(plan, body::Kind::Step, |container| container.run(&plan.limits, output))
    }

    fn interact(&self, plan: &SandboxPlan, terminal: &Terminal<'_>) -> Result<Ending, BuildError> {
        self.contain(plan, body::Kind::Shell, |container| container.interact(terminal))
    }

    fn isolation(&self) -> String {
        match self.connect() {
            Ok((_, facts)) => facts.isolation(&Owner::of(facts, owner::Caller::own())),
            Err(error) => format!("docker: {error}"),
        }
    }
}

/// An error about a path of this machine.
fn on_path(doing: &str, path: &Path, message: &impl ToString) -> BuildError {
    BuildError::Environment { what: format!("{doing} '{}'", path.display()), message: message.to_string() }
}
