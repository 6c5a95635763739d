//! Installing by name from a signed repository in a folder; attacks on it change nothing.

use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use medic_repository::publish::{Publication, SigningKey, publish};

use crate::support::{Ended, Package, World};

const DAY: u64 = 86_400;

struct Shop {
    world: World,
    key: SigningKey,
}

impl Shop {
    fn new() -> Self {
        Self { world: World::new(), key: SigningKey::generate().expect("a key") }
    }

    fn folder(&self) -> PathBuf {
        self.world.archives().join("repository")
    }

    fn publish_at(&self, now: u64, packages: &[&Package]) {
        let archives: Vec<PathBuf> = packages.iter().map(|p| p.archive(&self.world.archives())).collect();
        let name = "ours".parse().expect("name");
        let keys = std::slice::from_ref(&self.key);
        let publication = Publication { name: &name, keys, now, lifetime: 7 * DAY };
        publish(&self.folder(), &archives, &publication).expect("published");
        archives.iter().for_each(|archive| fs::remove_file(archive).expect("removed"));
    }

    fn publish(&self, packages: &[&Package]) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        self.publish_at(now, packages);
    }

    fn add(&self) -> Ended {
        let folder = self.folder();
        self.world.pkg(["repo".as_ref(), "add".as_ref(), "shop".as_ref(), folder.as_os_str()])
    }

    /// With a trusted key and the repository added.
    fn open(packages: &[&Package]) -> Self {
        let shop = Self::new();
        shop.publish(packages);
        let key = shop.world.archives().join("key.pub");
        fs::write(&key, shop.key.public().file()).expect("written");
        shop.world.pkg(["key".as_ref(), "add".as_ref(), key.as_os_str()]).ok();
        assert_eq!(shop.add().ok().out, format!("shop: index 1, {} packages\n", packages.len()));
        shop
    }

    /// Refused with this exit code and text, and nothing has changed.
    #[track_caller]
    fn refuses(&self, args: &[&str], code: i32, text: &str) {
        let before = self.world.everything();
        self.world.pkg(args).failed(code, text);
        assert_eq!(self.world.everything(), before);
    }
}

#[test]
fn a_package_is_installed_by_name_with_what_it_needs() {
    let app = Package::new("app", "1").needs("shell >=2");
    let shop = Shop::open(&[
        &app,
        &Package::new("shell", "1"),
        &Package::new("shell", "2"),
        &Package::new("web", "1"),
    ]);
    let world = &shop.world;
    let shown = world.pkg(["list", "--available"]).ok().out;
    assert_eq!(shown.lines().count(), 3, "{shown}");
    assert_eq!(world.pkg(["search", "PACKAGE W", "--json"]).ok().json()[0]["name"], "web");
    let ended = world.pkg(["install", "app"]).ok();
    assert!(ended.err.contains("Install shell 2, install app 1: finished"), "{ended:?}");
    world.pkg(["install", "web=1"]).ok();
    world.pkg(["install", "web"]).ok();
    world.is_clean();
    assert_eq!(world.pkg(["list", "--outdated"]).ok().out, "");
    shop.publish(&[&Package::new("web", "2"), &Package::new("shell", "3")]);
    assert_eq!(world.pkg(["update"]).ok().out, "shop: index 2, 6 packages\n");
    assert_eq!(world.pkg(["list", "--outdated"]).ok().out, "shell  2 -> 3\nweb  1 -> 2\n");
    world.pkg(["upgrade", "web"]).ok();
    assert_eq!((world.says("web"), world.says("shell")), ("web 2".into(), "shell 2".into()));
    world.pkg(["upgrade"]).ok();
    assert_eq!(world.says("shell"), "shell 3");
    world.pkg(["install", "--reinstall", "web"]).ok();
    world.is_clean();
    shop.refuses(&["install", "none"], 5, "there is no 'none', neither installed nor in a repository");
    shop.refuses(&["install", "web=9"], 5, "there is no 'web' =9: there are 2 (installed)");
    shop.refuses(&["upgrade", "none"], 4, "doesn't appear to be installed");
}

#[test]
fn what_a_package_provides_meets_needs_and_cannot_be_taken_away() {
    let mail = |name: &str| Package::new(name, "1").provides("mail =2").conflicts("mail");
    let app = Package::new("app", "1").needs("mail >=2");
    let shop =
        Shop::open(&[&app, &mail("exim"), &mail("postfix"), &Package::new("new", "1").needs("mail >=3")]);
    shop.refuses(
        &["install", "mail"],
        5,
        "'mail' is no package, but what 'exim' or 'postfix' provides: name that",
    );
    shop.refuses(&["install", "new"], 5, "'new' 1 needs 'mail >=3', which nothing that there is provides");
    shop.refuses(&["install", "exim", "postfix"], 5, "conflicts with 'mail', which");
    shop.world.pkg(["install", "app"]).ok();
    assert_eq!(shop.world.says("exim"), "exim 1");
    assert!(shop.world.pkg(["info", "exim"]).ok().out.contains("Provides      mail =2\n"));
    shop.refuses(&["remove", "exim"], 5, "'app' 1 needs 'mail >=2', and it would not be installed");
    shop.refuses(&["install", "postfix"], 5, "conflicts with 'mail', which");
    shop.world.pkg(["remove", "app", "exim"]).ok();
    shop.world.pkg(["install", "app", "postfix"]).ok();
    assert_eq!(shop.world.says("postfix"), "postfix 1");
    shop.world.is_clean();
}

