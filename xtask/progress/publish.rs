//! The events of publishing on a screen.

use medic_build::publish::{Event, Listed, Reporter};
use medic_model::ByteSize;

use super::Screen;

/// Shows what becomes of each archive.
pub struct PublishProgress<'a>(pub &'a dyn Screen);

fn text(listed: &Listed, what: &str) -> String {
    format!("{} {} {}: {}, {what}", listed.name, listed.version, listed.arch, ByteSize(listed.size))
}

impl Reporter for PublishProgress<'_> {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Putting(listed) => self.0.task(&listed.file_name(), &text(listed, "on its way")),
            Event::Put(listed) => self.0.done(&listed.file_name(), Some(&text(listed, "put there"))),
            Event::There(listed) => self.0.line(&text(listed, "was there already")),
            // Whatever a later version of the library tells of is not shown, rather than shown wrongly.
            _ => {}
        }
    }
}
