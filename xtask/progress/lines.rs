//! Plain lines, for a log: each thing once, no bytes counted.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Mutex;

use super::Screen;

/// Plain lines on standard error.
#[derive(Debug, Default)]
pub struct Lines {
    // What each task said last, so that nothing is said twice.
    said: Mutex<BTreeMap<String, String>>,
}

fn write(text: &str) {
    // A log that cannot be written is no reason to stop a build.
    drop(writeln!(std::io::stderr(), "{text}"));
}

impl Screen for Lines {
    fn line(&self, text: &str) {
        write(text);
    }

    fn task(&self, key: &str, text: &str) {
        let Ok(mut said) = self.said.lock() else { return };
        if said.get(key).is_none_or(|last| last != text) {
            write(text);
            said.insert(key.to_owned(), text.to_owned());
        }
    }

    fn bytes(&self, _: &str, _: u64, _: u64) {}

    fn summary(&self, _: Option<&str>) {}

    fn done(&self, key: &str, line: Option<&str>) {
        if let Ok(mut said) = self.said.lock() {
            said.remove(key);
        }
        if let Some(line) = line {
            write(line);
        }
    }
}
