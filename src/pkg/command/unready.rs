//! When a service does not get ready after a change: back to what was before, and what is told of it.

use serde_json::Value;

use super::{args, object, text};
use crate::back;
use crate::error::Error;
use crate::plan::Plan;
use crate::reporter::Event;
use crate::services::{Renewal, Supervisor, Unready};
use crate::transaction::{Context, carry_out};

/// Rolls the change back, unless that is not wanted or there is no way back. Gives the error that tells of it all.
pub(super) fn answer(
    args: &args::Change,
    context: Context<'_>,
    supervisor: &Supervisor<'_>,
    renewal: &Renewal<'_>,
    plan: &Plan,
    unready: Unready,
) -> Error {
    let summary = plan.summary();
    let why = match &unready.service {
        Some(id) => format!(
            "the service '{id}' did not become ready within {} s after '{summary}': {}",
            args.ready_timeout, unready.why
        ),
        None => format!("the supervisor could not take over '{summary}': {}", unready.why),
    };
    let (rolled_back, outcome) = if args.no_auto_rollback {
        (false, "The new version stays, since --no-auto-rollback says so".to_owned())
    } else {
        context.reporter.event(&Event::Warning { text: &format!("{why}. Going back") });
        match go_back(context, supervisor, renewal, plan) {
            Ok(outcome) => (true, outcome),
            Err(error @ (Error::Unfinished { .. } | Error::Undecided { .. })) => {
                (false, format!("The way back is not at its end: {error}"))
            }
            Err(error) => (false, format!("The new version stays, since there was no way back: {error}")),
        }
    };
    Error::NotReady { why, log: unready.log, outcome, rolled_back }
}

fn go_back(
    context: Context<'_>,
    supervisor: &Supervisor<'_>,
    renewal: &Renewal<'_>,
    plan: &Plan,
) -> Result<String, Error> {
    let (mut way, materials) = back::plan(context.root, plan, renewal.before())?;
    supervisor.stop(&way, context.reporter);
    let id = format!("{}-back", context.id);
    let again = Context { id: &id, ..context };
    let mut done = carry_out(again, &way, materials);
    if let Err(error @ Error::Script { .. }) = &done {
        // A script that fails must not keep what does not run.
        context.reporter.event(&Event::Warning { text: &format!("{error}. Going back without it") });
        way.scripts.clear();
        let (_, materials) = back::plan(context.root, plan, renewal.before())?;
        done = carry_out(again, &way, materials);
    }
    if let Err(error) = done {
        supervisor.start_again(&way, context.reporter);
        return Err(error);
    }
    let unready: Vec<String> = renewal.back().iter().map(|id| format!("'{id}'")).collect();
    Ok(if unready.is_empty() {
        "It was rolled back: everything is as before, and what was ready is ready again".to_owned()
    } else {
        format!("It was rolled back: everything is as before, but not ready again: {}", unready.join(", "))
    })
}

/// What `--json` shows of it beside the changes.
pub(super) fn shape(error: &Error, changes: &mut Value) {
    if let (Error::NotReady { why, log, rolled_back, .. }, Some(map)) = (error, changes.as_object_mut()) {
        map.insert("rolled_back".to_owned(), Value::Bool(*rolled_back));
        map.insert("not_ready".to_owned(), object(&mut [("why", text(why)), ("log", log.clone().into())]));
    }
}
