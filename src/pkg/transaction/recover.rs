//! What a killed `pkg` left: finished if it was decided, undone if not.

use super::journal::{Journal, Stage};
use super::touched::Touched;
use super::{apply, undo};
use crate::error::Error;
use crate::plan::Change;
use crate::reporter::{Event, Reporter};
use crate::root::Root;

/// Whether anything is to be recovered.
pub(super) fn is_needed(root: &Root) -> Result<bool, Error> {
    Journal::is_any(root)
}

/// Finishes or undoes every transaction in the journal. The lock must be held. Gives what was finished; none when there was nothing
/// in the journal.
pub(super) fn recover(root: &Root, reporter: &dyn Reporter) -> Result<Option<Vec<Change>>, Error> {
    let left = Journal::left(root)?;
    let any = !left.is_empty();
    let mut finished = Vec::new();
    for (stage, journal) in left {
        let mut touched = Touched::default();
        match stage {
            Stage::Prepared => undo::undo(root, &journal.id, &journal.plan)?,
            Stage::Decided => {
                apply::finish(root, reporter, &journal.id, &journal.plan, &mut touched)?;
                super::remember(root, reporter, &journal, &mut touched)?;
                touched.sync()?;
            }
        }
        journal.end(root)?;
        let what = journal.plan.summary();
        reporter.event(&Event::Recovered { what: &what, finished: stage == Stage::Decided });
        if stage == Stage::Decided {
            finished.extend(journal.plan.changes);
        }
    }
    Ok(any.then_some(finished))
}
