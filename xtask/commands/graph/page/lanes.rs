//! A build's timeline as a drawing: a lane for each component that ran at one time, its steps within it.

use std::fmt::Write as _;

use medic_build::timeline::{Run, State, Timed, Timeline};

use super::super::took;
use super::{cut, escape};

const WIDTH: f64 = 1080.0;
const LEFT: f64 = 12.0;
const TOP: f64 = 30.0;
const LANE: f64 = 34.0;
const BAR: f64 = 26.0;
/// A line of what is told below the lanes.
const LINE: f64 = 18.0;
/// About the width of a letter.
const LETTER: f64 = 7.2;

/// The drawing, as SVG.
pub fn render(build: &Timeline) -> String {
    let path = build.critical_path();
    let ran: Vec<(&Timed, &Run)> =
        build.components.iter().filter_map(|one| one.run.as_ref().map(|run| (one, run))).collect();
    let lanes = ran.iter().map(|(_, run)| run.lane + 1).max().unwrap_or(0);
    let scale = Scale::new(build.milliseconds);
    let bottom = TOP + lanes as f64 * LANE;
    let steps = ran.iter().map(|(_, run)| run.steps.len()).max().unwrap_or(0);
    let height = bottom + 14.0 + (steps as f64 + 2.0) * LINE;
    let mut svg = format!(
        "<svg class=\"lanes\" viewBox=\"0 0 {WIDTH:.0} {height:.0}\" role=\"group\" aria-label=\"When each component was built\">\n"
    );
    for tick in scale.ticks() {
        let x = scale.x(tick);
        let _ = writeln!(
            svg,
            "<line class=\"tick\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom:.1}\"/><text class=\"axis\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
            TOP - 10.0,
            clock(tick)
        );
    }
    if scale.x(build.prepared) > LEFT + 1.0 {
        let _ = writeln!(
            svg,
            "<g><title>sources, build root and compiler made ready: {}</title><rect class=\"prepare\" x=\"{LEFT}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\"/></g>",
            took(build.prepared),
            scale.x(build.prepared) - LEFT,
            bottom - TOP
        );
    }
    let _ = writeln!(
        svg,
        "<text class=\"hint\" x=\"{LEFT}\" y=\"{:.1}\">Point at a bar, or go to it with the Tab key, to see its steps.</text>",
        bottom + 14.0 + LINE
    );
    for (one, run) in &ran {
        svg.push_str(&bar(one, run, path.contains(&one.name), &scale, bottom + 14.0, height));
    }
    svg.push_str("</svg>\n");
    svg
}

/// A component: its bar, its steps in the bar, and what is told of it while it is pointed at.
fn bar(one: &Timed, run: &Run, critical: bool, scale: &Scale, told_at: f64, height: f64) -> String {
    let y = TOP + run.lane as f64 * LANE + (LANE - BAR) / 2.0;
    let (x, end) = (scale.x(run.start), scale.x(run.end));
    let width = (end - x).max(2.0);
    let state = if one.state == State::Failed { " failed" } else { "" };
    let way = if critical { " critical" } else { "" };
    let head = head(one, run, critical);
    let mut svg = format!(
        "<g class=\"bar{way}{state}\" data-id=\"component {name}\" tabindex=\"0\" role=\"img\" aria-label=\"{}\"><title>{}</title>",
        escape(&format!("{head}: {}", told_steps(run).join(", "))),
        escape(&head),
        name = escape(one.name.as_str()),
    );
    let _ = write!(
        svg,
        "<rect class=\"whole\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"4\"/>"
    );
    for (index, step) in run.steps.iter().enumerate() {
        let from = scale.x(step.start);
        let wide = (scale.x(step.end) - from).max(0.0);
        let _ = write!(
            svg,
            "<rect class=\"step s{}\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{wide:.1}\" height=\"{:.1}\"><title>{}</title></rect>",
            index % 2,
            y + 3.0,
            BAR - 6.0,
            escape(&format!("{} {}: {}", one.name, step.name, took(step.end.saturating_sub(step.start))))
        );
    }
    let letters = ((width - 10.0) / LETTER).max(0.0) as usize;
    if letters >= 3 {
        let name = cut(&format!("{}{}", if critical { "◆ " } else { "" }, one.name), letters);
        let _ = write!(
            svg,
            "<text class=\"label\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            x + 7.0,
            y + BAR / 2.0 + 4.5,
            escape(&name)
        );
    }
    let _ = write!(
        svg,
        "<g class=\"told\"><rect x=\"0\" y=\"{told_at:.1}\" width=\"{WIDTH}\" height=\"{:.1}\"/><text x=\"{LEFT}\" y=\"{:.1}\" class=\"head\">{}</text>",
        height - told_at,
        told_at + LINE,
        escape(&head)
    );
    for (index, text) in told_steps(run).iter().enumerate() {
        let y = told_at + (index as f64 + 2.0) * LINE;
        let _ = write!(svg, "<text x=\"{:.1}\" y=\"{y:.1}\">{}</text>", LEFT + 14.0, escape(text));
    }
    svg.push_str("</g></g>\n");
    svg
}

/// `openssl 3.5.7: built in 2 min 19 s, from 0:03 to 2:22; its end was waited for`
fn head(one: &Timed, run: &Run, critical: bool) -> String {
    let state = if one.state == State::Failed { "FAILED after" } else { "built in" };
    let way = if critical { "; on the critical path of this build" } else { "" };
    format!(
        "{} {}: {state} {}, from {} to {}{way}",
        one.name,
        one.version,
        took(run.milliseconds()),
        clock(run.start),
        clock(run.end)
    )
}

/// `compile: 1 min 50 s, 2 jobs`
pub fn told_steps(run: &Run) -> Vec<String> {
    let step = |step: &medic_build::timeline::TimedStep| {
        let jobs = if step.jobs == 1 { "1 job".to_owned() } else { format!("{} jobs", step.jobs) };
        format!("{}: {}, {jobs}", step.name, took(step.end.saturating_sub(step.start)))
    };
    run.steps.iter().map(step).collect()
}

/// Milliseconds as `1:23` or `1:02:03` since the beginning.
fn clock(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        0..3600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        _ => format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
    }
}

struct Scale {
    milliseconds: u64,
}

impl Scale {
    fn new(milliseconds: u64) -> Self {
        Self { milliseconds: milliseconds.max(1) }
    }

    fn x(&self, at: u64) -> f64 {
        LEFT + at.min(self.milliseconds) as f64 / self.milliseconds as f64 * (WIDTH - 2.0 * LEFT)
    }

    /// At most ten marks at round times.
    fn ticks(&self) -> Vec<u64> {
        const ROUND: [u64; 14] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
        let wide = |step: &&u64| self.milliseconds / (**step * 1000) <= 10;
        let step = ROUND.iter().find(wide).copied().unwrap_or(self.milliseconds / 10_000) * 1000;
        (0..=self.milliseconds / step).map(|index| index * step).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_few_and_round() {
        let ticks = |milliseconds| Scale::new(milliseconds).ticks();
        assert_eq!(ticks(9_500), (0..10).map(|s| s * 1000).collect::<Vec<_>>());
        assert_eq!(ticks(450_000)[1], 60_000);
        assert_eq!(ticks(0), [0]);
        for milliseconds in [1, 999, 61_000, 7_000_000, 90_000_000, u64::MAX] {
            assert!(ticks(milliseconds).len() <= 12, "{milliseconds}");
        }
    }

    #[test]
    fn times_of_a_build_are_read_like_a_clock() {
        assert_eq!([0, 83_999, 3_723_000].map(clock), ["0:00", "1:23", "1:02:03"]);
    }
}
