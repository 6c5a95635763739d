//! Installing, upgrading, going back; settings and scripts that an operator has edited.

use std::fs;

use medic_model::Arch;

use crate::support::{Package, World, chmod};

#[test]
fn a_package_is_installed_and_told_about() {
    let world = World::new();
    let web = Package::new("web", "1.0")
        .setting("web/web.conf", "port 80\n")
        .service("web")
        .software_link("bin/w", "web");
    let ended = world.install(&[&web]).ok();
    assert!(ended.err.contains("Success: Install web 1.0: finished"), "{ended:?}");
    assert_eq!(world.says("web"), "web 1.0");
    assert_eq!(world.link("srv/software/web/current"), "v1.0");
    assert_eq!(world.link("srv/software/web/v1.0/default"), Arch::host().expect("host").as_str());
    assert_eq!(world.read("srv/settings/web/web/web.conf"), "port 80\n");
    assert_eq!(world.pkg(["list"]).ok().out, "web  1.0  The package web\n");
    let info = world.pkg(["info", "web", "--json"]).ok().json();
    assert_eq!(info["origin"]["from"], "archive");
    assert_eq!(info["services"][0], "web");
    let files = world.pkg(["files", "web"]).ok().out;
    assert!(files.contains("/srv/scripts/web/run/web\n"), "{files}");
    let owner = world.path("srv/software/web/current/default/bin/web");
    assert_eq!(world.pkg(["owns".as_ref(), owner.as_os_str()]).ok().out, "web\n");
    world.pkg(["owns", "/srv/nowhere"]).failed(4, "no installed package has it");
    world.is_clean();
    let again = world.install(&[&web]).ok();
    assert!(again.err.contains("Nothing to do"), "{again:?}");
}

#[test]
fn an_upgrade_keeps_edited_settings_and_shows_the_new_default() {
    let world = World::new();
    let old = Package::new("web", "1")
        .setting("web/edited.conf", "old\n")
        .setting("web/plain.conf", "old\n")
        .setting("web/gone.conf", "old\n")
        .setting("web/edited-gone.conf", "old\n")
        .setting("web/removed.conf", "old\n");
    world.install(&[&old]).ok();
    let settings = "srv/settings/web/web";
    world.write(&format!("{settings}/edited.conf"), "mine\n");
    world.write(&format!("{settings}/edited-gone.conf"), "mine\n");
    fs::remove_file(world.path(&format!("{settings}/removed.conf"))).expect("removed");
    chmod(&world.path(&format!("{settings}/plain.conf")), 0o600);
    let new = Package::new("web", "2")
        .setting("web/edited.conf", "new\n")
        .setting("web/plain.conf", "new\n")
        .setting("web/added.conf", "new\n")
        .setting("web/removed.conf", "new\n");
    let ended = world.install(&[&new]).ok();
    let read = |name: &str| world.read(&format!("{settings}/{name}"));
    assert_eq!(read("edited.conf"), "mine\n");
    assert_eq!(read("plain.conf"), "new\n");
    assert_eq!(read("added.conf"), "new\n");
    assert_eq!(read("edited-gone.conf"), "mine\n");
    assert!(
        !world.exists(&format!("{settings}/gone.conf")) && !world.exists(&format!("{settings}/removed.conf"))
    );
    assert_eq!(world.read("srv/settings/web/.new/web/edited.conf"), "new\n");
    assert!(
        ended.err.contains("/srv/settings/web/web/edited.conf was edited and is left so; the new default is")
    );
    assert!(ended.err.contains("/srv/settings/web/web/removed.conf was removed and is left so"));
    let mode = fs::metadata(world.path(&format!("{settings}/plain.conf"))).expect("stat");
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o777, 0o600, "the operator's");
    let verified = world.pkg(["verify", "web"]).ok();
    assert!(verified.out.contains("edited.conf: was edited"), "{verified:?}");
    // The operator takes the new default over: nothing is left aside after the next upgrade.
    world.write(&format!("{settings}/edited.conf"), "new\n");
    let third = Package::new("web", "3").setting("web/edited.conf", "new\n");
    world.install(&[&third]).ok();
    assert!(!world.exists("srv/settings/web/.new/web/edited.conf"));
}

