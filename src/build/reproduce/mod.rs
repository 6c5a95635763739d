//! The same built twice under different conditions, and compared byte by byte.
//!
//! The first build is any build: what the store has is taken from there. The second is made anew from the sources, in another
//! workspace and store, under every other condition that the machine lets us choose ([`ReproducePlan`]). Build roots are inputs,
//! and so the same ones.

mod compare;
mod difference;
mod elsewhere;
mod plan;

use std::path::Path;

use medic_model::{ComponentName, PackageName, Sha256, Version};

pub use difference::{Content, Difference, What};
pub use elsewhere::{Scratch, is_roomy_memory};
pub use plan::{Machine, ReproducePlan, Varied};

use crate::error::BuildError;
use crate::operation::{self, Whole};
use crate::package::BuiltPackage;
use crate::report::Reporter;
use crate::sandbox::{self, Runner, RunnerKind};
use crate::settings::Settings;

/// A component or package of both builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared<Name> {
    /// Its name.
    pub name: Name,
    /// Its version.
    pub version: Version,
    /// The digest of the first build's tree or archive.
    pub first: Sha256,
    /// The digest of the second build's.
    pub second: Sha256,
    /// What differs; nothing exactly when the digests are the same.
    pub differences: Vec<Difference>,
    /// What it was made from and that differs itself: that is where to look first.
    pub because_of: Vec<ComponentName>,
}

/// Both builds.
#[derive(Debug)]
pub struct Reproduced {
    /// The components, each after what it needs.
    pub components: Vec<Compared<ComponentName>>,
    /// The packages, in the order in which they were asked for.
    pub packages: Vec<Compared<PackageName>>,
    /// The packages of the first build.
    pub first: Vec<BuiltPackage>,
    /// The packages of the second build, in the scratch folder.
    pub second: Vec<BuiltPackage>,
}

impl Reproduced {
    /// Whether the second build gave the same bytes.
    pub fn is_same(&self) -> bool {
        self.components.iter().all(|one| one.differences.is_empty())
            && self.packages.iter().all(|one| one.differences.is_empty())
    }
}

/// What would be done: the first build with these settings, the second by `runner` in `scratch`.
///
/// # Errors
/// The store or the scratch folder cannot be written.
pub fn plan(settings: &Settings, runner: RunnerKind, scratch: &Scratch) -> Result<ReproducePlan, BuildError> {
    let machine = elsewhere::machine(settings, scratch.path())?;
    Ok(ReproducePlan::new(settings, runner, scratch.path(), machine))
}

/// Carries a plan out for packages. `scratch` is the plan's. While the second build is made, this process has another umask:
/// no other thread should make files.
///
/// # Errors
/// [`BuildError`] of either build; that they differ is none.
pub fn reproduce(
    plan: &ReproducePlan,
    scratch: &Scratch,
    names: &[PackageName],
    reporter: &dyn Reporter,
) -> Result<Reproduced, BuildError> {
    let (first, second) = (sandbox::runner(&plan.first), sandbox::runner(&plan.second));
    reproduce_on(&[(&*first, None), (&*second, None)], plan, scratch, names, reporter)
}

/// A runner, and the folder that is the root of every recipe in place of the machine's own.
type Side<'a> = (&'a dyn Runner, Option<&'a Path>);

pub(crate) fn reproduce_on(
    sides: &[Side<'_>; 2],
    plan: &ReproducePlan,
    scratch: &Scratch,
    names: &[PackageName],
    reporter: &dyn Reporter,
) -> Result<Reproduced, BuildError> {
    let machine = |side: usize, conditions| {
        let (runner, root) = sides[side];
        operation::Machine { runner, root: root.map(Path::to_owned), conditions }
    };
    let first = operation::build_whole_on(&machine(0, None), &plan.first, names, reporter)?;
    // A result may have outlived its sources in the store: the second build needs them.
    let components: Vec<ComponentName> = first.components.iter().map(|one| one.name.clone()).collect();
    operation::fetch_sources(&plan.first, &components, reporter)?;
    elsewhere::prepare(&plan.first, &plan.second, scratch.path())?;
    let umask = elsewhere::Umask::set(plan.umask);
    let conditions = Some(plan.conditions.clone());
    let second = operation::build_whole_on(&machine(1, conditions), &plan.second, names, reporter);
    drop(umask);
    compare(first, second?, scratch.path())
}

fn compare(first: Whole, second: Whole, scratch: &Path) -> Result<Reproduced, BuildError> {
    let mut components: Vec<Compared<ComponentName>> = Vec::new();
    for (one, other) in first.components.iter().zip(&second.components) {
        let same = one.digest == other.digest;
        let because_of = |need: &ComponentName| {
            components.iter().any(|done| done.name == *need && !done.differences.is_empty())
        };
        components.push(Compared {
            name: one.name.clone(),
            version: one.version.clone(),
            first: one.digest,
            second: other.digest,
            because_of: if same {
                Vec::new()
            } else {
                one.needs.iter().filter(|need| because_of(need)).cloned().collect()
            },
            differences: if same { Vec::new() } else { compare::trees(&one.tree, &other.tree)? },
        });
    }
    let mut packages = Vec::new();
    for (one, other) in first.packages.iter().zip(&second.packages) {
        let made_from = &one.manifest.provenance.components;
        let differs = |name: &ComponentName| {
            components.iter().any(|done| done.name == *name && !done.differences.is_empty())
        };
        packages.push(Compared {
            name: one.name.clone(),
            version: one.manifest.version.clone(),
            first: one.sha256,
            second: other.sha256,
            differences: compare::archives(one, other, scratch)?,
            because_of: made_from.iter().map(|made| made.name.clone()).filter(differs).collect(),
        });
    }
    Ok(Reproduced { components, packages, first: first.packages, second: second.packages })
}