#[test]
fn a_file_takes_its_needs_from_the_repository() {
    let shop = Shop::open(&[&Package::new("shell", "2")]);
    let archive = Package::new("app", "1").needs("shell").archive(&shop.world.archives());
    shop.world.pkg(["install".as_ref(), archive.as_os_str()]).ok();
    assert_eq!(shop.world.says("shell"), "shell 2");
}

#[test]
fn nothing_is_trusted_without_a_key() {
    let shop = Shop::new();
    shop.publish(&[&Package::new("web", "1")]);
    shop.add().failed(6, "no key is trusted");
    let other = SigningKey::generate().expect("another").public().file();
    let line = other.lines().nth(1).expect("a line");
    shop.world.pkg(["key", "add", line]).ok();
    shop.add().failed(6, "which is not trusted");
    assert_eq!(shop.world.pkg(["repo", "list"]).ok().out, "");
    let number = shop.world.pkg(["key", "list"]).ok().out;
    shop.world.pkg(["key", "remove", number.trim()]).ok();
    shop.world.pkg(["key", "remove", number.trim()]).failed(4, "no trusted key has that number");
    shop.world.pkg(["key", "add", "hello"]).failed(4, "no such file");
    shop.world.pkg(["key", "add", "RWhello"]).failed(2, "not a minisign public key");
}

#[test]
fn attacks_change_nothing() {
    let shop = Shop::open(&[&Package::new("web", "1"), &Package::new("app", "1")]);
    shop.world.pkg(["install", "app"]).ok();
    let packages = shop.folder().join("packages");
    let arch = medic_model::Arch::host().expect("host");
    let (web, app) = (
        packages.join(format!("web-v1-{arch}.pkg.tar.zst")),
        packages.join(format!("app-v1-{arch}.pkg.tar.zst")),
    );
    let real = fs::read(&web).expect("archive");
    // Another package under its name.
    fs::copy(&app, &web).expect("swapped");
    shop.refuses(
        &["install", "web"],
        6,
        "holds 'app' 1, and its repository says that it is 'web' 1: it was exchanged",
    );
    // The same package, made of other bytes.
    let evil = Package::new("web", "1").software("bin/evil", "#!/bin/sh\n").archive(&shop.world.archives());
    fs::rename(&evil, &web).expect("swapped");
    shop.refuses(&["install", "web"], 6, "it was changed on the way");
    fs::write(&web, &real[..real.len() - 10]).expect("cut");
    shop.refuses(&["install", "web"], 6, "truncated");
    fs::remove_file(&web).expect("removed");
    shop.refuses(&["install", "web"], 4, "cannot read");
    fs::write(&web, &real).expect("restored");
    // An old index, played back.
    shop.publish(&[]);
    shop.world.pkg(["update"]).ok();
    fs::write(shop.folder().join("latest"), "1\n").expect("rolled back");
    shop.refuses(&["install", "web"], 6, "offers index 1, and 2 was seen before");
    fs::write(shop.folder().join("latest"), "2\n").expect("set");
    let index = shop.folder().join("index-2.json");
    let text = fs::read(&index).expect("index");
    fs::write(&index, &text[..text.len() / 2]).expect("cut");
    shop.refuses(&["install", "web"], 6, "was cut off or changed on the way");
    fs::write(&index, text).expect("restored");
    shop.world.pkg(["install", "web"]).ok();
}

#[test]
fn a_repository_that_stands_still_is_refused() {
    let shop = Shop::new();
    let key = shop.key.public().file();
    shop.world.pkg(["key", "add", key.lines().nth(1).expect("a line")]).ok();
    shop.publish_at(1_700_000_000, &[&Package::new("web", "1")]);
    shop.add().failed(6, "has expired");
}

#[test]
fn a_repository_out_of_reach_does_not_stop_the_rest() {
    let shop = Shop::open(&[&Package::new("web", "1")]);
    fs::rename(shop.folder(), shop.world.archives().join("moved")).expect("moved");
    let archive = Package::new("app", "1").archive(&shop.world.archives());
    let ended = shop.world.pkg(["install".as_ref(), archive.as_os_str()]).ok();
    assert!(ended.err.contains("Warning: the repository 'shop' cannot be used now"), "{ended:?}");
    shop.world.pkg(["repo", "remove", "shop"]).ok();
    shop.world.pkg(["repo", "remove", "shop"]).failed(4, "no repository of that name");
    shop.world
        .pkg(["repo", "add", "web", "ftp://example.org/"])
        .failed(2, "neither the absolute path of a folder nor an address");
}
