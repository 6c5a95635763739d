//! Names, links, permissions.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

#[test]
fn a_plain_tree_passes() {
    let built = Built::new();
    built.write("share/text", "hello\n");
    symlink("../share/text", built.write("bin/x", "#!/bin/sh\n").with_file_name("link")).expect("linked");
    symlink("share", built.prefix().join("folder")).expect("linked");
    symlink("folder/text", built.prefix().join("through")).expect("linked");
    assert_eq!(built.findings(), []);
}

#[test]
fn what_stands_outside_is_named() {
    let built = Built::new();
    built.write("kept", "");
    fs::create_dir_all(built.out.path().join("usr/lib")).expect("made");
    fs::write(built.out.path().join("usr/lib/libz.so"), "x").expect("written");
    assert_eq!(built.found(), [file("outside-prefix", "/usr/lib/libz.so")]);
    let built = Built::new();
    fs::remove_dir(built.prefix()).expect("removed");
    symlink("/etc", built.prefix()).expect("linked");
    assert_eq!(built.found(), [file("outside-prefix", "/srv/software/hello/current/default")]);
    let built = Built::new();
    let elsewhere = Built::new();
    fs::remove_dir_all(built.out.path()).expect("removed");
    symlink(elsewhere.out.path(), built.out.path()).expect("linked");
    assert_eq!(built.found(), [file("outside-prefix", "/")]);
}

#[test]
fn what_no_package_can_hold_is_found_and_the_rest_is_checked_all_the_same() {
    let built = Built::new();
    let made = Command::new("mkfifo").arg(built.prefix().join("pipe")).status().expect("runs");
    assert!(made.success());
    fs::write(built.prefix().join(OsStr::from_bytes(b"caf\xe9")), "").expect("written");
    fs::create_dir(built.prefix().join("line\nfeed")).expect("made");
    fs::write(built.prefix().join("line\nfeed/file"), "").expect("written");
    symlink(OsStr::from_bytes(b"\xff"), built.prefix().join("link")).expect("linked");
    built.write("text", "/build/src");
    assert_eq!(
        built.found(),
        [
            file("bad-name", "caf\\xe9"),
            file("bad-name", "line\\nfeed"),
            file("bad-name", "line\\nfeed/file"),
            file("bad-name", "link"),
            file("build-path", "text"),
            file("special-file", "pipe"),
        ]
    );
}

#[test]
fn permissions_that_would_be_lost_are_found() {
    let built = Built::new();
    for (name, mode) in
        [("fine", 0o755), ("own", 0o600), ("setuid", 0o4755), ("setgid", 0o2755), ("open", 0o666)]
    {
        let place = built.write(name, "");
        fs::set_permissions(place, fs::Permissions::from_mode(mode)).expect("set");
    }
    fs::create_dir(built.prefix().join("tmp")).expect("made");
    fs::set_permissions(built.prefix().join("tmp"), fs::Permissions::from_mode(0o1777)).expect("set");
    assert_eq!(
        built.found(),
        [
            file("setuid", "setgid"),
            file("setuid", "setuid"),
            file("setuid", "tmp"),
            file("world-writable", "open"),
            file("world-writable", "tmp"),
        ]
    );
    let meant = "{check: setuid, reason: the bits are not needed}, {check: world-writable, reason: written by root only}";
    assert_eq!(built.findings_but(meant), []);
}

#[test]
fn links_lead_to_something_in_the_tree() {
    for (target, check) in [
        ("/bin/x", "link-leaves-tree"),
        ("../../x", "link-leaves-tree"),
        ("a/../../../x", "link-leaves-tree"),
        ("nothing", "broken-link"),
        ("../bin/link", "broken-link"),
        ("x/", "broken-link"),
        ("x/y", "broken-link"),
        ("../bin/nothing/../x", "broken-link"),
    ] {
        let built = Built::new();
        built.write("bin/x", "");
        symlink(target, built.prefix().join("bin/link")).expect("linked");
        let found = built.found();
        assert_eq!(found, [file(check, "bin/link")], "{target}");
    }
    let built = Built::new();
    symlink("b", built.prefix().join("a")).expect("linked");
    symlink("a", built.prefix().join("b")).expect("linked");
    assert_eq!(built.found(), [file("broken-link", "a"), file("broken-link", "b")]);
}

#[test]
fn names_that_differ_in_case_only_are_found() {
    let built = Built::new();
    built.write("share/Readme", "");
    built.write("share/README", "");
    built.write("share/other", "");
    assert_eq!(built.found(), [file("case-collision", "share/Readme")]);
}
