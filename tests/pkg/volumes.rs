//! Volumes of every kind that an image may find at `/srv`: of a later version, of Medic OS 3.x, of somebody else, cut off in the
//! middle.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::support::{Ended, Package, World};

fn web(version: &str) -> Package {
    Package::new("web", version).service("web").setting("web/web.conf", &format!("default {version}\n"))
}

/// The next image: its bundle takes the place of the old one.
fn image(world: &World, packages: &[&Package]) {
    let _ = fs::remove_dir_all(world.path("usr"));
    packages.iter().for_each(|package| package.bundle(&world.root()));
}

/// Boots, which fails: its exit code, and what it says.
fn boot(world: &World) -> Ended {
    fs::create_dir_all(world.path("boot")).expect("made");
    fs::create_dir_all(world.path("run")).expect("made");
    for (name, program) in [("init", env!("CARGO_BIN_EXE_supervisor")), ("pkg", crate::support::PKG)] {
        let _ = symlink(program, world.path(&format!("boot/{name}")));
    }
    let mut init = Command::new(world.path("boot/init"));
    Ended::of(&init.arg("--root").arg(world.root()).output().expect("init runs"))
}

#[test]
fn an_older_image_is_refused_when_it_cannot_use_the_data() {
    let world = World::new();
    image(&world, &[&web("2").data_from("2")]);
    world.pkg(["sync"]).ok();
    world.write("srv/storage/web/web/data", "of 2");
    // A later version that says nothing makes no older one fit.
    image(&world, &[&web("3")]);
    world.pkg(["sync"]).ok();
    let before = world.everything();
    image(&world, &[&web("1")]);
    let ended = world.pkg(["sync"]).failed(5, "'web' 1 cannot use the data in /srv/storage/web");
    assert!(ended.err.contains("start the newer image again"), "{ended:?}");
    assert!(ended.err.contains("remove /srv/system/data/web or add --data-restored"), "{ended:?}");
    assert_eq!(world.everything(), before);
    let ended = boot(&world);
    let last = ended.err.lines().last().unwrap_or_default();
    let reason = "Fatal: pkg sync ended with exit code 5: 'web' 1 cannot use the data in /srv/storage/web";
    assert!(ended.code != 0 && last.starts_with(reason), "{ended:?}");
    assert_eq!(world.everything(), before);
    // Both ways out, and the one in between: 2 can.
    image(&world, &[&web("2").data_from("2")]);
    world.pkg(["sync"]).ok();
    image(&world, &[&web("1")]);
    world.pkg(["sync", "--data-restored"]).ok();
    assert_eq!(world.says("web"), "web 1");
    image(&world, &[&web("2").data_from("2")]);
    world.pkg(["sync"]).ok();
    image(&world, &[&web("1")]);
    world.pkg(["sync"]).failed(5, "only 2 and later versions can");
    fs::remove_file(world.path("srv/system/data/web")).expect("removed");
    world.pkg(["sync"]).ok();
    assert_eq!(
        (world.says("web").as_str(), world.read("srv/storage/web/web/data").as_str()),
        ("web 1", "of 2")
    );
    world.is_clean();
}

#[test]
fn going_back_by_hand_is_refused_as_well_even_after_a_removal() {
    let world = World::new();
    world.install(&[&web("1")]).ok();
    world.install(&[&web("2").data_from("2")]).ok();
    for command in [&["rollback", "web"][..], &["use", "web", "1"]] {
        world.pkg(command).failed(5, "'web' 1 cannot use the data in /srv/storage/web");
    }
    let old = web("1").archive(&world.archives());
    let install = |words: &[&str]| {
        let mut command = world.command();
        Ended::of(&command.arg("install").args(words).arg(&old).output().expect("pkg runs"))
    };
    install(&["--downgrade"]).failed(5, "cannot use the data");
    world.pkg(["remove", "web"]).ok();
    install(&[]).failed(5, "cannot use the data");
    assert!(!world.exists("srv/software/web"));
    install(&["--data-restored"]).ok();
    assert!(!world.exists("srv/system/data/web"), "it is the older version's data now");
    world.install(&[&web("2").data_from("2")]).ok();
    world.pkg(["rollback", "web", "--data-restored"]).ok();
    world.install(&[&web("2").data_from("2")]).ok();
    world.pkg(["remove", "web", "--purge"]).ok();
    install(&[]).ok();
    let wrong = web("2").data_from("3").archive(&world.archives());
    world
        .pkg(["install".as_ref(), wrong.as_os_str()])
        .failed(6, "'data_compatible_from' is 3, which is newer than the package's own version 2");
    world.is_clean();
}

