//! The graph in Graphviz's language. <https://graphviz.org/doc/info/lang.html>

use medic_build::overview::{Component, Overview};

use super::took;

/// A directed graph: an arrow from each thing to what it is made of or needs; the way that takes longest is bold.
pub fn render(view: &Overview) -> String {
    let mut text = String::from(
        "digraph \"medic-os\" {\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n  edge [color=\"#888888\"];\n",
    );
    let mut line = |line: String| text.push_str(&format!("  {line};\n"));
    for image in &view.images {
        let id = quoted(&format!("image {}", image.name));
        line(format!("{id} [label={}, shape=component]", label(&["image", image.name.as_str()])));
        for package in &image.packages {
            line(format!("{id} -> {}", quoted(&format!("package {package}"))));
        }
    }
    for package in &view.packages {
        let id = quoted(&format!("package {}", package.name));
        line(format!("{id} [label={}, shape=folder]", label(&["package", package.name.as_str()])));
        for component in &package.components {
            line(format!("{id} -> {}", quoted(component.as_str())));
        }
    }
    for one in &view.components {
        line(node(view, one));
        for need in &one.needs {
            let both = view.critical_path.windows(2).any(|pair| pair == [need.clone(), one.name.clone()]);
            let style = if both { " [color=\"#d1242f\", penwidth=2]" } else { "" };
            line(format!("{} -> {}{style}", quoted(one.name.as_str()), quoted(need.as_str())));
        }
    }
    text.push_str("}\n");
    text
}

fn node(view: &Overview, one: &Component) -> String {
    let time = one.milliseconds.map_or_else(|| "never built".to_owned(), took);
    let label = label(&[one.name.as_str(), &one.version.to_string(), &time]);
    let style = if view.is_critical(&one.name) { ", color=\"#d1242f\", penwidth=2" } else { "" };
    format!("{} [label={label}{style}]", quoted(one.name.as_str()))
}

/// A double-quoted string: in it only quotes and backslashes mean something.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn label(lines: &[&str]) -> String {
    let lines: Vec<String> =
        lines.iter().map(|line| line.replace('\\', "\\\\").replace('"', "\\\"")).collect();
    format!("\"{}\"", lines.join("\\n"))
}
