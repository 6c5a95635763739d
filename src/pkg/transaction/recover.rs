//! What a killed `pkg` left: finished if it was decided, undone if not.

use super::journal::{Journal, Stage};
use super::touched::Touched;
use super::{apply, undo};
use crate::error::Error;
use crate::reporter::{Event, Reporter};
use crate::root::Root;

/// Whether anything is to be recovered.
pub(super) fn is_needed(root: &Root) -> Result<bool, Error> {
    Journal::is_any(root)
}

/// Finishes or undoes every transaction in the journal. The lock must be held. Gives whether there was any.
pub(super) fn recover(root: &Root, reporter: &dyn Reporter) -> Result<bool, Error> {
    let left = Journal::left(root)?;
    for (stage, journal) in &left {
        let mut touched = Touched::default();
        match stage {
            Stage::Prepared => undo::undo(root, &journal.id, &journal.plan)?,
            Stage::Decided => {
                apply::after(root, reporter, &journal.id, &journal.plan, &mut touched)?;
                touched.sync()?;
                super::remember(root, reporter, journal);
            }
        }
        journal.end(root)?;
        let what = journal.plan.summary();
        reporter.event(&Event::Recovered { what: &what, finished: *stage == Stage::Decided });
    }
    Ok(!left.is_empty())
}
