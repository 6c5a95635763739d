//! Several at once: they take turns.

use std::process::{Child, Stdio};

use crate::support::{Ended, Package, World};

/// Installs a package whose archive is in a folder of this name: nobody else writes it while it is read.
fn start(world: &World, package: &Package, name: &str) -> Child {
    let folder = world.archives().join(name);
    std::fs::create_dir_all(&folder).expect("made");
    let archive = package.archive(&folder);
    let mut command = world.command();
    command.arg("install").arg("--downgrade").arg(archive);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("pkg runs")
}

#[test]
fn the_second_waits_and_says_for_whom() {
    let world = World::new();
    let slow = Package::new("slow", "1").script("install", "#!/bin/sh\nsleep 1\n");
    let mut first = start(&world, &slow, "slow");
    while !world.exists("srv/software/slow/v1") {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let archive = Package::new("fast", "1").archive(&world.archives());
    let busy = world.pkg(["--no-wait".as_ref(), "install".as_ref(), archive.as_os_str()]);
    busy.failed(10, &format!("another pkg is at work (PID {})", first.id()));
    let second = world.pkg(["install".as_ref(), archive.as_os_str()]).ok();
    assert!(
        second.err.contains(&format!("Info: Waiting for another pkg (PID {})", first.id())),
        "{second:?}"
    );
    assert!(first.wait().expect("ended").success());
    assert_eq!(world.pkg(["list", "--json"]).ok().json().as_array().map(Vec::len), Some(2));
    world.is_clean();
}

#[test]
fn twenty_with_contradicting_wishes_are_one_after_the_other() {
    let world = World::new();
    let children: Vec<Child> = (0..20)
        .map(|n| {
            let package = Package::new("web", &format!("{}", n % 5)).setting("n", &n.to_string());
            start(&world, &package, &n.to_string())
        })
        .collect();
    let killed = 3;
    for (n, mut child) in children.into_iter().enumerate() {
        if n == killed {
            child.kill().expect("killed");
        }
        let ended = Ended::of(&child.wait_with_output().expect("ended"));
        assert!(n == killed || ended.code == 0, "{ended:?}");
    }
    world.pkg(["sync"]).ok();
    world.is_clean();
}
