//! The events of fetching on a screen.

use medic_build::fetch::Event;
use medic_model::ByteSize;

use super::Screen;

fn short(id: impl ToString) -> String {
    id.to_string().chars().take(12).collect()
}

/// Shows one.
pub fn show(screen: &dyn Screen, event: &Event) {
    match event {
        Event::Started { id, label, location, .. } => {
            screen.task(&short(id), &format!("{label}: fetching from {location}"))
        }
        Event::Progress { id, bytes, total } => screen.bytes(&short(id), *bytes, total.unwrap_or(0)),
        Event::Finished { location: None, .. } => {}
        Event::Finished { id, label, bytes, .. } => {
            screen.done(&short(id), Some(&format!("{label}: fetched, {}", ByteSize(*bytes))));
        }
        Event::Retry { location, reason, delay, .. } => {
            screen.line(&format!("{location}: {reason}; trying again in {:.1} s", delay.as_secs_f32()));
        }
        Event::WrongDigest { id, location, found } => {
            let line =
                format!("warning: {location} has another file: its sha256 is {found}, and {id} is meant");
            screen.done(&short(id), Some(&line));
        }
        Event::LocationFailed { id, location, reason } => {
            screen.done(&short(id), Some(&format!("not to be had from {location}: {reason}")));
        }
        Event::Damaged { path, .. } => {
            screen.line(&format!("warning: {} was damaged and is fetched again", path.display()));
        }
    }
}