#[test]
fn a_volume_of_medic_os_3_is_taken_over() {
    let world = World::new();
    let legacy = [
        ("srv/storage/web/web/data", "data"),
        ("srv/storage/medic-core/passwd/admin", "secret"),
        ("srv/settings/medic-core/nginx/private/default.key", "key"),
        ("srv/software/web/v1.6.1/x64/bin/web", "old"),
        ("srv/software/medic-core/v1.6.1/x64/bin/beam", "old"),
        ("srv/scripts/web/run/web", "old"),
        ("srv/scripts/medic-core/start", ""),
        ("srv/system/settings/packages/medic-core/x", "x"),
        ("srv/system/storage/supervisor/medic-core/status/persistent/nginx.disabled", ""),
    ];
    for (path, text) in legacy {
        world.write(path, text);
    }
    symlink("v1.6.1", world.path("srv/software/web/current")).expect("linked");
    world.write("srv/software.old", "somebody else's");
    image(&world, &[&web("4")]);
    let ended = world.pkg(["sync"]).ok();
    let said = "/srv/software is of Medic OS 3.x: it is kept as /srv/software.old-2; its storage and settings are taken over";
    assert!(ended.err.contains(said), "{ended:?}");
    assert_eq!(world.says("web"), "web 4");
    for (path, text) in legacy {
        let path = match path.strip_prefix("srv/software/").map(|below| format!("srv/software.old-2/{below}"))
        {
            Some(path) => path,
            None => path.replace("srv/scripts/", "srv/scripts.old/"),
        };
        assert_eq!(world.read(&path), text, "{path}");
    }
    assert_eq!(world.link("srv/software.old-2/web/current"), "v1.6.1");
    assert_eq!(world.read("srv/software.old"), "somebody else's");
    assert!(!world.exists("srv/scripts/web/.old") && !world.exists("srv/scripts/medic-core"));
    world.is_clean();
    let before = world.everything();
    image(&world, &[&web("5")]);
    let ended = world.pkg(["sync"]).ok();
    assert!(!ended.err.contains("3.x"), "once is enough: {ended:?}");
    assert_eq!(before.keys().filter(|path| path.contains(".old")).count(), {
        world.everything().keys().filter(|path| path.contains(".old")).count()
    });
}

#[test]
fn a_take_over_that_fails_leaves_the_old_volume_as_it_was() {
    let world = World::new();
    world.write("srv/software/web/v1/x64/bin/web", "old");
    world.write("srv/scripts/web/start", "old");
    world.write("srv/system/settings/packages/web/x", "x");
    image(&world, &[&web("4").script("install", "#!/bin/sh\nexit 1\n")]);
    let before = world.everything();
    world
        .pkg(["sync"])
        .failed(8, "the 'install' script of 'web' ended with exit code 1; everything is as before");
    let mut after = world.everything();
    after.retain(|path, _| {
        !path.starts_with("srv/system/journal") && !path.starts_with("srv/system/receipts")
    });
    assert_eq!(after, before);
}

#[test]
fn nothing_of_a_foreign_volume_is_deleted() {
    let world = World::new();
    let foreign = [
        ("srv/PG_VERSION", "16"),
        ("srv/base/1/1259", "pages"),
        ("srv/scripts", "a file"),
        ("srv/scripts.old", "another"),
        ("srv/settings/web", "a file"),
        ("srv/software/web/v1/x64", "a file"),
        ("srv/software/web/v1/x64.old", "another"),
        ("srv/software/theirs/current/x", "x"),
        ("srv/system/notes", "mine"),
        ("srv/storage", "a file"),
    ];
    for (path, text) in foreign {
        world.write(path, text);
    }
    image(&world, &[&web("1"), &Package::new("shell", "1")]);
    world.pkg(["sync"]).ok();
    assert_eq!(world.says("web"), "web 1");
    let mut left: Vec<String> = world.everything().into_values().collect();
    for (path, text) in foreign {
        let at = left.iter().position(|found| found.ends_with(&format!(" {text}")));
        left.remove(at.unwrap_or_else(|| panic!("{path} is gone")));
    }
    assert_eq!(world.read("srv/scripts.old-2"), "a file");
    assert_eq!(world.read("srv/software/web/v1/x64.old-2"), "a file");
    world.is_clean();
    // What stands where our own state is to be is not ours to move.
    let world = World::new();
    world.write("srv/system", "a file");
    image(&world, &[&web("1")]);
    world.pkg(["sync"]).failed(1, "srv/system");
    assert_eq!(world.read("srv/system"), "a file");
}

#[test]
fn a_volume_that_was_copied_in_part_becomes_whole() {
    let world = World::new();
    image(&world, &[&web("1"), &Package::new("shell", "1")]);
    world.pkg(["sync"]).ok();
    let whole = world.everything();
    world.write("srv/storage/web/web/data", "data");
    let receipt = world.read("srv/system/receipts/web.json");
    for cut in [0, receipt.len() / 2, receipt.len() - 1] {
        world.write("srv/system/receipts/web.json", &receipt[..cut]);
        fs::remove_file(world.path("srv/system/receipts/shell.json")).expect("removed");
        fs::remove_file(world.path("srv/scripts/web/run/web")).expect("removed");
        fs::remove_file(world.path("srv/software/web/current")).expect("removed");
        let ended = world.pkg(["sync"]).ok();
        assert!(ended.err.contains("web is installed anew from the image"), "{cut}: {ended:?}");
        let mut after = world.everything();
        assert_eq!(after.remove("srv/storage/web/web/data").as_deref(), Some("644 data"));
        after.retain(|path, _| !path.starts_with("srv/storage"));
        let paths =
            |all: &std::collections::BTreeMap<String, String>| all.keys().cloned().collect::<Vec<_>>();
        assert_eq!(paths(&after), paths(&whole));
        world.is_clean();
    }
    // Of a package that the image has not, nothing is guessed.
    world.install(&[&Package::new("own", "1")]).ok();
    world.write("srv/system/receipts/own.json", "{");
    fs::remove_file(world.path("srv/system/bundle.json")).expect("removed");
    world.pkg(["sync"]).failed(6, "srv/system/receipts/own.json:1:1");
}
