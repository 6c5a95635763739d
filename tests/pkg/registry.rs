//! Repositories in an OCI registry: published by the builder, installed from, and attacked.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use medic_repository::publish::{Place, Publication, PublishError, SigningKey, carry_out, look, plan};
use medic_repository::{Network, oci, publish as publishing, registry};
use serde_json::Value;

use crate::gate::Gate;
use crate::publishing::{LOGIN_IN_BASE64, Registry, docker_config, end, new_key, publish};
use crate::support::{Ended, Package, World, noise};
use crate::web::{Trick, Web};

const NAME: &str = "medic/packages";

struct Shop {
    world: World,
    registry: Registry,
    key: PathBuf,
}

impl Shop {
    fn new() -> Self {
        let world = World::new();
        let key = new_key(&world, "key");
        world.pkg(["key".as_ref(), "add".as_ref(), key.with_extension("pub").as_os_str()]).ok();
        Self { registry: Registry::start(false), key, world }
    }

    /// With packages published, and the repository added.
    fn open(packages: &[&Package]) -> Self {
        let shop = Self::new();
        shop.publish(packages).ok();
        shop.pkg(&["repo", "add", "shop", &shop.address()]).ok();
        shop
    }

    fn address(&self) -> String {
        self.registry.address(NAME)
    }

    /// As the builder's library has it.
    fn place(&self) -> publishing::Registry {
        let (nobody, machine) = (Arc::new(|| Ok(None)), Arc::new(registry::Machine));
        publishing::Registry::new(&self.address(), &Network::default(), nobody, machine).expect("an address")
    }

    fn publish(&self, packages: &[&Package]) -> Ended {
        end(publish(&self.world, &self.address(), &self.key, packages, &[]))
    }

    fn pkg(&self, args: &[&str]) -> Ended {
        self.world.pkg(args)
    }

    /// The digest in the link of a tag, and the manifest that it leads to.
    fn manifest(&self, tag: &str) -> (String, Value) {
        let link = fs::read_to_string(self.registry.tag(NAME, tag)).expect("a tag");
        let digest = link.trim().strip_prefix("sha256:").expect("a digest").to_owned();
        let text = fs::read(self.registry.blob(&digest)).expect("a manifest");
        (digest, serde_json::from_slice(&text).expect("JSON"))
    }

    /// The blob of the first layer of a tag's manifest whose title ends so.
    fn layer(&self, tag: &str, ending: &str) -> PathBuf {
        let (_, manifest) = self.manifest(tag);
        let layers = manifest["layers"].as_array().expect("layers");
        let title = |layer: &&Value| {
            layer["annotations"]["org.opencontainers.image.title"]
                .as_str()
                .expect("a title")
                .ends_with(ending)
        };
        let digest = layers.iter().find(title).expect("a layer")["digest"].as_str().expect("a digest");
        self.registry.blob(digest.strip_prefix("sha256:").expect("SHA-256"))
    }

    /// The blob of the archive of the package `web`.
    fn archive(&self) -> PathBuf {
        let tags = self.registry.tags(NAME);
        self.layer(tags.iter().find(|tag| tag.starts_with("web-v")).expect("a tag"), ".pkg.tar.zst")
    }

    fn refuses(&self, args: &[&str], code: i32, text: &str) {
        let before = self.world.everything();
        self.pkg(args).failed(code, text);
        assert_eq!(self.world.everything(), before);
    }
}

fn web() -> Package {
    Package::new("web", "1.0").software("share/noise", &noise(300_000))
}

#[test]
fn what_the_builder_publishes_is_installed_and_upgraded() {
    let app = Package::new("app", "1+a~b").needs("shell >=2");
    let shop = Shop::open(&[&app, &Package::new("shell", "2"), &Package::new("web", "1")]);
    shop.pkg(&["install", "app"]).ok();
    assert_eq!((shop.world.says("app"), shop.world.says("shell")), ("app 1+a~b".into(), "shell 2".into()));
    let info = shop.pkg(&["info", "shell", "--json"]).ok().json();
    let location = info["origin"]["location"].as_str().expect("a location");
    assert!(location.starts_with(&format!("{}/packages/shell-v2-", shop.address())), "{location}");
    // Every archive is kept by a manifest of its own.
    let tags = shop.registry.tags(NAME);
    assert_eq!(tags.len(), 4, "{tags:?}");
    assert!(tags[0].starts_with("app-v1_a_b-") && tags[1] == "index", "{tags:?}");
    // A second time, with what is there and something new.
    let said = shop.publish(&[&Package::new("web", "1"), &Package::new("shell", "3")]).ok();
    assert!(said.err.contains("was there already") && said.err.contains("put there"), "{said:?}");
    assert!(said.out.contains("index 2 of 'packages' published: 4 packages"), "{said:?}");
    assert_eq!(shop.pkg(&["update"]).ok().out, "shop: index 2, 4 packages\n");
    shop.pkg(&["upgrade", "--yes"]).ok();
    assert_eq!(shop.world.says("shell"), "shell 3");
    assert!(!shop.world.exists("srv/system/cache"));
    // What was damaged comes back from there.
    let program = "srv/software/shell/current/default/bin/shell";
    fs::remove_file(shop.world.path(program)).expect("removed");
    shop.pkg(&["verify", "--repair", "--yes"]).ok();
    shop.world.is_clean();
    let planned = end(publish(&shop.world, &shop.address(), &shop.key, &[], &["--dry-run"])).ok();
    assert!(planned.out.contains("index 3 of 'packages' would be published"), "{planned:?}");
    assert_eq!(shop.pkg(&["update"]).ok().out, "shop: index 2, 4 packages\n");
}

