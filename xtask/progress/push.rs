//! The events of a push on a screen, and what its user hears while it waits.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use medic_build::publish::registry::{Machine, RegistryError, Waiting};
use medic_image::push::{Event, Reporter};
use medic_model::ByteSize;

use super::Screen;

/// Shows each blob that is on its way.
pub struct PushProgress<'a>(pub &'a dyn Screen);

impl Reporter for PushProgress<'_> {
    fn event(&self, event: Event<'_>) {
        let key = |blob: &medic_image::push::Blob| format!("push {}", blob.digest);
        match event {
            Event::Sending { blob, done } => {
                self.0.task(&key(blob), &blob.what);
                self.0.bytes(&key(blob), done, blob.size);
            }
            Event::Sent(blob) => {
                self.0.done(&key(blob), Some(&format!("{}: {} sent", blob.what, ByteSize(blob.size))));
            }
            Event::Mounted(blob) => {
                self.0.done(&key(blob), Some(&format!("{}: the registry has it", blob.what)));
            }
            // What was there already is in the result; whatever a later version of the library tells of is not shown.
            _ => {}
        }
    }
}

/// This machine's time; whoever waits is told why.
pub struct Patience(pub Arc<dyn Screen>);

impl Waiting for Patience {
    fn now(&self) -> SystemTime {
        Machine.now()
    }

    fn wait(&self, time: Duration, why: &RegistryError) {
        self.0.line(&format!("warning: {why}; tried again in {:.1} s", time.as_secs_f64()));
        Machine.wait(time, why);
    }

    fn chance(&self) -> f64 {
        Machine.chance()
    }
}
