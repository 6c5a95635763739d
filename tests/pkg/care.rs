//! History, holds, room, settings that differ, damage that is repaired.

use std::fs;

use crate::support::{Package, World, chmod};

fn web(version: &str) -> Package {
    Package::new("web", version)
        .software("share/a", &format!("a {version}"))
        .script("env", &format!("V={version}\n"))
        .setting("web.conf", &format!("one\nversion {version}\nthree\n"))
}

#[test]
fn the_history_tells_what_was_done() {
    let world = World::new();
    world.install(&[&web("1")]).ok();
    world.install(&[&web("2")]).ok();
    world.pkg(["rollback", "web"]).ok();
    world.pkg(["remove", "web"]).ok();
    let text = world.pkg(["history"]).ok().out;
    let done: Vec<&str> =
        text.lines().filter_map(|line| line.split_once("  ")).map(|(_, done)| done).collect();
    assert_eq!(done, ["install web 1", "upgrade web 1 to 2", "downgrade web 2 to 1", "remove web 1"]);
    let json = world.pkg(["history", "--json"]).ok().json();
    assert_eq!(
        (json[1]["changes"][0]["from"].as_str(), json[1]["changes"][0]["to"].as_str()),
        (Some("1"), Some("2"))
    );
    // A line that a power cut has left half is passed over, and the next one stands by itself.
    let path = world.path("srv/system/history");
    let whole = fs::read(&path).expect("history");
    fs::write(&path, &whole[..whole.len() - 20]).expect("cut");
    world.install(&[&web("3")]).ok();
    assert_eq!(world.pkg(["history"]).ok().out.lines().count(), 4);
}

#[test]
fn what_is_held_stays_in_its_version() {
    let world = World::new();
    world.install(&[&web("1")]).ok();
    world.pkg(["hold", "web"]).ok();
    world.install(&[&web("2")]).failed(5, "'web' is held at 1: 'pkg unhold web' first");
    web("3").bundle(&world.root());
    let ended = world.pkg(["sync"]).ok();
    assert!(ended.err.contains("Warning: web is held at 1 and stays; the image has 3"), "{ended:?}");
    assert_eq!(world.says("web"), "web 1");
    assert!(world.pkg(["sync"]).ok().err.contains("Nothing to do"));
    world.pkg(["unhold", "web"]).ok();
    world.pkg(["unhold", "web"]).failed(4, "it is not held");
    world.pkg(["hold", "none"]).failed(4, "doesn't appear to be installed");
    world.install(&[&web("2")]).ok();
    world.is_clean();
}

#[test]
fn room_is_made_by_giving_up_the_way_back() {
    let world = World::new();
    world.install(&[&web("1")]).ok();
    world.install(&[&web("2")]).ok();
    assert!(world.exists("srv/software/web/v1/x64"));
    world.pkg(["gc"]).ok();
    assert!(!world.exists("srv/software/web/v1") && !world.exists("srv/system/versions/web/v1"));
    world.pkg(["rollback", "web"]).failed(4, "there is no other version of 'web' to go back to");
    assert!(world.pkg(["gc"]).ok().err.contains("Nothing to do"));
    world.is_clean();
}

#[test]
fn settings_that_differ_are_shown_line_by_line() {
    let world = World::new();
    world.install(&[&web("1")]).ok();
    assert_eq!(world.pkg(["diff-settings"]).ok().out, "");
    world.write("srv/settings/web/web.conf", "one\nmine\nthree\n");
    let shown = world.pkg(["diff-settings", "web"]).ok().out;
    let expected = "--- /srv/system/versions/web/v1/settings/web.conf\n+++ /srv/settings/web/web.conf\n@@ -1,3 +1,3 @@\n one\n-version 1\n+mine\n three\n";
    assert_eq!(shown, expected);
    world.install(&[&web("2")]).ok();
    let shown = world.pkg(["diff-settings"]).ok().out;
    assert!(
        shown.starts_with("--- /srv/settings/web/.new/web.conf\n") && shown.contains("-version 2\n+mine\n"),
        "{shown}"
    );
    fs::remove_file(world.path("srv/settings/web/web.conf")).expect("removed");
    assert!(world.pkg(["diff-settings"]).ok().out.contains("is not there"));
}

#[test]
fn damage_is_repaired_and_edited_settings_stay() {
    let world = World::new();
    world.install(&[&web("1")]).ok();
    let whole = world.everything();
    world.write("srv/settings/web/web.conf", "mine\n");
    chmod(&world.path("srv/software/web/v1/x64/bin/web"), 0o600);
    chmod(&world.path("srv/software/web/v1/x64/share"), 0o700);
    fs::remove_file(world.path("srv/software/web/current")).expect("removed");
    world.write("srv/scripts/web/env", "evil\n");
    world.pkg(["verify", "--repair"]).ok();
    assert_eq!(world.read("srv/settings/web/web.conf"), "mine\n");
    assert_eq!(world.says("web"), "web 1");
    world.is_clean();
    world.write("srv/software/web/v1/x64/share/a", "evil");
    fs::remove_file(world.path("srv/software/web/v1/x64/bin/web")).expect("removed");
    world.pkg(["verify", "--repair", "web"]).ok();
    world.write("srv/settings/web/web.conf", "one\nversion 1\nthree\n");
    fs::remove_dir_all(world.path("srv/scripts/web/.old")).expect("what was edited is kept aside");
    assert_eq!(world.everything(), whole);
    assert!(world.pkg(["verify", "--repair"]).ok().err.contains("Nothing to do"));
    // The archive is gone: it says so, and changes nothing.
    fs::remove_dir_all(world.archives()).expect("removed");
    world.write("srv/software/web/v1/x64/share/a", "evil");
    world.pkg(["verify", "--repair"]).failed(4, "its archive is neither");
}

#[test]
fn a_bundled_package_is_repaired_from_the_image() {
    let world = World::new();
    web("1").bundle(&world.root());
    world.pkg(["sync"]).ok();
    let whole = world.everything();
    fs::remove_file(world.path("srv/software/web/v1/x64")).expect("removed");
    fs::remove_file(world.path("srv/scripts/web/env")).expect("removed");
    world.pkg(["verify", "--repair"]).ok();
    assert_eq!(world.everything(), whole);
    world.write("usr/lib/medic-os/web/v1/x64/share/a", "evil");
    world.pkg(["verify", "--repair"]).failed(4, "its software is the image's own: start a new container");
}

#[test]
fn the_doctor_names_what_is_wrong() {
    let world = World::new();
    world.install(&[&web("1"), &Package::new("app", "1")]).ok();
    assert_eq!(world.pkg(["doctor"]).ok().out, "");
    world.write("srv/settings/web/.pkg-1-2-3.new", "");
    world.write("srv/software/stranger/v1/x", "");
    world.write("srv/system/holds/none", "");
    world.write("srv/system/receipts/app.json", "{");
    fs::remove_file(world.path("srv/software/web/current")).expect("removed");
    let ended = world.pkg(["doctor"]);
    assert_eq!(ended.code, 3);
    for complaint in [
        "/srv/settings/web/.pkg-1-2-3.new was left by a transaction",
        "/srv/software/stranger has no receipt",
        "/srv/system/holds/none holds 'none', which is not installed",
        "/srv/system/receipts/app.json cannot be read",
        "/srv/software/web/current should be a link to v1",
    ] {
        assert!(ended.out.contains(complaint), "'{complaint}' is not in {ended:?}");
    }
    assert_eq!(world.pkg(["doctor", "--json"]).json().as_array().map(Vec::len), Some(5));
}
