//! Repositories and archives behind web servers: what goes wrong on the way is tried again, gone on with, or refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use medic_repository::publish::{Publication, SigningKey, publish};

use crate::ports::free_port;
use crate::support::{Ended, Package, World, noise};
use crate::web::{Trick, Web};

pub(super) struct Shop {
    pub(super) world: World,
    pub(super) web: Web,
}

impl Shop {
    /// A repository that is served, its key trusted, not yet added.
    fn new(packages: &[&Package]) -> Self {
        let (world, key) = (World::new(), SigningKey::generate().expect("a key"));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let archives: Vec<PathBuf> = packages.iter().map(|p| p.archive(&world.archives())).collect();
        let (name, keys) = ("ours".parse().expect("name"), std::slice::from_ref(&key));
        let publication = Publication { name: &name, keys, now, lifetime: 7 * 86_400 };
        let folder = world.archives().join("repository");
        publish(&folder, &archives, &publication).expect("published");
        archives.iter().for_each(|archive| fs::remove_file(archive).expect("removed"));
        let file = world.archives().join("key.pub");
        fs::write(&file, key.public().file()).expect("written");
        world.pkg(["key".as_ref(), "add".as_ref(), file.as_os_str()]).ok();
        Self { web: Web::serve(folder), world }
    }

    pub(super) fn open(packages: &[&Package]) -> Self {
        let shop = Self::new(packages);
        shop.pkg(&["repo", "add", "shop", &shop.web.url()]).ok();
        shop
    }

    fn pkg(&self, args: &[&str]) -> Ended {
        self.world.pkg(args.iter().map(std::ffi::OsStr::new))
    }

    fn cache(&self) -> PathBuf {
        self.world.root().join("srv/system/cache")
    }

    fn installed(&self) -> Vec<String> {
        let list = self.pkg(&["list", "--json"]).ok().json();
        let name = |one: &serde_json::Value| one["name"].as_str().expect("a name").to_owned();
        list.as_array().expect("a list").iter().map(name).collect()
    }
}

/// With content that does not compress, so that its archive has several pieces.
pub(super) fn web() -> Package {
    Package::new("web", "1.0").software("share/noise", &noise(300_000))
}

#[test]
fn a_package_comes_from_a_web_server_with_what_it_needs_and_nothing_stays_behind() {
    let shop =
        Shop::open(&[&web().needs("shell"), &Package::new("shell", "2.0"), &Package::new("other", "1")]);
    shop.web.requests("");
    let err = shop.pkg(&["install", "web"]).ok().err;
    assert!(err.contains("Success"), "{err}");
    assert_eq!(shop.installed(), ["shell", "web"]);
    // Only what is needed was fetched.
    let fetched = shop.web.requests("packages/");
    assert_eq!(fetched.len(), 2, "{fetched:?}");
    assert!(!shop.cache().exists());
    let info = shop.pkg(&["info", "web", "--json"]).ok().json();
    let location = info["origin"]["location"].as_str().expect("a location");
    assert!(location.starts_with(&format!("{}/packages/web-v1.0-", shop.web.url())), "{location}");
    shop.pkg(&["repo", "list"]).ok();
    assert!(shop.pkg(&["list", "--available"]).ok().out.contains("other"));
}

#[test]
fn a_download_that_is_cut_off_goes_on_where_it_stopped() {
    let shop = Shop::open(&[&web()]);
    shop.web.requests("");
    shop.web.play("packages/web", 1, Trick::CutAfter(100_000));
    shop.pkg(&["install", "web"]).ok();
    let fetched = shop.web.requests("packages/web");
    assert_eq!(fetched.len(), 2, "{fetched:?}");
    assert!(fetched[1].ends_with(" from 100000"), "{fetched:?}");
}

#[test]
fn the_next_command_goes_on_with_what_one_that_gave_up_has_left() {
    let shop = Shop::open(&[&web()]);
    shop.web.play("packages/web", 1, Trick::CutAfter(50_000));
    shop.web.play("packages/web", 4, Trick::Status(503));
    let ended = shop.pkg(&["install", "web"]).failed(4, "503");
    assert!(ended.err.contains("/packages/web-v1.0-"), "{ended:?}");
    assert_eq!((shop.installed().len(), fs::read_dir(shop.cache()).expect("kept").count()), (0, 1));
    shop.web.requests("");
    shop.pkg(&["install", "web"]).ok();
    assert!(shop.web.requests("packages/web")[0].ends_with(" from 50000"));
    assert!(!shop.cache().exists());
}

