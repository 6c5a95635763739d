use medic_build::overview::{Component, Image, Overview, Package};
use medic_build::timeline::{FORMAT as TIMELINE, Run, State, Timed, TimedStep, Timeline};

use super::*;

fn component(name: &str, needs: &[&str], milliseconds: Option<u64>) -> Component {
    Component {
        name: name.parse().expect("a name"),
        version: "1.2".parse().expect("a version"),
        summary: format!("What \"{name}\" <is> & does"),
        needs: needs.iter().map(|need| need.parse().expect("a name")).collect(),
        milliseconds,
    }
}

fn timed(name: &str, needs: &[&str], state: State, run: Option<(usize, u64, u64)>) -> Timed {
    let step = |start, end| TimedStep { name: "make <all> & \"x\"".to_owned(), jobs: 2, start, end };
    Timed {
        name: name.parse().expect("a name"),
        version: "1.2".parse().expect("a version"),
        state,
        because: None,
        key: None,
        needs: needs.iter().map(|need| need.parse().expect("a name")).collect(),
        run: run.map(|(lane, start, end)| Run { lane, start, end, steps: vec![step(start + 10, end)] }),
    }
}

/// nginx with openssl and zlib below it, and one that nothing needs.
pub fn view() -> Overview {
    let names = |names: &[&str]| names.iter().map(|name| name.parse().expect("a name")).collect::<Vec<_>>();
    let built = State::Built;
    Overview {
        arch: Arch::X64,
        images: vec![Image {
            name: "web".parse().expect("a name"),
            title: "A <web> image".to_owned(),
            packages: vec!["nginx".parse().expect("a name")],
        }],
        packages: vec![Package {
            name: "nginx".parse().expect("a name"),
            summary: "x".to_owned(),
            components: names(&["nginx"]),
        }],
        components: vec![
            component("zlib", &[], Some(3_400)),
            component("openssl", &["zlib"], Some(139_000)),
            component("nginx", &["zlib", "openssl"], Some(60_000)),
            component("alone", &[], None),
        ],
        critical_path: names(&["zlib", "openssl", "nginx"]),
        last_build: Some(Timeline {
            format: TIMELINE,
            command_line: "cargo xtask build-image web --output 'oci:</script><b>'".to_owned(),
            arch: Arch::X64,
            started: 1_795_305_600_000,
            prepared: 500,
            milliseconds: 200_000,
            jobs: 2,
            memory: 8 << 30,
            components: vec![
                timed("zlib", &[], State::Stored, None),
                timed("openssl", &["zlib"], built, Some((0, 500, 140_000))),
                timed("nginx", &["zlib", "openssl"], State::Failed, Some((0, 140_000, 200_000))),
                timed("alone", &[], built, Some((1, 500, 900))),
            ],
        }),
    }
}

#[test]
fn the_tree_is_aligned_and_says_what_takes_longest() {
    assert_eq!(
        tree::render(&view()),
        "image web\n\
         └─ package nginx\n   \
            └─ nginx 1.2             60.0 s *\n      \
               ├─ zlib 1.2            3.4 s *\n      \
               └─ openssl 1.2    2 min 19 s *\n         \
                  └─ zlib 1.2         3.4 s *\n\
         alone 1.2                        ?\n\
         \n\
         4 components (1 of them never built here: their time is unknown), 3 min 22 s one after another\n\
         * the way that takes longest, 3 min 22 s: zlib → openssl → nginx\n\
         last build, 2026-11-22 00:00 UTC: 3 min 20 s for 3 min 20 s of work, 2 jobs; its end waited for openssl → nginx\n"
    );
}

#[test]
fn dot_quotes_what_it_must() {
    let text = dot::render(&view());
    for line in [
        "  \"image web\" -> \"package nginx\";",
        "  \"package nginx\" -> \"nginx\";",
        "  \"nginx\" -> \"openssl\" [color=\"#d1242f\", penwidth=2];",
        "  \"nginx\" -> \"zlib\";",
        "  \"zlib\" [label=\"zlib\\n1.2\\n3.4 s\", color=\"#d1242f\", penwidth=2];",
        "  \"alone\" [label=\"alone\\n1.2\\nnever built\"];",
    ] {
        assert!(text.lines().any(|own| own == line), "no {line} in\n{text}");
    }
}

#[test]
fn the_json_answer_has_its_shape() {
    let answer = in_json(&view());
    assert_eq!(answer["format"], 1);
    assert_eq!(answer["critical_path"], json!(["zlib", "openssl", "nginx"]));
    assert_eq!(answer["components"][3]["milliseconds"], json!(null));
    assert_eq!(answer["components"][1]["critical"], json!(true));
    assert_eq!(answer["last_build"]["record"]["components"][1]["run"]["steps"][0]["jobs"], 2);
    assert_eq!(answer["last_build"]["critical_path"], json!(["openssl", "nginx"]));
    assert_eq!((&answer["critical_milliseconds"], &answer["unknown_times"]), (&json!(202_400), &json!(1)));
}

#[test]
fn no_text_leaves_its_place_in_the_page() {
    let page = page::render(&view());
    assert!(!page.contains("<is>") && !page.contains("make <all>") && !page.contains("<b>'"), "{page}");
    assert!(page.contains("What &quot;zlib&quot; &lt;is&gt; &amp; does"));
    assert_eq!(page.matches("<script>").count(), 1);
    assert_eq!(page.matches("</script>").count(), 1);
}

#[test]
fn the_page_asks_nothing_of_anybody() {
    let page = page::render(&view());
    for address in ["http:", "https:", "url(", "@import", "src=", "//www", "fetch(", "XMLHttpRequest"] {
        assert!(!page.contains(address), "the page holds {address}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn the_page_holds_everything_without_its_script() {
    let page = page::render(&view());
    for name in ["zlib", "openssl", "nginx", "alone"] {
        let node = format!("data-id=\"component {name}\" tabindex=\"0\"");
        assert!(page.contains(&node), "{name} is not drawn");
        assert!(page.contains(&format!("<tr data-id=\"component {name}\">")), "{name} is not in the table");
    }
    assert!(page.contains("class=\"node package\"") && page.contains("class=\"node image\""));
    assert!(page.contains("<b>zlib</b> → <b>openssl</b> → <b>nginx</b>"));
    assert_eq!(page.matches("class=\"edge critical\"").count(), 2);
    assert_eq!(page.matches("<g class=\"bar").count(), 3);
    assert!(page.contains("class=\"bar critical failed\"") && page.contains("FAILED: nginx"));
}

#[test]
fn nothing_known_is_a_page_too() {
    let bare = Overview {
        arch: Arch::Arm64,
        images: Vec::new(),
        packages: Vec::new(),
        components: Vec::new(),
        critical_path: Vec::new(),
        last_build: None,
    };
    assert!(page::render(&bare).contains("No build of these components is recorded"));
    assert!(tree::render(&bare).contains("0 components"));
    assert!(dot::render(&bare).ends_with("}\n"));
}

#[test]
fn a_day_is_one_of_the_calendar() {
    assert_eq!(day(951_782_400_000 + 3_660_000), "2000-02-29 01:01 UTC");
    assert_eq!(day(u64::MAX), "?");
}
