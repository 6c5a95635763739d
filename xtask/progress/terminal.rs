//! A terminal: a moving line for each task, finished ones above.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::Screen;

/// Moving lines on standard error.
#[derive(Debug)]
pub struct Terminal {
    all: MultiProgress,
    tasks: Mutex<BTreeMap<String, ProgressBar>>,
    colour: bool,
}

impl Terminal {
    /// An empty screen.
    pub fn new(colour: bool) -> Self {
        Self { all: MultiProgress::new(), tasks: Mutex::default(), colour }
    }

    fn style(&self, template: &str) -> ProgressStyle {
        let template =
            if self.colour { template.to_owned() } else { template.replace(".cyan", "").replace(".dim", "") };
        ProgressStyle::with_template(&template)
            .unwrap_or_else(|_| ProgressStyle::default_spinner())
            .progress_chars("━╸ ")
    }

    fn working(&self) -> ProgressStyle {
        self.style("{spinner:.cyan} {wide_msg} {elapsed:.dim}")
    }

    fn counting(&self) -> ProgressStyle {
        self.style("{spinner:.cyan} {msg} {wide_bar:.cyan} {bytes}/{total_bytes} {bytes_per_sec:.dim}")
    }

    fn with_task(&self, key: &str, act: impl FnOnce(&ProgressBar)) {
        let Ok(mut tasks) = self.tasks.lock() else { return };
        let bar = tasks.entry(key.to_owned()).or_insert_with(|| {
            let bar = self.all.add(ProgressBar::new_spinner().with_style(self.working()));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        act(bar);
    }
}

impl Screen for Terminal {
    fn line(&self, text: &str) {
        // Only fails when the terminal is gone; there is nobody to tell then.
        drop(self.all.println(text));
    }

    fn task(&self, key: &str, text: &str) {
        self.with_task(key, |bar| bar.set_message(text.to_owned()));
    }

    fn bytes(&self, key: &str, done: u64, total: u64) {
        let style = (total > 0).then(|| self.counting());
        self.with_task(key, |bar| {
            if let Some(style) = style.filter(|_| bar.length() != Some(total)) {
                bar.set_style(style);
                bar.set_length(total);
            }
            bar.set_position(done);
        });
    }

    fn done(&self, key: &str, line: Option<&str>) {
        let bar = self.tasks.lock().ok().and_then(|mut tasks| tasks.remove(key));
        if let Some(bar) = bar {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
        if let Some(line) = line {
            self.line(line);
        }
    }
}