#[test]
fn what_is_no_repository_in_a_registry_is_said() {
    let shop = Shop::new();
    shop.refuses(&["repo", "add", "shop", &shop.address()], 4, "no tag 'index'");
    for (address, code, text) in [
        ("oci://127.0.0.1", 2, "is not the address of a repository in a registry"),
        ("oci://127.0.0.1/a:tag", 2, "without a tag"),
        // Nobody listens there: a port that the registry has, on another address of this machine.
        (
            &*format!("oci+http://127.0.0.9:{}/a", shop.registry.host().split(':').nth(1).expect("a port")),
            4,
            "refused",
        ),
    ] {
        shop.refuses(&["repo", "add", "shop", address], code, text);
    }
    let nobody = format!("oci://127.0.0.1:1/{NAME}");
    end(publish(&shop.world, &nobody, &shop.key, &[], &[])).failed(9, "refused");
}

#[test]
fn an_exchanged_blob_is_refused() {
    let shop = Shop::open(&[&web()]);
    let blob = shop.archive();
    let bytes = fs::read(&blob).expect("the archive");
    // One bit; another package of the same size; less; more.
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    let other = Package::new("web", "1.0").archive(&shop.world.archives());
    let mut other = fs::read(other).expect("another");
    other.resize(bytes.len(), 0);
    for (content, code) in
        [(&flipped[..], 6), (&other, 6), (&bytes[..1000], 4), (&[&bytes[..], b"x"].concat(), 6)]
    {
        fs::write(&blob, content).expect("exchanged");
        shop.pkg(&["install", "web"]).failed(code, "web-v1.0-");
        assert!(!shop.world.exists("srv/software/web"));
    }
    fs::write(&blob, bytes).expect("put back");
    shop.pkg(&["install", "web"]).ok();
}

#[test]
fn an_old_index_that_is_played_back_is_refused() {
    let shop = Shop::open(&[&Package::new("web", "1")]);
    let (old, _) = shop.manifest("index");
    shop.publish(&[&Package::new("web", "2")]).ok();
    shop.pkg(&["update"]).ok();
    fs::write(shop.registry.tag(NAME, "index"), format!("sha256:{old}")).expect("played back");
    shop.refuses(&["update"], 6, "offers index 1, and 2 was seen before");
    shop.refuses(&["install", "web"], 6, "offers index 1");
}

#[test]
fn an_index_that_was_changed_or_signed_by_another_is_refused() {
    let shop = Shop::open(&[&Package::new("web", "1")]);
    let index = shop.layer("index", "index-1.json");
    let text = fs::read(&index).expect("the index");
    let at = text.windows(5).position(|window| window == b"\"web\"").expect("the name");
    let mut changed = text.clone();
    changed[at + 1] = b'b';
    for bytes in [&changed[..], &text[..at]] {
        fs::write(&index, bytes).expect("changed");
        shop.refuses(&["update"], 6, "was cut off or changed on the way");
    }
    fs::write(&index, &text).expect("put back");
    // Somebody else's repository, under our tag.
    let theirs = new_key(&shop.world, "theirs");
    let place = shop.registry.address("theirs/packages");
    end(publish(&shop.world, &place, &theirs, &[&Package::new("web", "9")], &[])).ok();
    shop.refuses(&["repo", "add", "theirs", &place], 6, "which is not trusted");
    end(publish(&shop.world, &shop.address(), &theirs, &[], &[])).failed(11, "which is not trusted");
    // Ours by another name, as if it were the same.
    let same = shop.registry.address("ours/packages");
    end(publish(&shop.world, &same, &shop.key, &[], &["--name", "ours"])).ok();
    shop.world.write("srv/settings/medic-os/repositories/shop", &format!("{same}\n"));
    shop.refuses(&["update"], 6, "is an index of the repository 'ours', and this was 'packages' before");
}