#[test]
fn a_server_without_ranges_sends_it_all_again() {
    let shop = Shop::open(&[&web()]);
    shop.web.ignore_ranges();
    shop.web.play("packages/web", 1, Trick::CutAfter(100_000));
    shop.pkg(&["install", "web"]).ok();
    assert_eq!(shop.installed(), ["web"]);
}

#[test]
fn what_a_partial_file_holds_is_not_believed() {
    let shop = Shop::open(&[&web()]);
    shop.web.play("packages/web", 5, Trick::Status(404));
    shop.pkg(&["install", "web"]).failed(4, "no such file");
    // Somebody's bytes stand where the first half should be.
    let part = fs::read_dir(shop.cache()).expect("kept").next().expect("one").expect("read").path();
    fs::write(&part, vec![b'x'; 70_000]).expect("written");
    shop.web.play("none", 0, Trick::OtherBytes);
    let shop = Shop { web: Web::serve(shop.world.archives().join("repository")), world: shop.world };
    shop.pkg(&["repo", "remove", "shop"]).ok();
    shop.pkg(&["repo", "add", "shop", &shop.web.url()]).ok();
    shop.web.requests("");
    shop.pkg(&["install", "web"]).ok();
    let fetched = shop.web.requests("packages/web");
    assert!(fetched[0].ends_with(" from 70000") && !fetched[1].contains(" from "), "{fetched:?}");
}

#[test]
fn bytes_that_are_not_those_of_the_index_are_refused() {
    let shop = Shop::open(&[&web()]);
    for (trick, code, text) in [
        (Trick::OtherBytes, 6, "other bytes than the index says"),
        (Trick::MoreBytes, 6, "more than the"),
        (Trick::Status(404), 4, "no such file"),
        (Trick::Status(403), 4, "403"),
    ] {
        shop.web.play("packages/web", 1, trick);
        shop.pkg(&["install", "web"]).failed(code, text);
        assert_eq!(shop.installed().len(), 0);
    }
    shop.pkg(&["install", "web"]).ok();
}

#[test]
fn a_server_that_is_busy_is_asked_again_and_one_that_is_gone_is_a_warning() {
    let shop = Shop::open(&[&web()]);
    shop.web.play("latest", 2, Trick::Status(503));
    shop.web.play("index", 1, Trick::Status(429));
    shop.pkg(&["install", "web"]).ok();
    shop.pkg(&["repo", "remove", "shop"]).ok();
    let free = format!("127.0.0.1:{}", free_port());
    shop.pkg(&["repo", "add", "gone", &format!("http://{free}")]).failed(4, "refused");
    let settings = shop.world.root().join("srv/settings/medic-os/repositories/gone");
    fs::write(settings, format!("http://{free}\n")).expect("written");
    let ended = shop.pkg(&["list", "--available"]).ok();
    assert!(ended.err.contains("Warning: the repository 'gone' cannot be used now"), "{ended:?}");
}

#[test]
fn redirections_are_followed_but_not_for_ever() {
    let shop = Shop::open(&[&web()]);
    let elsewhere = format!("{}/packages", shop.web.url());
    let name = fs::read_dir(shop.world.archives().join("repository/packages")).expect("there");
    let name = name.map(|entry| entry.expect("read").file_name().into_string().expect("ASCII")).next();
    let target = format!("{elsewhere}/{}", name.expect("one"));
    shop.web.play("packages/web", 1, Trick::Redirect(target.clone()));
    shop.pkg(&["install", "web"]).ok();
    shop.pkg(&["remove", "web", "--yes"]).ok();
    shop.web.play("packages/web", 100, Trick::Redirect(target));
    shop.pkg(&["install", "web"]).failed(4, "redirect");
}

/// From plain http to https, where no certificate can be checked: that is said.
#[test]
fn a_redirection_to_https_is_a_certificate_that_is_checked() {
    let shop = Shop::open(&[&web()]);
    let folder = shop.world.archives().join("repository");
    let secure = Secure::serve(&folder, &shop.world.archives().join("keys"), "localhost");
    let archive = fs::read_dir(folder.join("packages")).expect("there").next().expect("one").expect("read");
    let name = archive.file_name().into_string().expect("ASCII");
    let target = format!("https://127.0.0.1:{}/packages/{name}", secure.port);
    shop.web.play("packages/web", 2, Trick::Redirect(target));
    let install = |authorities: &Path| {
        let mut command = shop.world.command();
        Ended::of(&command.args(["install", "web"]).env("SSL_CERT_FILE", authorities).output().expect("run"))
    };
    install(Path::new("/none")).failed(6, "certificate");
    install(&secure.authority).ok();
    assert_eq!(shop.installed(), ["web"]);
}

