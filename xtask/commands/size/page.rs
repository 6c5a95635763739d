//! The page: a map in which every rectangle is as large as its file, and a table. It is one file, and asks the network for nothing.

use std::fmt::Write as _;

use medic_image::look::ImageView;
use medic_model::ByteSize;

use super::share;
use super::tree::{Area, Node};

const CSS: &str = include_str!("page.css");
const JS: &str = include_str!("page.js");

/// The map's size, in its own units.
const WHOLE: Area = Area { x: 0.0, y: 0.0, width: 1600.0, height: 900.0 };
/// What a folder keeps for its name.
const HEAD: f64 = 16.0;
/// Between a folder's edge and what is in it.
const EDGE: f64 = 2.0;
/// A rectangle less wide or high than this is drawn, and nothing in it.
const LEAST: f64 = 1.0;
/// How many letters fit into a unit of width at the map's usual size of letters.
const LETTERS: f64 = 1.0 / 7.0;

/// The page for an image.
pub fn page(name: &str, view: &ImageView, tree: &Node) -> String {
    let mut map = String::new();
    draw(&mut map, tree, WHOLE, "", tree.size, 0);
    let mut rows = String::new();
    for package in &tree.children {
        let _ = writeln!(
            rows,
            "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
            escaped(&package.name),
            ByteSize(package.size),
            share(package.size, tree.size)
        );
    }
    let digest = view.digest.as_deref().unwrap_or("no manifest of the OCI");
    let name = escaped(name);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{name}: where the bytes are</title>\n\
         <style>\n{CSS}</style>\n</head>\n<body>\n<h1>{name}</h1>\n\
         <p>{} in {} files, {} compressed; {}, {digest}</p>\n\
         <p class=\"help\">Every rectangle is as large as its file. Point at one for its name; press on a folder to look into it.</p>\n\
         <p id=\"at\"><button id=\"out\" type=\"button\" disabled>out</button> <span id=\"path\">{name}</span></p>\n\
         <svg id=\"map\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"a map of the files of {name}\">\n{map}</svg>\n\
         <table>\n<thead><tr><th>package</th><th>size</th><th>share</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n\
         <script>\n{JS}</script>\n</body>\n</html>\n",
        ByteSize(tree.size),
        count(tree),
        ByteSize(view.compressed_size()),
        escaped(&view.architecture),
        WHOLE.width,
        WHOLE.height,
    )
}

fn count(node: &Node) -> usize {
    if node.children.is_empty() { usize::from(node.size > 0) } else { node.children.iter().map(count).sum() }
}

fn draw(map: &mut String, node: &Node, area: Area, path: &str, whole: u64, depth: usize) {
    for (child, area) in node.children.iter().zip(node.areas(area)) {
        let path = if path.is_empty() { child.name.clone() } else { format!("{path}/{}", child.name) };
        let kind = if child.children.is_empty() { "file" } else { "folder" };
        let title = format!("{path}: {}, {}", ByteSize(child.size), share(child.size, whole));
        let Area { x, y, width, height } = area;
        let _ = write!(
            map,
            "<g class=\"{kind} depth{}\" data-path=\"{}\"{}><title>{}</title><rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\"/>",
            depth.min(4),
            escaped(&path),
            if kind == "folder" { " tabindex=\"0\"" } else { "" },
            escaped(&title),
        );
        let fits = (width * LETTERS) as usize;
        if height > HEAD && fits >= 3 {
            let words: String = child.name.chars().take(fits).collect();
            let _ =
                write!(map, "<text x=\"{:.2}\" y=\"{:.2}\">{}</text>", x + 3.0, y + 12.0, escaped(&words));
        }
        map.push_str("</g>\n");
        let head = if height > 2.0 * HEAD { HEAD } else { 0.0 };
        let edge = if width.min(height) > 8.0 * EDGE { EDGE } else { 0.0 };
        let inner = Area {
            x: x + edge,
            y: y + head + edge,
            width: width - 2.0 * edge,
            height: height - head - 2.0 * edge,
        };
        if inner.width > LEAST && inner.height > LEAST {
            draw(map, child, inner, &path, whole, depth + 1);
        }
    }
}

/// A text as it stands in a page.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut text, letter| {
        match letter {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            letter => text.push(letter),
        }
        text
    })
}
