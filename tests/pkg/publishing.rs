//! A real registry (Debian's docker-registry), and the builder's program that publishes to it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::{Ended, Package, World};

#[expect(dead_code, reason = "the end-to-end tests use the rest")]
#[path = "../support/registry.rs"]
mod real;

use real::Setup;
pub use real::{LOGIN, LOGIN_IN_BASE64};

/// A registry with a folder of its own; ends with the test.
pub struct Registry {
    real: real::Registry,
    _folder: tempfile::TempDir,
}

impl std::ops::Deref for Registry {
    type Target = real::Registry;
    fn deref(&self) -> &real::Registry {
        &self.real
    }
}

impl Registry {
    /// One that lets everybody do everything, or wants a login.
    pub fn start(is_guarded: bool) -> Self {
        Self::serve(is_guarded.then_some(LOGIN), None)
    }

    /// One that wants a login, by https with a certificate and its key, or without.
    pub fn serve(login: Option<(&str, &str)>, certificate: Option<(&Path, &Path)>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let real = real::Registry::start(folder.path(), Setup { login, certificate, has_tls: false });
        Self { real, _folder: folder }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.host())
    }

    /// The address of a repository in it.
    pub fn address(&self, name: &str) -> String {
        format!("oci://{}/{name}", self.host())
    }
}

/// The builder's program, compiled if need be: what `cargo xtask` starts.
pub fn xtask() -> Command {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = Path::new(crate::support::PKG).ancestors().nth(2).expect("target/<profile>/pkg");
    let built = Command::new("cargo")
        .args(["build", "--quiet", "--package", "xtask", "--target-dir"])
        .arg(target)
        .current_dir(workspace)
        .output()
        .expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let mut command = Command::new(target.join("debug/xtask"));
    // Whoever runs the tests may have logins of their own.
    command.current_dir(workspace).env("DOCKER_CONFIG", "/nonexistent");
    let is_login = |name: &str| {
        ["AWS_", "ACTIONS_ID_", "MEDIC_OS_REGISTRY", "MEDIC_OS_KEY_", "DOCKER_AUTH_"]
            .iter()
            .any(|begin| name.starts_with(begin))
    };
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_login)) {
        command.env_remove(name);
    }
    command
}

/// `cargo xtask repo …`
pub fn repo<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Ended {
    Ended::of(&xtask().arg("repo").args(args).output().expect("xtask runs"))
}

/// Makes a key of this name beside a world's archives.
pub fn new_key(world: &World, name: &str) -> PathBuf {
    let key = world.archives().join(name);
    repo(["key".as_ref(), key.as_os_str()]).ok();
    key
}

/// `repo publish` of packages, and of what else is said.
pub fn publish(world: &World, place: &str, key: &Path, packages: &[&Package], more: &[&str]) -> Command {
    let mut command = xtask();
    command.args(["repo", "publish", place, "--key"]).arg(key).args(more);
    command.args(packages.iter().map(|package| package.archive(&world.archives())));
    command
}

pub fn end(mut command: Command) -> Ended {
    Ended::of(&command.output().expect("xtask runs"))
}

/// A docker configuration with one login, in a folder of its own.
pub fn docker_config(world: &World, host: &str, login: &str) -> PathBuf {
    let folder = world.archives().join(format!("docker-{login}"));
    fs::create_dir_all(&folder).expect("made");
    let config = serde_json::json!({"auths": {host: {"auth": login}}});
    fs::write(folder.join("config.json"), config.to_string()).expect("written");
    folder
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).expect("there").permissions().mode() & 0o777
}

/// The `minisign` program signs with our key, and its users' keys sign for us.
#[test]
fn a_signing_key_is_its_owners_and_minisigns() {
    let world = World::new();
    let key = new_key(&world, "key");
    assert_eq!((mode(&key), mode(&key.with_extension("pub"))), (0o600, 0o644));
    let again = repo(["key".as_ref(), key.as_os_str()]).failed(6, "key.pub");
    assert!(again.err.contains("exists"), "{again:?}");
    let minisign = |args: &[&str]| {
        let run =
            Command::new("minisign").args(args).current_dir(world.archives()).stdin(Stdio::null()).output();
        Ended::of(&run.expect("the program minisign, which .ci/setup --tests installs")).ok();
    };
    fs::write(world.archives().join("text"), "hello").expect("written");
    minisign(&["-S", "-s", "key", "-m", "text"]);
    minisign(&["-V", "-p", "key.pub", "-m", "text"]);
    minisign(&["-G", "-W", "-s", "theirs", "-p", "theirs.pub"]);
    let folder = world.archives().join("repository");
    let place = folder.to_str().expect("ASCII");
    let web = Package::new("web", "1");
    end(publish(&world, place, &world.archives().join("theirs"), &[&web], &[])).ok();
    minisign(&["-V", "-p", "theirs.pub", "-m", "repository/index-1.json"]);
}