#[test]
fn an_archive_has_an_address_and_a_digest() {
    let world = World::new();
    let archive = web().archive(&world.archives());
    let shop = Shop { web: Web::serve(world.archives()), world };
    let name = archive.file_name().expect("a name").to_str().expect("ASCII");
    let address = format!("{}/{name}", shop.web.url());
    let digest = medic_archive::digest::of_file(&archive).expect("read").sha256;
    // Nothing tells what it should be.
    shop.pkg(&["install", &address]).failed(2, "#sha256=");
    shop.pkg(&["install", &format!("{address}#sha256=12")]).failed(2, "64 hexadecimal digits");
    let wrong = format!("{address}#sha256={}", "0".repeat(64));
    shop.pkg(&["install", &wrong]).failed(6, "its digest is");
    assert!(!shop.cache().exists() || fs::read_dir(shop.cache()).expect("read").next().is_none());
    shop.pkg(&["install", &format!("{address}#sha256={digest}")]).ok();
    assert_eq!(shop.installed(), ["web"]);
    // It is repaired from there as well.
    let noise = shop.world.root().join("srv/software/web/current/default/share/noise");
    fs::remove_file(&noise).expect("removed");
    shop.pkg(&["verify", "--repair", "--yes"]).ok();
    assert!(noise.exists());
}

/// OpenSSL's own server, with a certificate that an authority of ours has signed.
struct Secure {
    child: Child,
    port: u16,
    authority: PathBuf,
}

impl Drop for Secure {
    fn drop(&mut self) {
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn openssl(folder: &Path, args: &[&str]) {
    let output = Command::new("openssl").args(args).current_dir(folder).output().expect("openssl is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

impl Secure {
    fn serve(folder: &Path, keys: &Path, host: &str) -> Self {
        fs::create_dir_all(keys).expect("made");
        let new =
            ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
        let authority =
            [&new[..], &["-subj", "/CN=test authority", "-keyout", "ca.key", "-out", "ca.pem"]].concat();
        openssl(keys, &authority);
        let names = format!("subjectAltName=DNS:{host},IP:127.0.0.1");
        let server = ["-CA", "ca.pem", "-CAkey", "ca.key", "-subj", "/CN=server", "-addext", &names];
        let rest =
            ["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "key.pem", "-out", "cert.pem"];
        openssl(keys, &[&new[..], &server, &rest].concat());
        let port = free_port();
        let child = Command::new("openssl")
            .args(["s_server", "-WWW", "-quiet", "-accept", &port.to_string()])
            .arg("-cert")
            .arg(keys.join("cert.pem"))
            .arg("-key")
            .arg(keys.join("key.pem"))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is there");
        let begin = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(20), "it does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, port, authority: keys.join("ca.pem") }
    }
}

#[test]
fn a_servers_certificate_is_checked() {
    let shop = Shop::new(&[&web()]);
    let folder = shop.world.archives().join("repository");
    let secure = Secure::serve(&folder, &shop.world.archives().join("keys"), "localhost");
    let url = format!("https://127.0.0.1:{}", secure.port);
    let pkg = |authorities: &Path, args: &[&str]| {
        let mut command = Command::new(crate::support::PKG);
        command.arg("--root").arg(shop.world.root()).args(args).env("SSL_CERT_FILE", authorities);
        Ended::of(&command.output().expect("run"))
    };
    let add = |authorities: &Path| pkg(authorities, &["repo", "add", "shop", &url]);
    add(Path::new("/etc/ssl/certs/ca-certificates.crt")).failed(6, "certificate");
    add(&shop.world.archives().join("none")).failed(4, "none");
    let empty = shop.world.archives().join("empty");
    fs::write(&empty, "").expect("written");
    add(&empty).failed(4, "holds no certificate");
    add(&secure.authority).ok();
    pkg(&secure.authority, &["install", "web"]).ok();
    assert_eq!(shop.installed(), ["web"]);
    // An address with https needs no digest.
    pkg(&secure.authority, &["remove", "web", "--yes"]).ok();
    let archive = fs::read_dir(folder.join("packages")).expect("there").next().expect("one").expect("read");
    let address = format!("{url}/packages/{}", archive.file_name().to_str().expect("ASCII"));
    pkg(&secure.authority, &["install", &address]).ok();
    assert_eq!(shop.installed(), ["web"]);
}
