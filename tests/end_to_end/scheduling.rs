//! Several components at once: failures, logs, the graph and its page in a real browser.

use std::process::Command;

use medic_tests::browser::{chromium, requests};
use medic_tests::fixture::Fixture;
use medic_tests::{Scratch, run, run_mark};

const RECIPE: &str = "recipes/hello/recipe.yaml";
const BUILD: [&str; 2] = ["build-package", "hello"];

/// A component that takes a moment, is another one in each test and each run (quoted: to YAML it would be a remark), and
/// needs these.
fn component(fixture: &Fixture, name: &str, needs: &str, script: &str) {
    let text = format!(
        "name: {name}\nversion: \"1.0\"\nreleased: 2026-01-01\nsummary: The <b>part</b> \"{name}\"\nhomepage: https://example.org\nlicence: Zlib\nneeds: [{needs}]\nsteps:\n  - name: configure\n    run: \"sleep 0.2 # {} {}\"\n  - name: compile\n    run: |\n      {script}\n      mkdir -p \"$DESTDIR$PREFIX\"\n      echo {name} > \"$DESTDIR$PREFIX/text\"\n      mkdir -p \"$DESTDIR$PREFIX/share/licenses/{name}\"\n      echo Zlib > \"$DESTDIR$PREFIX/share/licenses/{name}/LICENSE\"\n",
        run_mark(),
        fixture.join("").display()
    );
    fixture.write(&format!("recipes/{name}/recipe.yaml"), &text);
}

/// hello needs middle and side, middle needs base.
fn workspace(what: &str) -> Fixture {
    let fixture = Fixture::new(what);
    component(&fixture, "base", "", "echo from base; sleep 0.5");
    component(&fixture, "middle", "base", "printf 'red \\033[31mtext\\033[0m\\n'");
    component(&fixture, "side", "", "echo from side");
    fixture.change(RECIPE, "steps:", "needs: [middle, side]\nsteps:");
    fixture
}

#[test]
fn a_failure_stops_what_depends_on_it_and_with_keep_going_nothing_else() {
    let fixture = workspace("keep-going");
    component(&fixture, "side", "", "echo it goes wrong; exit 7");
    component(&fixture, "base", "", "sleep 1");
    let outcome = fixture.xtask(&["build-package", "hello", "--jobs", "2"]).ended_with(5);
    let outcome =
        outcome.says("the step 'compile' ended with status 7").says("not tried: hello (needs side)");
    outcome.says("not begun after the failure: middle; --keep-going builds them");
    let outcome = fixture.xtask(&["build-package", "hello", "--keep-going"]).ended_with(5);
    assert!(!outcome.stderr.contains("not begun"), "{}", outcome.stderr);
    outcome.says("middle 1.0: built").says("not tried: hello (needs side)");
    // The log of what failed is there, and says so.
    let log = fixture.xtask(&["log", "side"]).success();
    assert!(log.stdout.contains("it goes wrong\n==== end: failed after"), "{}", log.stdout);
    let list = fixture.xtask(&["log", "side", "--list", "--json"]).success();
    let list: serde_json::Value = serde_json::from_str(list.text()).expect("JSON");
    assert_eq!((&list["format"], list["logs"][0]["ending"].as_str()), (&1.into(), Some("failed")));
}

