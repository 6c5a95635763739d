//! Where a build stopped: kept in its work folder, so that a shell can be opened there, until the next build.

use std::path::Path;

use medic_model::{ComponentName, Version};
use serde::{Deserialize, Serialize};

use super::plan::Step;
use crate::report::Reporter;
use crate::sandbox::SandboxPlan;
use crate::store::{Store, StoreError, read_record};

/// The version of the record's form.
const FORMAT: u32 = 1;
/// The record's name in a component's work folder.
const RECORD: &str = "stopped.json";

/// `work/<component>/stopped.json`: the step at which a build stopped, and the sandbox that it ran in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stopped {
    /// [`FORMAT`].
    format: u32,
    /// What was built.
    pub component: ComponentName,
    /// Its version.
    pub version: Version,
    /// The step's name.
    pub step: String,
    /// Whether the step was run, and failed; else it was not run.
    pub failed: bool,
    /// What the step runs, by its path inside, and its arguments.
    pub command: Vec<String>,
    /// The step's sandbox.
    pub plan: SandboxPlan,
}

impl Stopped {
    /// At this step.
    pub(super) fn new(build: &super::Build<'_>, step: &Step, failed: bool, plan: SandboxPlan) -> Self {
        Self {
            format: FORMAT,
            component: build.recipe.name.clone(),
            version: build.recipe.version.clone(),
            step: step.name.clone(),
            failed,
            command: plan.arguments.clone(),
            plan,
        }
    }

    /// Writes it into the component's work folder.
    ///
    /// # Errors
    /// The disk.
    pub fn keep(&self, store: &Store, work: &Path) -> Result<(), StoreError> {
        store.keep_record(&work.join(RECORD), self)
    }

    /// That of a work folder, if its build stopped at a step.
    pub fn read(work: &Path, reporter: &dyn Reporter) -> Option<Self> {
        read_record(&work.join(RECORD), reporter).filter(|stopped: &Self| stopped.format == FORMAT)
    }
}
