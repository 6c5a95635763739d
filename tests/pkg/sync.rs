//! The image's packages and a volume that outlives it.

use std::fs;

use crate::support::{Package, World, chmod};

fn web(version: &str) -> Package {
    Package::new("web", version).service("web").setting("web/web.conf", &format!("default {version}\n"))
}

/// The next image: its bundle takes the place of the old one.
fn image(world: &World, packages: &[&Package]) {
    let _ = fs::remove_dir_all(world.path("usr"));
    packages.iter().for_each(|package| package.bundle(&world.root()));
}

#[test]
fn an_empty_volume_gets_the_bundle_once() {
    let world = World::new();
    image(&world, &[&web("1"), &Package::new("shell", "2")]);
    let ended = world.pkg(["sync"]).ok();
    assert!(ended.err.contains("Install shell 2, install web 1: finished"), "{ended:?}");
    assert_eq!(world.link("srv/software/web/v1/x64"), "../../../../usr/lib/medic-os/web/v1/x64");
    assert_eq!((world.says("web"), world.says("shell")), ("web 1".into(), "shell 2".into()));
    assert_eq!(world.read("srv/settings/web/web/web.conf"), "default 1\n");
    world.is_clean();
    let before = world.everything();
    let again = world.pkg(["sync"]).ok();
    assert!(again.err.contains("Nothing to do"), "{again:?}");
    assert_eq!(world.everything(), before);
}

#[test]
fn a_new_image_upgrades_an_old_volume() {
    let world = World::new();
    image(&world, &[&web("1")]);
    world.pkg(["sync"]).ok();
    world.write("srv/settings/web/web/web.conf", "mine\n");
    world.write("srv/settings/web/web/more.conf", "mine\n");
    world.write("srv/storage/web/web/data", "data");
    image(&world, &[&web("2")]);
    let ended = world.pkg(["sync"]).ok();
    assert!(ended.err.contains("Upgrade web 1 to 2: finished"), "{ended:?}");
    assert_eq!(world.says("web"), "web 2");
    assert_eq!(world.read("srv/settings/web/web/web.conf"), "mine\n");
    assert_eq!(world.read("srv/settings/web/.new/web/web.conf"), "default 2\n");
    assert_eq!(world.read("srv/storage/web/web/data"), "data");
    assert!(world.exists("srv/settings/web/web/more.conf"));
    assert!(!world.exists("srv/software/web/v1"), "the dangling link is gone");
    world.is_clean();
    // The same version built anew, with other content.
    image(&world, &[&web("2").software("share/more", "more")]);
    world.pkg(["sync"]).ok();
    world.is_clean();
    assert!(world.exists("srv/software/web/current/default/share/more"));
}

#[test]
fn an_older_image_takes_its_own_version_back_but_not_an_operators() {
    let world = World::new();
    image(&world, &[&web("2"), &Package::new("app", "1")]);
    world.pkg(["sync"]).ok();
    world.install(&[&Package::new("app", "3")]).ok();
    image(&world, &[&web("1"), &Package::new("app", "2")]);
    let ended = world.pkg(["sync"]).ok();
    assert!(ended.err.contains("Warning: web 2 came with a newer image"), "{ended:?}");
    assert!(
        ended.err.contains("Warning: app 3 was installed here and is newer than the image's 2: it stays"),
        "{ended:?}"
    );
    assert_eq!((world.says("web"), world.says("app")), ("web 1".into(), "app 3".into()));
    world.is_clean();
    assert!(world.pkg(["sync"]).ok().err.contains("Nothing to do"));
    image(&world, &[&web("1"), &Package::new("app", "4")]);
    world.pkg(["sync"]).ok();
    assert_eq!(world.says("app"), "app 4");
    world.pkg(["rollback", "app"]).ok();
    assert_eq!(world.says("app"), "app 3");
}

