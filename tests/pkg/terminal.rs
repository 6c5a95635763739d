//! What is drawn on a terminal while something takes its time, and that nothing of it stays.

use std::fs::File;
use std::io::Read as _;
use std::process::Command;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::afar::{Shop, web};
use crate::support::{Package, World};

/// Runs a command with its messages on a terminal; everything that the terminal was sent.
fn on_terminal(mut command: Command, term: &str) -> String {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
    grantpt(&ours).expect("granted");
    unlockpt(&ours).expect("unlocked");
    let name = ptsname(&ours, Vec::new()).expect("a name");
    let theirs = rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty());
    command.env("TERM", term).stderr(theirs.expect("opened"));
    let mut child = command.spawn().expect("pkg runs");
    // The command holds the other end: the terminal must be at its end when pkg is.
    drop(command);
    let (mut sent, mut buffer) = (Vec::new(), [0; 4096]);
    let mut ours = File::from(ours);
    // EIO is how a terminal ends.
    while let Ok(count @ 1..) = ours.read(&mut buffer) {
        sent.extend_from_slice(&buffer[..count]);
    }
    assert!(child.wait().expect("ended").success(), "{}", String::from_utf8_lossy(&sent));
    String::from_utf8(sent).expect("text")
}

/// What the terminal shows at last.
fn shown(sent: &str) -> String {
    let line = |line: &str| line.rsplit("\x1b[K").next().unwrap_or_default().to_owned();
    let lines: Vec<String> = sent.replace("\r\n", "\n").split('\n').map(line).collect();
    lines.join("\n")
}

fn install(shop: &Shop, more: &[&str]) -> Command {
    let mut command = shop.world.command();
    command.args(["install", "web"]).args(more);
    command
}

#[test]
fn what_is_got_and_unpacked_is_drawn_and_erased() {
    let shop = Shop::open(&[&web()]);
    let sent = on_terminal(install(&shop, &[]), "xterm");
    let first = sent.split_once("\x1b[?7l").expect("something is drawn").1;
    assert!(first.starts_with("Downloading web  "), "{sent:?}");
    assert!(first.contains(" kB\x1b[?7h"), "{sent:?}");
    let quiet = Shop::open(&[&web()]);
    let piped = quiet.world.pkg(["install", "web"]).ok().err;
    assert_eq!(shown(&sent), piped, "{sent:?}");
    assert!(!piped.contains('\x1b') && !piped.contains("Downloading"), "{piped:?}");
}

#[test]
fn verifying_is_drawn_and_erased() {
    let world = World::new();
    let nginx = Package::new("nginx", "1.0").software("big", &"x".repeat(3_000_000));
    world.install(&[&nginx]).ok();
    let mut command = world.command();
    command.arg("verify");
    let sent = on_terminal(command, "xterm");
    assert!(sent.contains("\x1b[?7lVerifying nginx  "), "{sent:?}");
    assert!(sent.contains(" of 3.00 MB"), "{sent:?}");
    assert_eq!(shown(&sent), world.pkg(["verify"]).ok().err);
}

#[test]
fn nothing_is_drawn_for_programs_and_on_terminals_that_cannot() {
    let shop = Shop::open(&[&web()]);
    let sent = on_terminal(install(&shop, &[]), "dumb");
    assert!(sent.contains("Success: ") && !sent.contains('\x1b'), "{sent:?}");
    let sent = on_terminal(install(&shop, &["--reinstall", "--json"]), "xterm");
    assert!(sent.contains("Unpacking web") && !sent.contains('\x1b'), "{sent:?}");
}
