//! The image's events on a screen.

use medic_image::{Event, Reporter};
use medic_model::{PackageName, Version};

use super::Screen;

/// Shows an image's events.
pub struct ImageProgress<'a>(pub &'a dyn Screen);

const DOCKER: &str = "docker";
const DOCKER_WORDS: &str = "docker's words";

/// Docker has the image, or does not answer: its lines are over.
pub fn loaded(screen: &dyn Screen) {
    screen.done(DOCKER, None);
    screen.done(DOCKER_WORDS, None);
}

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
                self.0.task(DOCKER, "loading into Docker");
                self.0.bytes(DOCKER, done, total);
            }
            Event::Loading { message } => {
                let words = message.trim();
                if !words.is_empty() {
                    self.0.task(DOCKER_WORDS, &format!("Docker: {words}"));
                }
            }
            Event::Unpacking { done, total } if done == total => self.0.done("unpacking", None),
            Event::Unpacking { total, .. } => self.0.task("unpacking", &format!("unpacking {total} layers")),
            Event::Warning { message } => self.0.line(&format!("warning: {message}")),
            // Whatever a later version of the library tells of is not shown, rather than shown wrongly.
            _ => {}
        }
    }
}