#[test]
fn an_edited_script_is_kept_aside_and_added_ones_stay() {
    let world = World::new();
    world
        .install(&[&Package::new("web", "1").script("env", "A=1\n").script("setup/10-old", "#!/bin/sh\n")])
        .ok();
    world.write("srv/scripts/web/env", "A=mine\n");
    world.write("srv/scripts/web/setup/99-mine", "#!/bin/sh\n");
    world.install(&[&Package::new("web", "2").script("env", "A=2\n")]).ok();
    assert_eq!(world.read("srv/scripts/web/env"), "A=2\n");
    assert_eq!(world.read("srv/scripts/web/.old/env"), "A=mine\n");
    assert!(world.exists("srv/scripts/web/setup/99-mine") && !world.exists("srv/scripts/web/setup/10-old"));
}

#[test]
fn a_file_may_become_a_folder_and_a_folder_a_file() {
    let world = World::new();
    let old = Package::new("web", "1").script("env", "A=1\n").script("lib/one", "1\n").setting("a", "1\n");
    let new = Package::new("web", "2").script("env/one", "2\n").script("lib", "2\n").setting("a/b", "2\n");
    world.install(&[&old]).ok();
    world.install(&[&new]).ok();
    assert_eq!(
        (world.read("srv/scripts/web/env/one"), world.read("srv/scripts/web/lib")),
        ("2\n".into(), "2\n".into())
    );
    world.is_clean();
    world.install(&[&Package::new("web", "3").script("env", "A=3\n")]).ok();
    world.is_clean();
}

#[test]
fn the_version_before_stays_and_a_rollback_is_a_switch() {
    let world = World::new();
    let version = |n: &str| Package::new("web", n).script("env", n).setting("web.conf", n);
    for number in ["1", "2", "3"] {
        world.install(&[&version(number)]).ok();
    }
    assert!(!world.exists("srv/software/web/v1"), "only the one before is kept");
    assert!(!world.exists("srv/system/versions/web/v1"));
    fs::remove_dir_all(world.archives()).expect("no archive is needed");
    world.pkg(["rollback", "web"]).ok();
    assert_eq!(world.says("web"), "web 2");
    assert_eq!(
        (world.read("srv/scripts/web/env"), world.read("srv/settings/web/web.conf")),
        ("2".into(), "2".into())
    );
    world.is_clean();
    world.pkg(["use", "web", "3"]).ok();
    assert_eq!(world.says("web"), "web 3");
    world.pkg(["use", "web", "9"]).failed(4, "kept are: 2, 3");
    world.pkg(["rollback", "none"]).failed(4, "'none' doesn't appear to be installed");
    world.is_clean();
}

#[test]
fn older_versions_foreign_machines_and_unmet_needs_are_refused() {
    let world = World::new();
    let (one, two) = (Package::new("web", "1.9"), Package::new("web", "1.10"));
    world.install(&[&two]).ok();
    world.install(&[&one]).failed(5, "'web' 1.10 is installed, and 1.9 is older");
    let before = world.everything();
    world
        .install(&[&Package::new("app", "1").needs("shell >=2")])
        .failed(5, "'app' 1 needs 'shell >=2', which neither is installed");
    world
        .install(&[&Package::new("app", "1").conflicts("web <2")])
        .failed(5, "'app' 1 conflicts with 'web <2'");
    world.install(&[&Package::new("app", "1"), &Package::new("app", "2")]).failed(5, "asked for twice");
    let other = Arch::ALL.into_iter().find(|arch| Some(*arch) != Arch::host()).expect("another");
    let foreign = Package::new("app", "1").arch(other);
    // The tree was made for this machine; only the manifest's word is another.
    assert!(foreign.manifest().arch == other);
    assert_eq!(world.everything(), before, "nothing has changed");
    world
        .pkg(
            ["install", "--downgrade"]
                .into_iter()
                .map(Into::into)
                .chain([one.archive(&world.archives()).into_os_string()]),
        )
        .ok();
    assert_eq!(world.says("web"), "web 1.9");
    world.install(&[&Package::new("app", "1").needs("web"), &Package::new("shell", "3")]).ok();
}