#[test]
fn a_registry_that_wants_a_login_gets_it() {
    let shop = Shop { registry: Registry::start(true), ..Shop::new() };
    let (address, host) = (shop.address(), shop.registry.host());
    let good = docker_config(&shop.world, &host, LOGIN_IN_BASE64);
    let bad = docker_config(&shop.world, &host, "bWVkaWM6c2VzYW1l");
    let with = |config: &Path| {
        let mut command = publish(&shop.world, &address, &shop.key, &[&Package::new("web", "1")], &[]);
        end({
            command.env("DOCKER_CONFIG", config);
            command
        })
    };
    end(publish(&shop.world, &address, &shop.key, &[], &[])).failed(9, "the registry wants a login");
    with(&bad).failed(9, "the registry refuses the login");
    with(&good).ok();
    shop.refuses(&["repo", "add", "shop", &address], 4, "the registry wants a login");
    let by_variable = |config: &Path, args: &[&str]| {
        Ended::of(&shop.world.command().env("DOCKER_CONFIG", config).args(args).output().expect("pkg runs"))
    };
    by_variable(&bad, &["repo", "add", "shop", &address]).failed(4, "the registry refuses the login");
    by_variable(Path::new("/none"), &["repo", "add", "shop", &address]).failed(4, "/none/config.json");
    by_variable(&good, &["repo", "add", "shop", &address]).ok();
    let settings = "srv/settings/medic-os/registry.json";
    shop.world.write(settings, "{");
    shop.refuses(&["install", "web"], 6, "registry.json");
    shop.world.write(settings, &fs::read_to_string(good.join("config.json")).expect("a login"));
    shop.pkg(&["install", "web"]).ok();
    assert_eq!(shop.world.says("web"), "web 1");
}

/// Helpers are programs `docker-credential-<name>` that are given the registry on standard input.
#[test]
fn a_login_may_come_from_a_helper() {
    let shop = Shop { registry: Registry::start(true), ..Shop::new() };
    let folder = shop.world.archives().join("helped");
    let helper = "#!/bin/sh\nread host\necho '{\"ServerURL\": \"'$host'\", \"Username\": \"medic\", \"Secret\": \"open sesame\"}'\n";
    fs::create_dir_all(&folder).expect("made");
    fs::write(folder.join("docker-credential-test"), helper).expect("written");
    crate::support::chmod(&folder.join("docker-credential-test"), 0o755);
    let config = serde_json::json!({"credHelpers": {shop.registry.host(): "test"}});
    fs::write(folder.join("config.json"), config.to_string()).expect("written");
    let mut command = publish(&shop.world, &shop.address(), &shop.key, &[], &[]);
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").expect("a path"));
    command.env("DOCKER_CONFIG", &folder).env("PATH", path);
    end(command).ok();
}

/// A shop whose registry stands behind a server of tokens, and whose blobs are on another host.
fn gated(login: Option<&str>, uses: u32) -> (Shop, Gate, Web) {
    let shop = Shop::new();
    shop.publish(&[&web()]).ok();
    let blobs = Web::serve(shop.registry.blobs());
    let gate = Gate::before(&shop.registry.url(), &blobs.url(), login, uses);
    (shop, gate, blobs)
}

#[test]
fn a_token_is_asked_for_and_shown_to_the_registry_alone() {
    let (shop, gate, blobs) = gated(Some(LOGIN_IN_BASE64), 100);
    let address = format!("oci://{}/{NAME}", gate.host());
    shop.refuses(&["repo", "add", "shop", &address], 4, "the registry wants a login");
    let config = docker_config(&shop.world, &gate.host(), LOGIN_IN_BASE64);
    shop.world.write(
        "srv/settings/medic-os/registry.json",
        &fs::read_to_string(config.join("config.json")).expect("a login"),
    );
    shop.pkg(&["repo", "add", "shop", &address]).ok();
    gate.questions();
    blobs.requests("");
    shop.pkg(&["install", "web"]).ok();
    assert_eq!(gate.questions(), ["service=a%20registry&scope=repository:medic/packages:pull"]);
    let requests = blobs.requests("");
    assert_eq!(requests.len(), 3, "an index, a signature, an archive: {requests:?}");
    assert!(!requests.iter().any(|request| request.contains("authorization")), "{requests:?}");
}