#[test]
fn logs_are_shown_whole_by_step_and_by_key() {
    let fixture = workspace("logs");
    fixture.xtask(&["log", "middel"]).ended_with(3).says("did you mean 'middle'?");
    // A name that no other run has: the tests' store is kept.
    let unbuilt = format!("unbuilt-{}", run_mark());
    component(&fixture, &unbuilt, "", "true");
    fixture.xtask(&["log", &unbuilt]).ended_with(1).says("build-image");
    fixture.xtask(&BUILD).success();
    let step = fixture.xtask(&["log", "middle", "--step", "compile"]).success();
    assert_eq!(step.stdout, "red \u{1b}[31mtext\u{1b}[0m\n", "a program is given the bytes as they are");
    fixture.xtask(&["log", "middle", "--step", "link"]).ended_with(2).says("configure, compile");
    let path = fixture.xtask(&["log", "middle", "--path"]).success();
    let key = path.text().rsplit('/').next().and_then(|name| name.strip_suffix(".log")).expect("a log");
    let by_key = fixture.xtask(&["log", &key[..12]]).success();
    assert_eq!(by_key.stdout, std::fs::read_to_string(path.text()).expect("there"));
    let followed = fixture.xtask(&["log", "middle", "--follow"]).success();
    assert_eq!(followed.stdout, by_key.stdout, "it is over, so following ends");
}

#[test]
fn the_page_shows_every_component_and_the_critical_path_in_a_browser() {
    let fixture = workspace("page");
    fixture.xtask(&BUILD).success();
    let scratch = Scratch::new("browser");
    let file = scratch.join("graph.html").to_string_lossy().into_owned();
    let answer = fixture.xtask(&["graph", "hello", "--html", &file]).success();
    assert_eq!(answer.text(), file);
    let (dom, errors, record) = chromium(&format!("file://{file}"), &scratch, "page");
    for name in ["base", "middle", "side", "hello"] {
        assert!(dom.contains(&format!("data-id=\"component {name}\" tabindex=\"0\"")), "{name} is not drawn");
        assert!(dom.contains(&format!("<tr data-id=\"component {name}\"")), "{name} is not in the table");
        let bar =
            dom.split("<g class=\"bar").any(|part| part.contains(&format!("data-id=\"component {name}\"")));
        assert!(bar, "{name} is not in the timeline");
    }
    assert!(dom.contains("<b>base</b> → <b>middle</b> → <b>hello</b>"), "no critical path");
    assert_eq!(dom.matches("class=\"edge critical\"").count(), 2);
    assert!(dom.contains("compile: ") && dom.contains("configure: "), "the steps are there");
    assert!(!dom.contains("<b>part</b>"), "a summary is text");
    assert!(!errors.contains("CONSOLE"), "{errors}");
    assert_eq!(requests(&record), [""; 0], "it asks nobody");

    // The same look at a page that does both finds both.
    let bad = scratch.write("bad.html", "<img src='http://127.0.0.1:9/x.png'><script>nothing()</script>");
    let (_, errors, record) = chromium(&format!("file://{}", bad.display()), &scratch, "bad");
    assert!(errors.contains("CONSOLE") && errors.contains("nothing is not defined"), "{errors}");
    assert!(requests(&record).contains(&"http://127.0.0.1:9/x.png"), "{:?}", requests(&record));
}

#[test]
fn the_graph_is_taken_by_graphviz_and_by_programs() {
    let fixture = workspace("forms");
    let scratch = Scratch::new("graphviz");
    let dot = fixture.xtask(&["graph", "package:hello", "--dot"]).success();
    let file = scratch.write("graph.dot", &dot.stdout);
    let drawn = run(Command::new("dot").arg("-Tsvg").arg(&file)).success();
    assert!(
        ["base", "middle", "side", "hello"].iter().all(|name| drawn.stdout.contains(&format!(">{name}<")))
    );
    assert_eq!(drawn.stdout.matches("class=\"edge\"").count(), 4);
    let answer = fixture.xtask(&["graph", "hello", "--json"]).success();
    let answer: serde_json::Value = serde_json::from_str(answer.text()).expect("JSON");
    assert_eq!(answer["format"], 1);
    assert_eq!(answer["components"].as_array().map(Vec::len), Some(4));
    let tree = fixture.xtask(&["graph", "hello"]).success();
    assert!(tree.stdout.starts_with("package hello\n└─ hello 1.0"), "{}", tree.stdout);
    fixture.xtask(&["graph", "helo"]).ended_with(3).says("did you mean 'hello'?");
}
