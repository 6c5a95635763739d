//! Logging in to a registry that is nobody's cloud: options, the environment, Docker's configuration and helpers.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::publishing::{LOGIN, LOGIN_IN_BASE64, Registry, end, new_key, publish};
use crate::support::{Ended, World, chmod};

struct Shop {
    world: World,
    registry: Registry,
    key: std::path::PathBuf,
}

impl Shop {
    fn new() -> Self {
        let world = World::new();
        let key = new_key(&world, "key");
        Self { registry: Registry::start(true), key, world }
    }

    fn publish(&self, more: &[&str]) -> Command {
        publish(&self.world, &self.registry.address("medic/packages"), &self.key, &[], more)
    }

    fn with(&self, variables: &[(&str, &str)], more: &[&str]) -> Ended {
        let mut command = self.publish(more);
        command.envs(variables.iter().copied());
        quiet(end(command))
    }

    /// With something on standard input.
    fn told(&self, input: &[u8], more: &[&str]) -> Ended {
        let mut command = self.publish(more);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("xtask runs");
        // One that refuses its arguments reads nothing.
        let _ = child.stdin.take().expect("piped").write_all(input);
        quiet(Ended::of(&child.wait_with_output().expect("ended")))
    }
}

#[track_caller]
fn quiet(ended: Ended) -> Ended {
    for secret in [LOGIN.1, LOGIN_IN_BASE64, "SECRETwrong"] {
        assert!(!ended.out.contains(secret) && !ended.err.contains(secret), "{secret} was told: {ended:?}");
    }
    ended
}

#[test]
fn a_password_is_read_from_standard_input() {
    let shop = Shop::new();
    let (name, password) = LOGIN;
    let login = ["--username", name, "--password-stdin"];
    for ending in ["", "\n", "\r\n"] {
        shop.told(format!("{password}{ending}").as_bytes(), &login).ok();
    }
    shop.told(b"SECRETwrong", &login).failed(9, "the registry refuses the login");
    shop.told(format!("{password}\n\n").as_bytes(), &login).failed(9, "the registry refuses the login");
    shop.told(b"", &login).failed(2, "there is no password on standard input");
    shop.told(b"\n", &login).failed(2, "there is no password on standard input");
    shop.told(&[b'x'; 70_000], &login).failed(2, "there is no password on standard input");
    shop.told(b"", &["--username", name]).failed(2, "--password-stdin");
    shop.told(b"", &["--password-stdin"]).failed(2, "--username");
    shop.told(b"", &["--password", "SECRETwrong"]).failed(2, "--password");
    // It counts more than what else there is.
    let mut command = shop.publish(&login);
    command.env("MEDIC_OS_REGISTRY_USERNAME", name).env("MEDIC_OS_REGISTRY_PASSWORD", password);
    command.stdin(Stdio::null());
    quiet(end(command)).failed(2, "there is no password on standard input");
}

#[test]
fn options_of_registries_are_refused_for_a_folder() {
    let shop = Shop::new();
    let folder = shop.world.archives().join("folder");
    let place = folder.to_str().expect("ASCII");
    for more in [&["--create-repository"][..], &["--username", "x", "--password-stdin"]] {
        end(publish(&shop.world, place, &shop.key, &[], more))
            .failed(2, "is a folder: --username and --create-repository");
    }
    assert!(!folder.exists());
}

#[test]
fn a_login_may_come_from_the_environment() {
    let shop = Shop::new();
    let host = shop.registry.host();
    let (name, password) = ("MEDIC_OS_REGISTRY_USERNAME", "MEDIC_OS_REGISTRY_PASSWORD");
    shop.with(&[(name, LOGIN.0), (password, LOGIN.1)], &[]).ok();
    shop.with(&[(name, LOGIN.0), (password, LOGIN.1), ("MEDIC_OS_REGISTRY", &host)], &[]).ok();
    // Another's login is not for this one.
    let another = [(name, LOGIN.0), (password, LOGIN.1), ("MEDIC_OS_REGISTRY", "registry.example")];
    shop.with(&another, &[]).failed(9, "the registry wants a login");
    shop.with(&[(name, LOGIN.0), (password, "SECRETwrong")], &[]).failed(9, "the registry refuses the login");
    shop.with(&[(name, LOGIN.0)], &[]).failed(2, "one is set, and the other is not");
    let config = serde_json::json!({"auths": {&*host: {"auth": LOGIN_IN_BASE64}}}).to_string();
    shop.with(&[("DOCKER_AUTH_CONFIG", &config)], &[]).ok();
    shop.with(&[("DOCKER_AUTH_CONFIG", "SECRETwrong")], &[]).failed(9, "from DOCKER_AUTH_CONFIG: line 1");
    // A registry that makes repositories itself is not asked to.
    let made = shop.with(&[(name, LOGIN.0), (password, LOGIN.1)], &["--create-repository"]).ok();
    assert!(made.err.contains("made by the registry when it is pushed to"), "{made:?}");
}

#[test]
fn helpers_get_and_give_secrets_by_pipes_alone() {
    let shop = Shop::new();
    let folder = shop.world.archives().join("helpers");
    fs::create_dir_all(&folder).expect("made");
    let config = |text: &serde_json::Value| {
        fs::write(folder.join("config.json"), text.to_string()).expect("written");
    };
    // It writes down all that others could see of it.
    let seen = folder.join("seen");
    let answer = serde_json::json!({"Username": LOGIN.0, "Secret": LOGIN.1});
    let helper = format!(
        "#!/bin/sh\n{{ echo \"$0 $*\"; env; }} > '{}'\ncat > /dev/null\necho '{answer}'\n",
        seen.display()
    );
    let program = folder.join("docker-credential-test");
    fs::write(&program, helper).expect("written");
    chmod(&program, 0o755);
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").expect("a path"));
    let docker = folder.to_str().expect("ASCII");
    let variables = [("DOCKER_CONFIG", docker), ("PATH", &*path)];
    config(&serde_json::json!({"credsStore": "test"}));
    shop.with(&variables, &[]).ok();
    let seen = fs::read_to_string(seen).expect("it was started");
    assert!(seen.lines().next().expect("one").ends_with("docker-credential-test get"), "{seen}");
    assert!(!seen.contains(LOGIN.1), "{seen}");

    fs::write(&program, "#!/bin/sh\necho the key ring is locked; exit 1\n").expect("written");
    shop.with(&variables, &[]).failed(9, "the key ring is locked");
    config(&serde_json::json!({"credsStore": "gone"}));
    shop.with(&variables, &[]).failed(8, "'docker-credential-gone', which '");
    fs::write(folder.join("config.json"), "{\"auths\": \"SECRETwrong\"}").expect("written");
    shop.with(&variables, &[]).failed(9, "config.json': line 1");
}