#[test]
fn an_install_script_knows_where_it_is_and_its_failure_undoes_everything() {
    let world = World::new();
    let script = "#!/bin/sh\nset -eu\necho hello\nmkdir -p \"$PACKAGE_STORAGE\"\n\
        \"$PACKAGE_SOFTWARE/bin/web\" > \"$PACKAGE_STORAGE/said\"\n\
        echo \"$PACKAGE_NAME $PACKAGE_VERSION from=$PACKAGE_OLD_VERSION to=$PACKAGE_NEW_VERSION\" >> \"$PACKAGE_STORAGE/said\"\n\
        test -e \"$PACKAGE_SETTINGS/web.conf\" && test -e \"$PACKAGE_SCRIPTS/install\" && test \"$PACKAGE_ROOT/storage/web\" = \"$PACKAGE_STORAGE\"\n";
    let first = Package::new("web", "1").script("install", script).setting("web.conf", "1");
    let ended = world.install(&[&first]).ok();
    assert!(ended.err.contains("Info: web: hello"), "{ended:?}");
    assert_eq!(world.read("srv/storage/web/said"), "web 1\nweb 1 from= to=1\n");
    let before = world.everything();
    let bad = "#!/bin/sh\necho it will not do >&2\ntest \"$PACKAGE_OLD_VERSION\" = 1 && exit 7\n";
    let second = Package::new("web", "2")
        .script("install", bad)
        .script("env", "B")
        .setting("web.conf", "2")
        .setting("more", "2");
    world.install(&[&second]).failed(8, "the 'install' script of 'web' ended with exit code 7; everything is as before. Its last words:\n  it will not do");
    assert_eq!(world.everything(), before);
    let slow = Package::new("web", "2").script("install", "#!/bin/sh\nsleep 100 & sleep 100\n");
    let mut args: Vec<std::ffi::OsString> = ["install", "--script-timeout", "1"].map(Into::into).into();
    args.push(slow.archive(&world.archives()).into());
    world.pkg(args).failed(8, "took longer than 1 s and was killed");
    assert_eq!(world.everything(), before);
    world.is_clean();
}

#[test]
fn several_packages_are_all_or_none_and_in_order() {
    let world = World::new();
    let shell = Package::new("shell", "1").script("install", "#!/bin/sh\n");
    let needs_shell = "#!/bin/sh\ntest -e \"$PACKAGE_ROOT/software/shell/v1/default/bin/shell\"\n";
    let app = Package::new("app", "1").needs("shell").script("install", needs_shell);
    let bad = Package::new("bad", "1").script("install", "#!/bin/sh\nexit 1\n");
    world.install(&[&app, &shell, &bad]).failed(8, "the 'install' script of 'bad'");
    assert_eq!(world.pkg(["list"]).ok().out, "");
    world.install(&[&app, &shell]).ok();
    assert_eq!(world.pkg(["list", "--json"]).ok().json().as_array().map(Vec::len), Some(2));
    world.is_clean();
}

#[test]
fn a_plan_can_be_seen_without_being_carried_out() {
    let world = World::new();
    let archive = Package::new("web", "1").script("install", "#!/bin/sh\n").archive(&world.archives());
    let args = ["install".as_ref(), archive.as_os_str(), "--dry-run".as_ref()];
    let shown = world.pkg(args).ok().out;
    assert!(shown.starts_with("install web 1\ntakes up to ") && shown.contains("\n  decide\n"), "{shown}");
    assert!(!world.exists("srv"));
    let plan = world.pkg(args.into_iter().chain(["--json".as_ref()])).ok().json();
    assert_eq!(plan["changes"][0]["to"], "1");
}

#[test]
fn a_damaged_archive_is_refused_and_nothing_is_left() {
    let world = World::new();
    world.install(&[&Package::new("web", "1")]).ok();
    let before = world.everything();
    let archive =
        Package::new("web", "2").software("share/data", &"text ".repeat(10_000)).archive(&world.archives());
    let whole = fs::read(&archive).expect("archive");
    for cut in [0, 10, whole.len() / 2, whole.len() - 1] {
        fs::write(&archive, &whole[..cut]).expect("cut");
        let ended = world.pkg(["install".as_ref(), archive.as_os_str()]);
        assert_eq!(ended.code, 6, "{ended:?}");
        assert_eq!(world.everything(), before);
    }
    for at in (0..whole.len()).step_by(whole.len() / 40 + 1) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(&archive, bytes).expect("changed");
        let ended = world.pkg(["install".as_ref(), archive.as_os_str()]);
        assert_eq!(ended.code, 6, "byte {at}: {ended:?}");
        assert_eq!(world.everything(), before, "byte {at}");
    }
    world.pkg(["install", "/no/such/file"]).failed(4, "there is no such file");
}
