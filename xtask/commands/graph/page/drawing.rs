//! The graph as a drawing: what is built first stands left, images right.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use medic_build::overview::Overview;

use super::super::took;
use super::layout::lay;
use super::{cut, escape};

/// A box.
const WIDTH: f64 = 168.0;
const HEIGHT: f64 = 46.0;
/// Between two columns.
const GAP: f64 = 64.0;
const MARGIN: f64 = 10.0;
/// What fits into a box in one line.
const LETTERS: usize = 20;

/// A box of the drawing.
struct Node {
    /// `component openssl`
    id: String,
    class: &'static str,
    title: String,
    below: String,
    /// What a reader is told who cannot see it, or points at it.
    told: String,
    column: usize,
}

/// The drawing, as SVG.
pub fn render(view: &Overview) -> String {
    let nodes = nodes(view);
    let index: BTreeMap<&str, usize> =
        nodes.iter().enumerate().map(|(index, node)| (node.id.as_str(), index)).collect();
    let edges = edges(view, &index);
    let columns: Vec<usize> = nodes.iter().map(|node| node.column).collect();
    let pairs: Vec<(usize, usize)> = edges.iter().map(|(from, to, _)| (*from, *to)).collect();
    let layout = lay(&columns, &pairs);
    let count = columns.iter().max().map_or(0, |last| last + 1) as f64;
    let (width, height) =
        (2.0 * MARGIN + count * WIDTH + (count - 1.0).max(0.0) * GAP, 2.0 * MARGIN + layout.height);
    let mut svg = format!(
        "<svg class=\"graph\" viewBox=\"0 0 {width:.0} {height:.0}\" style=\"width:{width:.0}px\" role=\"group\" aria-label=\"What needs what\">\n"
    );
    let left = |column: usize| MARGIN + column as f64 * (WIDTH + GAP);
    for ((from, to, critical), heights) in edges.iter().zip(&layout.edges) {
        let path = path(nodes[*from].column, heights, &left);
        let class = if *critical { "edge critical" } else { "edge" };
        let _ = writeln!(
            svg,
            "<path class=\"{class}\" d=\"{path}\" data-from=\"{}\" data-to=\"{}\"/>",
            escape(&nodes[*from].id),
            escape(&nodes[*to].id)
        );
    }
    for (node, y) in nodes.iter().zip(&layout.nodes) {
        let (x, y) = (left(node.column), MARGIN + y - HEIGHT / 2.0);
        let _ = writeln!(
            svg,
            "<g class=\"node {}\" data-id=\"{}\" tabindex=\"0\" role=\"img\" aria-label=\"{told}\"><title>{told}</title>\
             <rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"7\"/>\
             <text x=\"{tx:.1}\" y=\"{ty:.1}\" class=\"name\">{}</text>\
             <text x=\"{tx:.1}\" y=\"{tb:.1}\" class=\"more\">{}</text></g>",
            node.class,
            escape(&node.id),
            escape(&cut(&node.title, LETTERS)),
            escape(&cut(&node.below, LETTERS + 4)),
            told = escape(&node.told),
            tx = x + 12.0,
            ty = y + 19.0,
            tb = y + 36.0,
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn nodes(view: &Overview) -> Vec<Node> {
    let columns = columns(view);
    // Packages stand behind all components, images behind all packages.
    let packages = columns.values().max().map_or(0, |last| last + 1);
    let component = |one: &medic_build::overview::Component| {
        let time = one.milliseconds.map_or_else(|| "never built here".to_owned(), took);
        let critical = view.is_critical(&one.name);
        let way = if critical { "; on the critical path" } else { "" };
        Node {
            id: format!("component {}", one.name),
            class: if critical { "component critical" } else { "component" },
            title: format!("{}{}", one.name, if critical { " ◆" } else { "" }),
            below: format!("{} · {time}", one.version),
            told: format!("component {} {}: {time}{way}. {}", one.name, one.version, one.summary),
            column: columns[one.name.as_str()],
        }
    };
    let package = |one: &medic_build::overview::Package| Node {
        id: format!("package {}", one.name),
        class: "package",
        title: one.name.to_string(),
        below: "package".to_owned(),
        told: format!("package {}. {}", one.name, one.summary),
        column: packages,
    };
    let image = |one: &medic_build::overview::Image| Node {
        id: format!("image {}", one.name),
        class: "image",
        title: one.name.to_string(),
        below: "image".to_owned(),
        told: format!("image {}. {}", one.name, one.title),
        column: packages + usize::from(!view.packages.is_empty()),
    };
    let components = view.components.iter().map(component);
    components.chain(view.packages.iter().map(package)).chain(view.images.iter().map(image)).collect()
}

/// The column of each component: as far right as what needs it allows.
fn columns(view: &Overview) -> BTreeMap<&str, usize> {
    // How many columns stand behind each: those that need it are later in the order.
    let mut behind: BTreeMap<&str, usize> = BTreeMap::new();
    for one in view.components.iter().rev() {
        let own = *behind.entry(one.name.as_str()).or_insert(0);
        for need in &one.needs {
            let known = behind.entry(need.as_str()).or_insert(0);
            *known = (*known).max(own + 1);
        }
    }
    let most = behind.values().max().copied().unwrap_or(0);
    behind.into_iter().map(|(name, behind)| (name, most - behind)).collect()
}

/// From what is needed to what needs it, and whether both are on the critical path, one behind the other.
fn edges(view: &Overview, index: &BTreeMap<&str, usize>) -> Vec<(usize, usize, bool)> {
    let mut edges = Vec::new();
    let mut edge = |from: String, to: String, critical: bool| {
        if let (Some(from), Some(to)) = (index.get(from.as_str()), index.get(to.as_str())) {
            edges.push((*from, *to, critical));
        }
    };
    for one in &view.components {
        for need in &one.needs {
            let critical = view.critical_path.windows(2).any(|pair| pair[0] == *need && pair[1] == one.name);
            edge(format!("component {need}"), format!("component {}", one.name), critical);
        }
    }
    for package in &view.packages {
        for component in &package.components {
            edge(format!("component {component}"), format!("package {}", package.name), false);
        }
    }
    for image in &view.images {
        for package in &image.packages {
            edge(format!("package {package}"), format!("image {}", image.name), false);
        }
    }
    edges.sort_by_key(|(_, _, critical)| *critical);
    edges
}

/// A line through the middles of all columns from its first to its last; level where it meets a column.
fn path(first: usize, heights: &[f64], left: &impl Fn(usize) -> f64) -> String {
    let mut path = String::new();
    for (step, pair) in heights.windows(2).enumerate() {
        let (from, to) = (left(first + step) + WIDTH, left(first + step + 1));
        let (a, b, middle) = (MARGIN + pair[0], MARGIN + pair[1], (from + to) / 2.0);
        let start = if step == 0 { "M" } else { "L" };
        let _ = write!(path, "{start}{from:.1} {a:.1}C{middle:.1} {a:.1} {middle:.1} {b:.1} {to:.1} {b:.1}");
    }
    path
}
