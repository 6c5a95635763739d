//! Volumes as containers get them: files mounted over settings, read-only, small. Made with bubblewrap, so nothing of it is left.

use std::ffi::OsString;
use std::process::Command;

use crate::support::{Ended, PKG, Package, World};

/// Runs `pkg` with these mounts on top of the machine's own file system.
fn with_mounts(world: &World, mounts: &[&[OsString]], args: &[OsString]) -> Ended {
    let mut bwrap = Command::new("bwrap");
    bwrap.args(["--dev-bind", "/", "/"]);
    for mount in mounts {
        bwrap.args(*mount);
    }
    Ended::of(&bwrap.arg(PKG).arg("--root").arg(world.root()).args(args).output().expect("bwrap runs"))
}

fn words<const N: usize>(words: [&std::ffi::OsStr; N]) -> Vec<OsString> {
    words.map(Into::into).into()
}

fn web(version: &str) -> Package {
    let text = format!("default {version}\n");
    Package::new("web", version).setting("web/a.conf", &text).setting("web/b.conf", &text)
}

#[test]
fn a_setting_that_is_mounted_is_neither_replaced_nor_removed() {
    let world = World::new();
    world.install(&[&web("1")]).ok();
    let given = world.archives().join("given.conf");
    // As the package had it: pkg would replace it if it were its own.
    std::fs::write(&given, "default 1\n").expect("written");
    let target = world.path("srv/settings/web/web/a.conf");
    let mount = words(["--bind".as_ref(), given.as_os_str(), target.as_os_str()]);
    let archive = web("2").archive(&world.archives());
    let ended = with_mounts(&world, &[&mount], &words(["install".as_ref(), archive.as_os_str()])).ok();
    assert!(ended.err.contains("/srv/settings/web/web/a.conf is mounted from elsewhere"), "{ended:?}");
    assert_eq!(world.read("srv/settings/web/web/b.conf"), "default 2\n");
    assert_eq!(std::fs::read_to_string(&given).expect("read"), "default 1\n");
    let ended = with_mounts(&world, &[&mount], &words(["remove".as_ref(), "web".as_ref()])).ok();
    assert!(ended.err.contains("a.conf is mounted from elsewhere: it is kept"), "{ended:?}");
    assert!(world.exists("srv/settings/web/web/a.conf") && !world.exists("srv/settings/web/web/b.conf"));
}

#[test]
fn a_folder_of_settings_may_be_mounted_read_only() {
    let world = World::new();
    let given = world.archives().join("given");
    std::fs::create_dir_all(&given).expect("folder");
    std::fs::write(given.join("a.conf"), "mine\n").expect("written");
    std::fs::create_dir_all(world.path("srv/settings/web/web")).expect("folder");
    web("1").bundle(&world.root());
    let target = world.path("srv/settings/web/web");
    let mount = words(["--ro-bind".as_ref(), given.as_os_str(), target.as_os_str()]);
    let ended = with_mounts(&world, &[&mount], &["sync".into()]).ok();
    assert!(ended.err.contains("a.conf is mounted from elsewhere"), "{ended:?}");
    assert_eq!(world.says("web"), "web 1");
    let again = with_mounts(&world, &[&mount], &["sync".into()]).ok();
    assert!(again.err.contains("Nothing to do"), "{again:?}");
}

#[test]
fn a_read_only_volume_will_do_while_nothing_is_to_be_done() {
    let world = World::new();
    web("1").bundle(&world.root());
    world.pkg(["sync"]).ok();
    let srv = world.path("srv");
    let mount = words(["--ro-bind".as_ref(), srv.as_os_str(), srv.as_os_str()]);
    let before = world.everything();
    for command in ["sync", "list", "verify"] {
        with_mounts(&world, &[&mount], &[command.into()]).ok();
    }
    std::fs::remove_dir_all(world.path("usr")).expect("the old image goes");
    web("2").bundle(&world.root());
    with_mounts(&world, &[&mount], &["sync".into()])
        .failed(1, "Fatal: /srv is not as this image has it (upgrade web 1 to 2), and nothing was done. The file system is read-only: mount");
    assert_eq!(world.everything(), before);
}

#[test]
fn a_small_volume_is_found_too_small_before_anything_is_written() {
    let world = World::new();
    let srv = world.path("srv");
    std::fs::create_dir(&srv).expect("folder");
    let mount = words(["--size".as_ref(), "1048576".as_ref(), "--tmpfs".as_ref(), srv.as_os_str()]);
    let big = web("1").software("share/big", &"x".repeat(2 << 20)).archive(&world.archives());
    let ended = with_mounts(&world, &[&mount], &words(["install".as_ref(), big.as_os_str()]));
    ended.failed(7, "not enough space below '/srv/software/web/v1/x64'");
    // Room by the count, and none in truth: another writes at the same time. Here it is the script that does.
    let greedy = "#!/bin/sh\nhead -c 2000000 /dev/zero > \"$PACKAGE_ROOT/system/filler\"; exit 0\n";
    let archives =
        [web("1").script("install", greedy).archive(&world.archives()), web("2").archive(&world.archives())];
    let script = format!(
        "set -u; {PKG} --root {0} install {1} && {PKG} --root {0} install {2}; echo $?; \
         {PKG} --root {0} verify && {PKG} --root {0} list && find {0}/srv -name '.pkg-*'",
        world.root().display(),
        archives[0].display(),
        archives[1].display()
    );
    let mut bwrap = Command::new("bwrap");
    bwrap.args(["--dev-bind", "/", "/"]).args(&mount).args(["sh", "-c", &script]);
    let ended = Ended::of(&bwrap.output().expect("bwrap runs")).ok();
    assert_eq!(ended.out, "7\nweb  1  The package web\n", "{ended:?}");
}
