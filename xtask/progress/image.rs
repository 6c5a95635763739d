//! The image's events on a screen.

use medic_image::{Event, Reporter};
use medic_model::{PackageName, Version};

use super::Screen;

/// Shows an image's events.
pub struct ImageProgress<'a>(pub &'a dyn Screen);

fn layer(package: &PackageName, version: &Version) -> String {
    format!("layer of {package} {version}")
}

impl Reporter for ImageProgress<'_> {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::LayerStarted { package, version, size } => {
                let key = layer(package, version);
                self.0.task(&key, &format!("{key}: compressing {size}"));
            }
            Event::LayerDone { package, version, size } => {
                let key = layer(package, version);
                self.0.done(&key, Some(&format!("{key}: {size}")));
            }
            Event::LayerReused { .. } => {}
            Event::Sent { done, total } => {
                self.0.task("docker", "loading into Docker");
                self.0.bytes("docker", done, total);
                if done == total {
                    self.0.done("docker", None);
                }
            }
            Event::Loading { message } => self.0.task("docker loads", &format!("Docker: {}", message.trim())),
            Event::Unpacking { done, total } if done == total => self.0.done("unpacking", None),
            Event::Unpacking { total, .. } => self.0.task("unpacking", &format!("unpacking {total} layers")),
            Event::Warning { message } => self.0.line(&format!("warning: {message}")),
            // Whatever a later version of the library tells of is not shown, rather than shown wrongly.
            _ => {}
        }
    }
}