/// Whoever serves the blobs would like to have the login, and says where tokens are to be had.
#[test]
fn a_host_that_the_registry_leads_to_gets_no_login() {
    let (shop, gate, blobs) = gated(Some(LOGIN_IN_BASE64), 100);
    let config = docker_config(&shop.world, &gate.host(), LOGIN_IN_BASE64);
    shop.world.write(
        "srv/settings/medic-os/registry.json",
        &fs::read_to_string(config.join("config.json")).expect("a login"),
    );
    shop.pkg(&["repo", "add", "shop", &format!("oci://{}/{NAME}", gate.host())]).ok();
    let thief = Web::serve(shop.world.archives());
    let archive = shop.archive();
    let name = archive.parent().and_then(Path::file_name).and_then(|name| name.to_str()).expect("a digest");
    gate.questions();
    blobs.requests("");
    for how in [format!(r#"Bearer realm="{}/token",service="x""#, thief.url()), "Basic realm=x".to_owned()] {
        blobs.play(name, 1, Trick::Challenge(how));
        shop.pkg(&["install", "web"]).failed(4, "the registry refuses the login");
        assert_eq!(thief.requests(""), [""; 0]);
        assert!(!blobs.requests("").iter().any(|request| request.contains("authorization")));
    }
    // One a command: by what the registry itself has said.
    assert_eq!(gate.questions().len(), 2);
    shop.pkg(&["install", "web"]).ok();
}

#[test]
fn anybody_gets_a_token_where_none_is_refused_and_a_new_one_when_it_is_over() {
    let (shop, gate, _blobs) = gated(None, 1);
    shop.pkg(&["repo", "add", "shop", &format!("oci://{}/{NAME}", gate.host())]).ok();
    gate.questions();
    shop.pkg(&["install", "web"]).ok();
    // Each of its four requests wants another.
    assert_eq!(gate.questions().len(), 4);
}

#[test]
fn a_blob_that_is_cut_off_goes_on_where_it_stopped() {
    let (shop, gate, blobs) = gated(None, 100);
    shop.pkg(&["repo", "add", "shop", &format!("oci://{}/{NAME}", gate.host())]).ok();
    let archive = shop.archive();
    let name = archive.parent().and_then(Path::file_name).and_then(|name| name.to_str()).expect("a digest");
    blobs.requests("");
    blobs.play(name, 1, Trick::CutAfter(100_000));
    blobs.play(name, 1, Trick::Status(503));
    shop.pkg(&["install", "web"]).ok();
    let fetched = blobs.requests(name);
    assert_eq!(fetched.len(), 3, "{fetched:?}");
    assert!(fetched[1].ends_with(" from 100000") && fetched[2].ends_with(" from 100000"), "{fetched:?}");
}

/// A registry knows no locks: the second publisher finds another index than the one that it has looked at.
#[test]
fn of_two_publishers_in_a_registry_the_second_is_refused() {
    let shop = Shop::new();
    shop.publish(&[&Package::new("web", "1")]).ok();
    let text = fs::read_to_string(&shop.key).expect("a key");
    let keys = [SigningKey::parse(&text, None).expect("a key")];
    let place = shop.place();
    let trusted = [keys[0].public().clone()];
    let name = "packages".parse().expect("name");
    let publication = Publication { name: &name, keys: &keys, now: 1_800_000_000, lifetime: 86_400 };
    let archives = [Package::new("app", "1").archive(&shop.world.archives())];
    let before = look(&place, &trusted).expect("ours");
    let late = plan(&place.location(), before, &archives, &publication).expect("planned");
    shop.publish(&[&Package::new("web", "2")]).ok();
    let error = carry_out(&late, &place, &keys, &()).expect_err("too late");
    assert!(matches!(error, PublishError::MovedOn { .. }), "{error}");
    // In the last moment, too: the mark is looked at when everything else is there.
    let files =
        publishing::IndexFiles { version: 9, files: vec![("index-9.json".to_owned(), b"{}".to_vec())] };
    assert!(!place.put_index(&files, Some(b"another")).expect("reached"));
    assert_eq!(look(&place, &trusted).expect("ours").index.expect("one").version, 2);
    assert_eq!(oci::TAG, "index");
}

/// Archives without their index, as a publisher that was killed leaves them: readers see the index before, and the next one goes on.
#[test]
fn what_a_killed_publisher_has_left_in_a_registry_is_taken_up() {
    let shop = Shop::open(&[&Package::new("web", "1")]);
    let place = shop.place();
    let app = Package::new("app", "1");
    let archive = app.archive(&shop.world.archives());
    let digested = medic_archive::digest::of_file(&archive).expect("read");
    let listed = medic_repository::Listed::of(&app.manifest(), digested.size, digested.sha256);
    assert!(!place.has(&listed).expect("asked"));
    place.put_archive(&listed, &archive).expect("put");
    assert_eq!(shop.pkg(&["update"]).ok().out, "shop: index 1, 1 packages\n");
    shop.pkg(&["install", "app"]).failed(5, "app");
    let said = shop.publish(&[&app]).ok();
    assert!(said.err.contains("was there already"), "{said:?}");
    shop.pkg(&["install", "app"]).ok();
}
