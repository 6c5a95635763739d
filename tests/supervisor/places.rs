//! Where it can run: any user, any root, no writable /run.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;

use serde_json::json;

use crate::harness::{Image, SLEEPS, signal};

fn is_root() -> bool {
    std::process::Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout == b"0\n")
}

#[test]
fn a_long_path_is_no_obstacle() {
    let machine = Image::below(&"long/".repeat(40)).service("p", "s", SLEEPS, json!({})).boot();
    machine.call("svc-restart", &["p", "s"]).ends_with(0);
    assert!(machine.folder().exists());
}

#[test]
fn without_a_run_folder_shared_memory_takes_its_place() {
    let image = Image::new().service("p", "s", SLEEPS, json!({}));
    fs::remove_dir(image.root().join("run")).expect("removed");
    fs::write(image.root().join("run"), "in the way").expect("written");
    let machine = image.boot();
    assert!(machine.root().join("dev/shm/supervisor/control").exists());
    machine.call("svc-restart", &["p", "s"]).ends_with(0);
    assert_eq!(machine.shown("p", "s").status, "Up");
}

#[test]
fn any_user_may_run_it_and_only_that_user_and_root_may_command_it() {
    if !is_root() {
        return;
    }
    let image = Image::new().with_own_program();
    let image = image.service("p", "s", "id -u; exec sleep 100000", json!({"user": "root"}));
    for folder in ["", "run", "srv", "srv/system", "boot"] {
        fs::set_permissions(image.root().join(folder), fs::Permissions::from_mode(0o777)).expect("changed");
    }
    let mut child = image.init(&[]).uid(61001).gid(61001).spawn().expect("started");
    let begin = std::time::Instant::now();
    while !image.stderr().contains("System started successfully") {
        assert!(begin.elapsed() < crate::harness::PATIENCE, "{}", image.stderr());
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let as_user = |uid: u32, arguments: &[&str]| {
        let mut command = std::process::Command::new(image.root().join("boot").join(arguments[0]));
        command.args(&arguments[1..]).arg("--root").arg(image.root()).uid(uid).gid(uid);
        command.output().expect("runs")
    };
    assert!(as_user(61001, &["svc-restart", "p", "s"]).status.success());
    image.call("svc-restart", &["p", "s"]).ends_with(0);
    let denied = as_user(61002, &["svc-restart", "p", "s"]);
    assert_eq!(denied.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&denied.stderr), "Fatal: You must be root to use this command\n");
    assert!(as_user(61002, &["supervisor-inspect"]).status.success(), "looking is allowed");
    assert!(image.read("srv/storage/p/s/logs/current").contains(" 61001\n"));
    signal(child.id(), "TERM");
    assert_eq!(child.wait().expect("waited").code(), Some(0));
}
