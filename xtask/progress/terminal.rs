//! A terminal: a moving line for each task, finished ones above.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};

use super::{Screen, clock};

/// From one frame to the next.
const TICK: Duration = Duration::from_millis(120);

/// Moving lines on standard error.
#[derive(Debug)]
pub struct Terminal {
    all: MultiProgress,
    bars: Mutex<Bars>,
    colour: bool,
}

#[derive(Debug, Default)]
struct Bars {
    tasks: BTreeMap<String, ProgressBar>,
    /// How far all of it is: kept when it is hidden, so that its clock goes on.
    summary: Option<ProgressBar>,
    shown: bool,
}

impl Terminal {
    /// An empty screen.
    pub fn new(colour: bool) -> Self {
        Self { all: MultiProgress::new(), bars: Mutex::default(), colour }
    }

    fn style(&self, template: &str) -> ProgressStyle {
        let template = if self.colour {
            template.to_owned()
        } else {
            template.replace(".cyan", "").replace(".dim", "").replace(".bold", "")
        };
        ProgressStyle::with_template(&template)
            .unwrap_or_else(|_| ProgressStyle::default_spinner())
            .with_key("clock", |state: &ProgressState, to: &mut dyn std::fmt::Write| {
                // Writing to a string cannot fail.
                let _ = to.write_str(&clock::running(state.elapsed()));
            })
            .progress_chars("━╸ ")
    }

    fn working(&self) -> ProgressStyle {
        self.style("{spinner:.cyan} {wide_msg} {clock:.dim}")
    }

    fn counting(&self) -> ProgressStyle {
        self.style("{spinner:.cyan} {msg} {wide_bar:.cyan} {bytes}/{total_bytes} {bytes_per_sec:.dim}")
    }

    fn summing(&self) -> ProgressStyle {
        self.style("  {wide_msg:.bold} {clock:.dim}")
    }

    fn with_task(&self, key: &str, act: impl FnOnce(&ProgressBar)) {
        let Ok(mut bars) = self.bars.lock() else { return };
        let above = bars.summary.clone().filter(|_| bars.shown);
        let bar = bars.tasks.entry(key.to_owned()).or_insert_with(|| {
            let bar = ProgressBar::new_spinner().with_style(self.working());
            let bar = match above {
                Some(summary) => self.all.insert_before(&summary, bar),
                None => self.all.add(bar),
            };
            bar.enable_steady_tick(TICK);
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
        let bar = self.bars.lock().ok().and_then(|mut bars| bars.tasks.remove(key));
        if let Some(bar) = bar {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
        if let Some(line) = line {
            self.line(line);
        }
    }

    fn summary(&self, text: Option<&str>) {
        let Ok(mut bars) = self.bars.lock() else { return };
        match (text, bars.summary.clone()) {
            (Some(text), Some(bar)) if bars.shown => bar.set_message(text.to_owned()),
            (Some(text), known) => {
                // Its clock goes on from when it was shown first.
                let elapsed = known.map_or(Duration::ZERO, |bar| bar.elapsed());
                let bar = ProgressBar::new_spinner().with_style(self.summing()).with_elapsed(elapsed);
                let bar = self.all.add(bar);
                bar.set_message(text.to_owned());
                bar.enable_steady_tick(TICK);
                bars.summary = Some(bar);
                bars.shown = true;
            }
            (None, Some(bar)) if bars.shown => {
                bar.disable_steady_tick();
                self.all.remove(&bar);
                bars.shown = false;
            }
            (None, _) => {}
        }
    }
}
