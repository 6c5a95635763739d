//! The map: every file has its place, and as much of it as it has bytes.

use super::tree::{Area, Node};
use super::*;

fn tree() -> Node {
    let files = [("a/x", 60), ("a/y/z", 30), ("b", 10), ("empty", 0)];
    Node::of("image", files.into_iter().map(|(path, size)| (path.to_owned(), size)))
}

fn view() -> ImageView {
    ImageView {
        digest: None,
        architecture: "amd64".to_owned(),
        created: None,
        config: serde_json::Value::Null,
        layers: Vec::new(),
    }
}

#[test]
fn folders_add_up_and_the_largest_comes_first() {
    let tree = tree();
    assert_eq!((tree.size, tree.children.len()), (100, 2));
    let names: Vec<_> =
        tree.children[0].children.iter().map(|child| (child.name.as_str(), child.size)).collect();
    assert_eq!(names, [("x", 60), ("y", 30)]);
}

#[test]
fn rectangles_fill_their_area_and_are_as_large_as_what_they_stand_for() {
    let sizes = [500, 300, 120, 50, 20, 5, 3, 1, 1];
    let files = sizes.iter().enumerate().map(|(index, size)| (format!("f{index}"), *size));
    let tree = Node::of("image", files);
    let whole = Area { x: 10.0, y: 20.0, width: 400.0, height: 200.0 };
    let areas = tree.areas(whole);
    assert_eq!(areas.len(), sizes.len());
    for (area, child) in areas.iter().zip(&tree.children) {
        let wanted = child.size as f64 / 1000.0 * 80_000.0;
        assert!((area.width * area.height - wanted).abs() < 1e-6, "{area:?}");
        assert!(area.x >= 10.0 && area.y >= 20.0, "{area:?}");
        assert!(area.x + area.width <= 410.0 + 1e-6 && area.y + area.height <= 220.0 + 1e-6, "{area:?}");
    }
    // Nothing lies over anything else.
    for (index, one) in areas.iter().enumerate() {
        for two in &areas[index + 1..] {
            let width = (one.x + one.width).min(two.x + two.width) - one.x.max(two.x);
            let height = (one.y + one.height).min(two.y + two.height) - one.y.max(two.y);
            assert!(width < 1e-6 || height < 1e-6, "{one:?} {two:?}");
        }
    }
    assert_eq!(Node::of("none", std::iter::empty()).areas(whole), []);
}

#[test]
fn the_page_needs_nothing_else_and_takes_names_as_text() {
    let files = [("<b>/x&y\"z".to_owned(), 5), ("b".to_owned(), 10)];
    let page = page::page("a<i>", &view(), &Node::of("image", files.into_iter()));
    assert!(page.contains("data-path=\"&lt;b&gt;/x&amp;y&quot;z\""), "{page}");
    assert!(!page.contains("<b>") && !page.contains("<i>"));
    for outside in ["http:", "https:", "src=", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn shares_are_shown_in_tenths() {
    assert_eq!((share(1, 8), share(0, 0), share(3, 3)), ("12.5 %".into(), "0.0 %".into(), "100.0 %".into()));
}