#[test]
fn a_keys_password_comes_from_a_file_or_the_environment_and_never_from_the_command_line() {
    let world = World::new();
    let word = world.archives().join("word");
    fs::write(&word, "open sesame\n").expect("written");
    let key = world.archives().join("key");
    repo([OsStr::new("key"), key.as_os_str(), "--password-file".as_ref(), word.as_os_str()]).ok();
    let folder = world.archives().join("repository");
    let place = folder.to_str().expect("ASCII");
    end(publish(&world, place, &key, &[], &[])).failed(2, "--password-file, or in MEDIC_OS_KEY_PASSWORD");
    let from_file = ["--password-file", word.to_str().expect("ASCII")];
    end(publish(&world, place, &key, &[], &from_file)).ok();
    let mut from_environment = publish(&world, place, &key, &[], &[]);
    from_environment.env("MEDIC_OS_KEY_PASSWORD", "open sesame");
    end(from_environment).ok();
    let mut wrong = publish(&world, place, &key, &[], &[]);
    wrong.env("MEDIC_OS_KEY_PASSWORD", "sesame");
    end(wrong).failed(11, "the key cannot be used");
}

#[test]
fn the_builder_publishes_to_a_folder() {
    let world = World::new();
    let key = new_key(&world, "key");
    let folder = world.archives().join("stable");
    let place = folder.to_str().expect("ASCII");
    let (one, two) = (Package::new("web", "1"), Package::new("web", "2"));
    let planned = end(publish(&world, place, &key, &[&one], &["--dry-run", "--json"])).ok().json();
    assert_eq!((&planned["index"], &planned["packages"][0]["new"]), (&1.into(), &true.into()), "{planned}");
    assert!(!folder.exists());
    let said = end(publish(&world, place, &key, &[&one], &["--expires", "7"])).ok();
    assert!(said.out.contains("index 1 of 'stable' published: 1 packages, good for 7 days"), "{said:?}");
    assert!(said.err.contains("web 1 x64") || said.err.contains("web 1 arm64"), "{said:?}");
    world.pkg(["key".as_ref(), "add".as_ref(), key.with_extension("pub").as_os_str()]).ok();
    world.pkg(["repo", "add", "stable", place]).ok();
    world.pkg(["install", "web"]).ok();
    assert_eq!(world.says("web"), "web 1");
    end(publish(&world, place, &key, &[&two], &[])).ok();
    world.pkg(["upgrade", "--yes"]).ok();
    assert_eq!(world.says("web"), "web 2");
    // Nothing of it may change.
    let other = Package::new("web", "2").software("share/text", "other");
    end(publish(&world, place, &key, &[&other], &[]))
        .failed(11, "a version that was published never changes");
    let stranger = new_key(&world, "stranger");
    end(publish(&world, place, &stranger, &[], &[])).failed(11, "which is not trusted");
    end(publish(&world, place, &key, &[], &["--name", "other"])).failed(11, "'stable'");
    end(publish(&world, "ftp://x/y", &key, &[], &[])).failed(2, "neither a folder nor oci://");
    end(publish(&world, "oci://x", &key, &[], &[])).failed(2, "is not the address of a repository");
    end(publish(&world, place, &key, &[], &["/none.pkg.tar.zst"])).failed(11, "/none.pkg.tar.zst");
    let file = world.archives().join("file");
    fs::write(&file, "x").expect("written");
    end(publish(&world, file.to_str().expect("ASCII"), &key, &[], &[])).failed(6, "file");
}

/// By both keys while operators come to trust the new one; then by the new one alone.
#[test]
fn a_new_key_takes_over_without_a_gap() {
    let (world, late) = (World::new(), World::new());
    let (old, new) = (new_key(&world, "old"), new_key(&world, "new"));
    let folder = world.archives().join("stable");
    let place = folder.to_str().expect("ASCII");
    let trust = |world: &World, key: &Path| {
        world.pkg(["key".as_ref(), "add".as_ref(), key.with_extension("pub").as_os_str()]).ok();
    };
    end(publish(&world, place, &old, &[&Package::new("web", "1")], &[])).ok();
    for world in [&world, &late] {
        trust(world, &old);
        world.pkg(["repo", "add", "stable", place]).ok();
    }
    let both = ["--key", old.to_str().expect("ASCII")];
    end(publish(&world, place, &new, &[], &both)).ok();
    for world in [&world, &late] {
        assert_eq!(world.pkg(["update"]).ok().out, "stable: index 2, 1 packages\n");
    }
    trust(&world, &new);
    end(publish(&world, place, &new, &[&Package::new("web", "2")], &[])).ok();
    assert_eq!(world.pkg(["update"]).ok().out, "stable: index 3, 2 packages\n");
    late.pkg(["update"]).failed(6, "which is not trusted");
    trust(&late, &new);
    late.pkg(["update"]).ok();
    // The old one signs nothing any more, unless it is said that what the new one has signed is trusted.
    end(publish(&world, place, &old, &[], &[])).failed(11, "which is not trusted");
    let public = new.with_extension("pub");
    end(publish(&world, place, &old, &[], &["--trust", public.to_str().expect("ASCII")])).ok();
}
