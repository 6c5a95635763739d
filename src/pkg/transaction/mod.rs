//! Carrying out a plan so that, killed or starved at any instant, the old or the new state is what remains.
//!
//! ```text
//! journal <id>.prepare     the plan, durable before anything else happens
//! stage                    new content beside its place, under passing names
//! sync                     it is durable
//! before                   renamed into place; what was there is kept under a passing name
//! scripts                  the packages' own; with a sync, if there are any
//! journal <id>.commit      one rename: the decision, durable
//! after                    `current`, receipts, removals; passing names go
//! sync
//! journal gone
//! ```
//!
//! So the disk is waited for four times, whatever is installed. While a large archive is unpacked, the disk is already at work.
//!
//! What ends before the decision is undone, what ends after it is finished: at once on an error, by the next command or
//! boot after a kill. Undoing needs no space: it only renames and removes.

mod apply;
mod journal;
mod preflight;
mod recover;
mod scripts;
mod session;
mod sink;
mod stage;
mod touched;
mod turn;
mod undo;
mod writeback;

use std::collections::BTreeMap;
use std::time::Duration;

use fs_err::File;
use medic_archive::PackageReader;
use medic_model::{PackageName, Receipt, Sha256};

use crate::error::Error;
use crate::paths;
use crate::plan::Plan;
use crate::reporter::{Event, Reporter};
use crate::root::Root;
use journal::Journal;
use touched::Touched;

pub use session::{Session, Wait};
pub use turn::Turn;

/// What a transaction works with.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Where.
    pub root: &'a Root,
    /// Who is told.
    pub reporter: &'a dyn Reporter,
    /// Seconds since 1970.
    pub now: u64,
    /// A word that no other transaction has: part of its passing names.
    pub id: &'a str,
    /// How long a package's script may take.
    pub script_limit: Duration,
}

/// What a plan's contents are made from.
#[derive(Default)]
pub struct Materials {
    /// The archives, their manifests read already.
    pub archives: BTreeMap<PackageName, Archive>,
    /// The receipts to be.
    pub receipts: BTreeMap<PackageName, Receipt>,
}

/// A package archive that is about to be unpacked.
pub struct Archive {
    /// The reader, behind the manifest.
    pub reader: PackageReader<File>,
    /// For people.
    pub location: String,
    /// The digest that a signed index gives it.
    pub expected: Option<Sha256>,
}

/// Carries out a plan, wholly or not at all.
///
/// # Errors
/// Anything up to the decision: then everything is as before. [`Error::Unfinished`] after it, [`Error::Undecided`] when
/// undoing failed too: then the journal stays, and the next command goes on.
pub fn carry_out(context: Context<'_>, plan: &Plan, materials: Materials) -> Result<(), Error> {
    if plan.is_empty() {
        return Ok(());
    }
    preflight::check(context.root, plan)?;
    let journal = Journal::begin(context.root, context.id, context.now, plan)?;
    if let Err(source) = until_decision(context, plan, materials, &journal) {
        return Err(take_back(context, plan, journal, source));
    }
    finish(context, plan, &journal)
        .map_err(|source| Error::Unfinished { what: plan.summary(), source: Box::new(source) })?;
    for notice in &plan.notices {
        context.reporter.event(&Event::Notice { path: &notice.path, text: &notice.text });
    }
    Ok(())
}

fn until_decision(
    context: Context<'_>,
    plan: &Plan,
    materials: Materials,
    journal: &Journal,
) -> Result<(), Error> {
    let mut touched = Touched::default();
    stage::stage(context, plan, materials, &mut touched)?;
    touched.sync()?;
    apply::before(context.root, context.id, plan, &mut touched)?;
    for script in &plan.scripts {
        scripts::run(context, script)?;
    }
    // The renames need not be on the disk before the decision: recovery makes them again. What scripts did must be.
    if !plan.scripts.is_empty() {
        touched.sync()?;
    }
    journal.decide(context.root)
}

fn take_back(context: Context<'_>, plan: &Plan, journal: Journal, source: Error) -> Error {
    match undo::undo(context.root, context.id, plan).and_then(|()| journal.end(context.root)) {
        Ok(()) => source,
        Err(undo) => Error::Undecided { source: Box::new(source), undo: Box::new(undo) },
    }
}

fn finish(context: Context<'_>, plan: &Plan, journal: &Journal) -> Result<(), Error> {
    let mut touched = Touched::default();
    apply::after(context.root, context.reporter, context.id, plan, &mut touched)?;
    remember(context.root, context.reporter, journal, &mut touched)?;
    touched.sync()?;
    journal.end(context.root)
}

/// The history is for people: that it cannot be written is told, and stops nothing.
fn remember(
    root: &Root,
    reporter: &dyn Reporter,
    journal: &Journal,
    touched: &mut Touched,
) -> Result<(), Error> {
    if let Err(error) = crate::history::add(root, &journal.id, journal.at, &journal.plan) {
        reporter.event(&Event::Warning { text: &format!("the history cannot be written: {error}") });
    }
    Ok(touched.note(&root.folder(&paths::system())?)?)
}
