//! Verifying: every difference is named.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::{Package, World, chmod};

fn web() -> Package {
    Package::new("web", "1")
        .software("share/a", "a")
        .software("share/b", "b")
        .software_link("bin/w", "web")
        .script("env", "E")
        .setting("web.conf", "c")
}

#[test]
fn every_difference_is_named() {
    let world = World::new();
    world.install(&[&web()]).ok();
    let tree = "srv/software/web/v1/x64";
    world.write(&format!("{tree}/share/a"), "A");
    fs::remove_file(world.path(&format!("{tree}/share/b"))).expect("removed");
    chmod(&world.path(&format!("{tree}/bin/web")), 0o777);
    fs::remove_file(world.path(&format!("{tree}/bin/w"))).expect("removed");
    symlink("other", world.path(&format!("{tree}/bin/w"))).expect("link");
    world.write(&format!("{tree}/share/new"), "?");
    fs::remove_file(world.path("srv/software/web/current")).expect("removed");
    world.write("srv/settings/web/web.conf", "mine");
    let ended = world.pkg(["verify"]);
    assert_eq!(ended.code, 3);
    let mut lines: Vec<&str> = ended.out.lines().collect();
    lines.sort_unstable();
    let digest = |text: &str| medic_archive::digest::of_bytes(text.as_bytes()).sha256;
    let (is, says) = (digest("A"), digest("a"));
    assert_eq!(
        lines,
        [
            "/srv/settings/web/web.conf: was edited",
            "/srv/software/web/current: is missing",
            "/srv/software/web/v1/x64/bin/w: link differs (it says 'other', receipt says 'web')",
            "/srv/software/web/v1/x64/bin/web: mode differs (it is 0777, receipt says 0755)",
            &format!(
                "/srv/software/web/v1/x64/share/a: content differs (sha256 is {is}, receipt says {says})"
            ),
            "/srv/software/web/v1/x64/share/b: is missing",
            "/srv/software/web/v1/x64/share/new: is not in the receipt",
        ]
    );
    let json = world.pkg(["verify", "web", "--json"]);
    assert_eq!((json.code, json.json()["damaged"].as_bool()), (3, Some(true)));
    assert_eq!(json.json()["packages"][0]["findings"].as_array().map(Vec::len), Some(7));
}

#[test]
fn a_changed_byte_in_the_image_is_found_through_the_link() {
    let world = World::new();
    web().bundle(&world.root());
    world.pkg(["sync"]).ok();
    world.is_clean();
    world.write("usr/lib/medic-os/web/v1/x64/share/a", "A");
    let ended = world.pkg(["verify", "web"]);
    assert_eq!(ended.code, 3);
    assert!(ended.out.starts_with("/srv/software/web/v1/x64/share/a: content differs"), "{ended:?}");
}
