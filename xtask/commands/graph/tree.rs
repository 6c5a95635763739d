//! The graph as a tree of text.

use std::collections::BTreeSet;

use medic_build::overview::{Component, Overview};
use medic_model::{ComponentName, PackageName};

use super::{day, took};

/// A line of the tree: what is drawn before it, what it says, and of which component it is.
struct Line<'a> {
    text: String,
    component: Option<&'a Component>,
}

/// Every image with its packages and their components, then what is in no image; the totals below.
pub fn render(view: &Overview) -> String {
    let mut tree = Tree { view, lines: Vec::new(), seen: BTreeSet::new() };
    for image in &view.images {
        tree.root(format!("image {}", image.name));
        let packages: Vec<_> = image.packages.iter().collect();
        tree.packages(&packages, "");
    }
    let in_images: BTreeSet<_> = view.images.iter().flat_map(|image| &image.packages).collect();
    for package in view.packages.iter().filter(|package| !in_images.contains(&package.name)) {
        tree.root(format!("package {}", package.name));
        tree.components(&package.components, "");
    }
    let needed: BTreeSet<_> = view.components.iter().flat_map(|one| &one.needs).collect();
    let packed: BTreeSet<_> = view.packages.iter().flat_map(|package| &package.components).collect();
    for one in view.components.iter().filter(|one| !needed.contains(&one.name) && !packed.contains(&one.name))
    {
        tree.component(&one.name, "", "");
    }
    let text = aligned(view, &tree.lines);
    format!("{text}{}", totals(view))
}

struct Tree<'a> {
    view: &'a Overview,
    lines: Vec<Line<'a>>,
    seen: BTreeSet<&'a ComponentName>,
}

impl<'a> Tree<'a> {
    fn root(&mut self, text: String) {
        self.lines.push(Line { text, component: None });
    }

    fn packages(&mut self, names: &[&'a PackageName], before: &str) {
        let view = self.view;
        for (index, name) in names.iter().enumerate() {
            let (branch, below) = branches(index + 1 == names.len());
            self.root(format!("{before}{branch}package {name}"));
            if let Some(package) = view.packages.iter().find(|package| package.name == **name) {
                self.components(&package.components, &format!("{before}{below}"));
            }
        }
    }

    fn components(&mut self, names: &'a [ComponentName], before: &str) {
        for (index, name) in names.iter().enumerate() {
            let (branch, below) = branches(index + 1 == names.len());
            self.component(name, &format!("{before}{branch}"), &format!("{before}{below}"));
        }
    }

    fn component(&mut self, name: &ComponentName, first: &str, below: &str) {
        let Some(one) = self.view.component(name) else { return };
        let again = !self.seen.insert(&one.name) && !one.needs.is_empty();
        let more = if again { " (its needs are above)" } else { "" };
        let text = format!("{first}{} {}{more}", one.name, one.version);
        self.lines.push(Line { text, component: Some(one) });
        if !again {
            self.components(&one.needs, below);
        }
    }
}

fn branches(last: bool) -> (&'static str, &'static str) {
    if last { ("└─ ", "   ") } else { ("├─ ", "│  ") }
}

/// The lines with the times in a column behind them.
fn aligned(view: &Overview, lines: &[Line<'_>]) -> String {
    let width = lines.iter().map(|line| line.text.chars().count()).max().unwrap_or(0);
    let line = |line: &Line<'_>| {
        let Some(one) = line.component else { return format!("{}\n", line.text) };
        let time = one.milliseconds.map_or_else(|| "?".to_owned(), took);
        let mark = if view.is_critical(&one.name) { " *" } else { "" };
        format!("{:<width$}  {time:>12}{mark}\n", line.text)
    };
    lines.iter().map(line).collect()
}

fn totals(view: &Overview) -> String {
    let count = match view.components.len() {
        1 => "1 component".to_owned(),
        count => format!("{count} components"),
    };
    let unknown = match view.unknown() {
        0 => String::new(),
        unknown => format!(" ({unknown} of them never built here: their time is unknown)"),
    };
    let names: Vec<&str> = view.critical_path.iter().map(ComponentName::as_str).collect();
    let mut text = format!(
        "\n{count}{unknown}, {} one after another\n* the way that takes longest, {}: {}\n",
        took(view.work()),
        took(view.critical()),
        names.join(" → ")
    );
    if let Some(build) = &view.last_build {
        let path: Vec<String> = build.critical_path().iter().map(ToString::to_string).collect();
        text.push_str(&format!(
            "last build, {}: {} for {} of work, {} jobs; its end waited for {}\n",
            day(build.started),
            took(build.milliseconds),
            took(build.work()),
            build.jobs,
            path.join(" → ")
        ));
    }
    text
}