#[test]
fn a_package_that_the_image_has_no_longer_goes_and_its_storage_stays() {
    let world = World::new();
    image(&world, &[&web("1"), &Package::new("shell", "1")]);
    world.pkg(["sync"]).ok();
    world.write("srv/storage/web/web/data", "data");
    image(&world, &[&Package::new("shell", "1")]);
    let ended = world.pkg(["sync"]).ok();
    assert!(ended.err.contains("Warning: web 1 came with another image"), "{ended:?}");
    assert!(world.exists("srv/storage/web/web/data") && !world.exists("srv/software/web"));
    world.is_clean();
}

#[test]
fn parts_that_were_deleted_by_hand_come_back() {
    let world = World::new();
    image(&world, &[&web("1")]);
    world.pkg(["sync"]).ok();
    let before = world.everything();
    for gone in [
        "srv/software",
        "srv/scripts/web",
        "srv/system",
        "srv/software/web/current",
        "srv/system/receipts/web.json",
    ] {
        let path = world.path(gone);
        fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path)).expect("removed");
        world.pkg(["sync"]).ok();
        let strip = |all: std::collections::BTreeMap<String, String>| {
            all.into_iter().filter(|(path, _)| !path.contains("receipts/")).collect::<Vec<_>>()
        };
        assert_eq!(strip(world.everything()), strip(before.clone()), "without {gone}");
        world.is_clean();
    }
}

#[test]
fn foreign_files_and_unknown_trees_are_left_or_kept() {
    let world = World::new();
    image(&world, &[&web("1")]);
    world.write("srv/foreign", "mine");
    world.write("srv/scripts/web/run/web", "legacy");
    world.write("srv/settings/web/web/web.conf", "legacy");
    world.write("srv/software/web/v1/x64/bin/web", "legacy");
    world.write("srv/software/web/current/x", "legacy");
    world.pkg(["sync"]).ok();
    assert_eq!(world.says("web"), "web 1");
    assert_eq!(world.read("srv/foreign"), "mine");
    assert_eq!(world.read("srv/settings/web/web/web.conf"), "legacy");
    assert_eq!(world.read("srv/scripts/web/.old/run/web"), "legacy");
    assert_eq!(world.read("srv/software/web/v1/x64.old/bin/web"), "legacy");
    assert_eq!(world.read("srv/software/web/current.old/x"), "legacy");
    world.is_clean();
}

#[test]
fn a_volume_that_cannot_be_written_to_will_do_if_nothing_is_to_be_done() {
    // A read-only mount needs rights that a test may not have; root is not held back by permission bits. So this one is a
    // test of what is opened for writing: nothing at all.
    let world = World::new();
    image(&world, &[&web("1")]);
    world.pkg(["sync"]).ok();
    let trace = world.archives().join("trace");
    let mut strace = std::process::Command::new("strace");
    strace.args(["-f", "-e", "trace=file,desc", "-o"]).arg(&trace);
    let run = strace.arg(crate::support::PKG).arg("--root").arg(world.root()).arg("sync").output();
    assert!(run.expect("strace runs").status.success());
    let trace = fs::read_to_string(trace).expect("trace");
    for forbidden in ["O_CREAT", "O_WRONLY", "O_RDWR", "rename", "unlink", "mkdir", "symlink", "flock"] {
        let used: Vec<&str> = trace.lines().filter(|l| l.contains(forbidden) && l.contains("srv")).collect();
        assert!(used.is_empty(), "{used:?}");
    }
    chmod(&world.path("srv/system"), 0o755);
}

#[test]
fn a_damaged_image_changes_nothing() {
    let world = World::new();
    image(&world, &[&web("1")]);
    world.pkg(["sync"]).ok();
    let before = world.everything();
    image(&world, &[&web("2")]);
    world.write("usr/lib/medic-os/web/v2/settings/web/web.conf", "damaged");
    world.pkg(["sync"]).failed(6, "the image is damaged");
    assert_eq!(world.everything(), before);
    world.write("usr/lib/medic-os/web/v2/manifest.json", "{");
    world.pkg(["sync"]).failed(6, "/usr/lib/medic-os/web/v2/manifest.json:1:1: EOF");
    assert_eq!(world.everything(), before);
}
