//! Removing: what was installed goes, what is the operator's stays.

use crate::support::{Package, World};

#[test]
fn what_was_not_installed_stays() {
    let world = World::new();
    world.install(&[&Package::new("other", "1")]).ok();
    let web = Package::new("web", "1")
        .service("web")
        .setting("web/a.conf", "a")
        .setting("web/b.conf", "b")
        .script("remove", "#!/bin/sh\necho bye\n");
    world.install(&[&web]).ok();
    world.write("srv/settings/web/web/b.conf", "mine");
    world.write("srv/storage/web/web/data", "data");
    world.write("srv/software/web/v1/x64/bin/added", "added");
    let ended = world.pkg(["remove", "web"]).ok();
    assert!(ended.err.contains("Info: web: bye"), "{ended:?}");
    assert!(ended.err.contains("b.conf was edited: it is kept"), "{ended:?}");
    let left: Vec<String> = world
        .everything()
        .into_keys()
        .filter(|path| path.contains("web") && world.path(path).is_file())
        .collect();
    assert_eq!(
        left,
        ["srv/settings/web/web/b.conf", "srv/software/web/v1/x64/bin/added", "srv/storage/web/web/data"]
    );
    world.pkg(["info", "web"]).failed(4, "doesn't appear to be installed");
    world.pkg(["remove", "web"]).failed(4, "doesn't appear to be installed");
    world.is_clean();
    // Settings that were kept are the operator's when the package comes back.
    world.install(&[&web]).ok();
    assert_eq!(world.read("srv/settings/web/web/b.conf"), "mine");
    assert_eq!(world.read("srv/software/web/v1/x64.old/bin/added"), "added");
    std::fs::remove_dir_all(world.path("srv/software/web/v1/x64.old")).expect("removed");
    world.pkg(["remove", "--purge", "web"]).ok();
    assert_eq!(world.everything().into_keys().filter(|path| path.contains("web")).count(), 0);
}

#[test]
fn a_package_removed_leaves_the_tree_as_it_was() {
    let world = World::new();
    world.install(&[&Package::new("other", "1").service("a").setting("a", "b")]).ok();
    let before = world.everything();
    let web = |version: &str| Package::new("web", version).service("web").setting("web/a.conf", version);
    world.install(&[&web("1")]).ok();
    world.install(&[&web("2")]).ok();
    world.pkg(["remove", "web"]).ok();
    assert_eq!(world.everything(), before);
}

#[test]
fn what_others_need_is_not_removed() {
    let world = World::new();
    let (shell, app) = (Package::new("shell", "1"), Package::new("app", "1").needs("shell"));
    world.install(&[&shell, &app]).ok();
    world.pkg(["remove", "shell"]).failed(5, "'app' 1 needs 'shell', and it would not be installed");
    world.pkg(["remove", "shell", "app"]).ok();
    world.install(&[&shell, &app]).ok();
    world.pkg(["remove", "--force", "shell"]).ok();
    assert!(world.exists("srv/software/app/current") && !world.exists("srv/software/shell"));
}

#[test]
fn a_remove_script_that_fails_keeps_the_package() {
    let world = World::new();
    world.install(&[&Package::new("web", "1").script("remove", "#!/bin/sh\nexit 3\n")]).ok();
    let before = world.everything();
    world.pkg(["remove", "web"]).failed(8, "the 'remove' script of 'web' ended with exit code 3");
    assert_eq!(world.everything(), before);
}
