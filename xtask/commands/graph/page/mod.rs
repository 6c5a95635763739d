//! The graph as one page: a drawing, the last build's timeline, a table. It asks nothing of the network and needs no script:
//! with one, pointing at a thing shows what it needs and what needs it.

mod drawing;
mod lanes;
mod layout;

use std::fmt::Write as _;

use medic_build::overview::{Component, Overview};
use medic_build::timeline::{State, Timeline};
use medic_model::{ByteSize, ComponentName};

use super::{day, took};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page.
pub fn render(view: &Overview) -> String {
    let title = title(view);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n",
        title = escape(&title)
    );
    page.push_str(&graph(view));
    page.push_str(&build(view));
    page.push_str(&table(view));
    let _ = write!(page, "</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n");
    page
}

fn title(view: &Overview) -> String {
    let names: Vec<String> = match (view.images.as_slice(), view.packages.as_slice()) {
        ([], []) => view.components.iter().rev().take(1).map(|one| one.name.to_string()).collect(),
        ([], packages) => packages.iter().map(|one| one.name.to_string()).collect(),
        (images, _) => images.iter().map(|one| one.name.to_string()).collect(),
    };
    format!("Medic OS: {} ({})", names.join(", "), view.arch)
}

/// A number with what it is of.
fn figure(number: &str, of: &str) -> String {
    format!("<div><dt>{}</dt><dd>{}</dd></div>", escape(of), escape(number))
}

fn names(names: &[ComponentName]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("<b>{}</b>", escape(name.as_str()))).collect();
    names.join(" → ")
}

fn graph(view: &Overview) -> String {
    let unknown = match view.unknown() {
        0 => String::new(),
        unknown => format!("<p>{unknown} components were never built here: their times are not known.</p>"),
    };
    format!(
        "<section aria-labelledby=\"what\">\n<h2 id=\"what\">What needs what</h2>\n<dl>{}{}{}</dl>\n\
         <p id=\"critical-path\">Critical path <span class=\"mark\">◆</span> {}</p>\n{unknown}<div class=\"scroll\">\n{}</div>\n\
         <p class=\"legend\"><span class=\"key component\"></span>component <span class=\"key package\"></span>package \
         <span class=\"key image\"></span>image <span class=\"key critical\"></span>critical path: however many processors there are, a build of everything takes no less</p>\n</section>\n",
        figure(&view.components.len().to_string(), "components"),
        figure(&took(view.work()), "one after another"),
        figure(&took(view.critical()), "critical path"),
        names(&view.critical_path),
        drawing::render(view)
    )
}

fn build(view: &Overview) -> String {
    let Some(build) = &view.last_build else {
        return "<section>\n<h2>The last build</h2>\n<p>No build of these components is recorded in the store yet: a build that builds something leaves a record.</p>\n</section>\n".to_owned();
    };
    let ran = build.components.iter().filter(|one| one.run.is_some()).count();
    let stored = build.components.iter().filter(|one| one.state == State::Stored).count();
    let parallel = build.work() as f64 / build.milliseconds.max(1) as f64;
    format!(
        "<section aria-labelledby=\"when\">\n<h2 id=\"when\">The last build</h2>\n<p>{} · <code>{}</code></p>\n<dl>{}{}{}{}{}{}</dl>\n\
         <p id=\"waited-for\">Its end waited for <span class=\"mark\">◆</span> {}{}</p>\n<div class=\"scroll\">\n{}</div>\n</section>\n",
        day(build.started),
        escape(&build.command_line),
        figure(&took(build.milliseconds), "from begin to end"),
        figure(&took(build.work()), "of work"),
        figure(&format!("{parallel:.1}"), "side by side, on average"),
        figure(&format!("{ran}, {stored}"), "components built, in the store"),
        figure(&build.jobs.to_string(), "jobs"),
        figure(&ByteSize(build.memory).to_string(), "memory"),
        names(&build.critical_path()),
        outcome(build),
        lanes::render(build)
    )
}

/// What went wrong, if anything did.
fn outcome(build: &Timeline) -> String {
    let of = |state: State| -> Vec<String> {
        let names = build.components.iter().filter(|one| one.state == state);
        names.map(|one| escape(one.name.as_str())).collect()
    };
    let mut text = String::new();
    for (state, says) in
        [(State::Failed, "FAILED"), (State::Skipped, "not tried"), (State::NotBegun, "not begun")]
    {
        let names = of(state);
        if !names.is_empty() {
            let _ = write!(text, ". <strong>{says}: {}</strong>", names.join(", "));
        }
    }
    text
}

fn table(view: &Overview) -> String {
    let rows: String = view.components.iter().map(|one| row(view, one)).collect();
    let last = view
        .last_build
        .as_ref()
        .map_or("", |_| "<th scope=\"col\">in the last build</th><th scope=\"col\">steps</th>");
    format!(
        "<section aria-labelledby=\"each\">\n<h2 id=\"each\">Each component</h2>\n<div class=\"scroll\">\n<table>\n\
         <thead><tr><th scope=\"col\">component</th><th scope=\"col\">version</th><th scope=\"col\">needs</th>\
         <th scope=\"col\" class=\"number\">time</th>{last}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n</section>\n"
    )
}

fn row(view: &Overview, one: &Component) -> String {
    let needs: Vec<String> = one.needs.iter().map(ToString::to_string).collect();
    let mark = if view.is_critical(&one.name) {
        " <span class=\"mark\" title=\"critical path\">◆</span>"
    } else {
        ""
    };
    format!(
        "<tr data-id=\"component {name}\"><th scope=\"row\">{name}{mark}</th><td>{}</td><td>{}</td><td class=\"number\">{}</td>{}</tr>\n",
        escape(&one.version.to_string()),
        escape(&needs.join(", ")),
        one.milliseconds.map_or_else(|| "?".to_owned(), took),
        view.last_build.as_ref().map_or_else(String::new, |build| in_build(build, &one.name)),
        name = escape(one.name.as_str()),
    )
}

/// What became of a component in a build, and its steps.
fn in_build(build: &Timeline, name: &ComponentName) -> String {
    let timed = build.component(name);
    let state = timed.map_or("not part of it", |timed| match timed.state {
        State::Built => "built",
        State::Stored => "in the store",
        State::Failed => "FAILED",
        State::Skipped => "not tried",
        State::NotBegun => "not begun",
    });
    let steps = timed.and_then(|timed| timed.run.as_ref()).map(lanes::told_steps).unwrap_or_default();
    format!("<td>{state}</td><td>{}</td>", escape(&steps.join(" · ")))
}

/// Text as it may stand between tags, and in an attribute's double quotes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter if letter.is_control() && letter != '\n' => escaped.push('\u{fffd}'),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// At most so many letters of a text.
fn cut(text: &str, letters: usize) -> String {
    match text.char_indices().nth(letters) {
        None => text.to_owned(),
        Some(_) => text.chars().take(letters.saturating_sub(1)).chain(['…']).collect(),
    }
}
