//! What the supervisor is told; here it is a folder of scripts that write down how they were called.

use std::os::unix::net::UnixListener;
use std::process::Command;

use crate::support::{PKG, Package, World, chmod};

fn supervised() -> (World, UnixListener) {
    let world = World::new();
    for name in ["supervisor-reread", "supervisor-stop", "supervisor-start", "svc-restart", "svc-wait"] {
        let path = format!("boot/{name}");
        world.write(
            &path,
            &format!(
                "#!/bin/sh\nshift 2\necho {name} \"$@\" >> \"$(dirname \"$0\")/told\"\ntest \"$3\" != bad\n"
            ),
        );
        chmod(&world.path(&path), 0o755);
    }
    std::fs::create_dir_all(world.path("run/supervisor")).expect("folder");
    let socket = UnixListener::bind(world.path("run/supervisor/control")).expect("a socket");
    (world, socket)
}

fn told(world: &World) -> String {
    let text = world.read("boot/told");
    world.write("boot/told", "");
    text
}

#[test]
fn services_are_stopped_started_and_restarted() {
    let (world, socket) = supervised();
    let web = |version: &str| Package::new("web", version).service("web");
    world.install(&[&web("1")]).ok();
    assert_eq!(told(&world), "supervisor-reread\n");
    world.install(&[&web("2"), &Package::new("plain", "1")]).ok();
    assert_eq!(told(&world), "supervisor-reread\nsvc-restart --timeout 60s web web\n");
    world.install(&[&Package::new("plain", "2")]).ok();
    assert_eq!(told(&world), "supervisor-reread\n");
    world.pkg(["remove", "web"]).ok();
    assert_eq!(told(&world), "supervisor-stop web\nsupervisor-reread\n");
    world.install(&[&web("3").script("remove", "#!/bin/sh\nexit 1\n")]).ok();
    told(&world);
    world.pkg(["remove", "web"]).failed(8, "the 'remove' script of 'web'");
    assert_eq!(told(&world), "supervisor-stop web\nsupervisor-reread\nsupervisor-start web\n");
    drop(socket);
}

#[test]
fn a_supervisor_that_fails_does_not_undo_the_change() {
    let (world, _socket) = supervised();
    let bad = |version: &str| Package::new("bad", version).service("bad");
    world.install(&[&bad("1")]).ok();
    let ended = world.install(&[&bad("2")]).ok();
    // Nobody can tell how it was before: `supervisor-inspect` is not there.
    assert!(ended.err.contains("bad bad' has failed (exit status: 1)"), "{ended:?}");
    assert_eq!(world.says("bad"), "bad 2");
}

#[test]
fn services_restart_on_a_change_that_a_killed_pkg_had_decided() {
    let (world, _socket) = supervised();
    let web = |version: &str| Package::new("web", version).service("web");
    world.install(&[&web("1")]).ok();
    let archive = web("2").archive(&world.archives());
    told(&world);
    // The third time that everything is made durable is behind the decision.
    let mut strace = Command::new("strace");
    strace.args(["-f", "-o", "/dev/null", "-e", "trace=syncfs", "-e", "inject=syncfs:signal=KILL:when=3"]);
    strace.arg(PKG).arg("--root").arg(world.root()).arg("install").arg(archive);
    assert!(!strace.output().expect("strace runs").status.success());
    assert_eq!(told(&world), "");
    let recovered = world.pkg(["list"]).ok();
    assert!(recovered.err.contains("What was cut off is finished: upgrade web 1 to 2"), "{recovered:?}");
    assert_eq!(told(&world), "supervisor-reread\nsvc-restart web\n");
    world.is_clean();
}

#[test]
fn sync_tells_nobody_since_the_supervisor_waits_for_it() {
    let (world, _socket) = supervised();
    Package::new("web", "1").service("web").bundle(&world.root());
    world.pkg(["sync"]).ok();
    assert!(!world.exists("boot/told"));
}
