//! Publishing to AWS ECR: real signatures that are verified, a real registry that wants the token, and nothing that tells a secret.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cloud::{Cloud, HOST, LOGIN, LOGIN_IN_BASE64};
use crate::publishing::{Registry, end, new_key, publish};
use crate::support::{Ended, Package, World, chmod};
use crate::web::Web;

const NAME: &str = "medic/packages";

/// The registry behind the name of one of ECR's.
fn serve(certificate: &Path, key: &Path) -> (Registry, u16) {
    let registry = Registry::serve(Some(LOGIN), Some((certificate, key)));
    let port = registry.port();
    (registry, port)
}

struct Shop {
    world: World,
    cloud: Cloud<Registry>,
    key: PathBuf,
}

impl Shop {
    fn new() -> Self {
        Self::before(Cloud::start(serve))
    }

    fn before(cloud: Cloud<Registry>) -> Self {
        let world = World::new();
        let key = new_key(&world, "key");
        Self { cloud, key, world }
    }

    fn of(&self, who: &str, what: &str) -> String {
        self.cloud.made[who][what].as_str().expect("a key").to_owned()
    }

    /// A publication, by somebody without keys and with a home of their own.
    fn publish(&self, packages: &[&Package], more: &[&str]) -> Command {
        let mut command = publish(&self.world, &format!("oci://{HOST}/{NAME}"), &self.key, packages, more);
        self.cloud.lead(&mut command);
        command.env("HOME", self.home()).env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    /// The same, by the user who may publish.
    fn by_keys(&self, packages: &[&Package], more: &[&str]) -> Command {
        let mut command = self.publish(packages, more);
        command.env("AWS_ACCESS_KEY_ID", self.of("publisher", "id"));
        command.env("AWS_SECRET_ACCESS_KEY", self.of("publisher", "secret"));
        command
    }

    fn home(&self) -> PathBuf {
        self.world.archives().join("home")
    }

    /// Nothing that was said holds a secret, in any form.
    #[track_caller]
    fn keeps_quiet(&self, ended: Ended, more: &[&str]) -> Ended {
        let (publisher, admin) = (self.of("publisher", "secret"), self.of("admin", "secret"));
        for secret in [&publisher, &admin, LOGIN.1, LOGIN_IN_BASE64].iter().chain(more) {
            assert!(!secret.is_empty() && !ended.out.contains(*secret), "{secret} was told: {ended:?}");
            assert!(!ended.err.contains(*secret), "{secret} was told: {ended:?}");
        }
        ended
    }
}

#[test]
fn a_repository_is_made_and_published_to_with_nothing_but_keys() {
    let shop = Shop::new();
    let one = Package::new("web", "1");
    let first = shop.keeps_quiet(end(shop.by_keys(&[&one], &["--create-repository"])), &[]).ok();
    assert!(first.err.contains(&format!("{HOST}/{NAME}: made\n")), "{first:?}");
    let made = shop.cloud.repository(NAME);
    assert_eq!(made["registryId"], "123456789012", "{made}");
    // Of an index each version but the newest is immutable; what leads to the newest must not be.
    assert_eq!(made["imageTagMutability"], "IMMUTABLE_WITH_EXCLUSION", "{made}");
    let filters = serde_json::json!([{"filterType": "WILDCARD", "filter": "index"}]);
    assert_eq!(made["imageTagMutabilityExclusionFilters"], filters, "{made}");
    assert_eq!(made["imageScanningConfiguration"], serde_json::json!({"scanOnPush": true}), "{made}");
    let tags = shop.cloud.registry.tags(NAME);
    assert!(tags.len() == 2 && tags[0] == "index" && tags[1].starts_with("web-v1-"), "{tags:?}");

    let two = Package::new("web", "2");
    let again = shop.keeps_quiet(end(shop.by_keys(&[&two], &["--create-repository", "--json"])), &[]).ok();
    assert!(again.err.contains(&format!("{HOST}/{NAME}: there already\n")), "{again:?}");
    assert_eq!(again.json()["index"], 2, "{again:?}");
    assert_eq!(shop.cloud.repository(NAME), made);
    assert_eq!(shop.cloud.registry.tags(NAME).len(), 3);
    // AWS was asked at the address that was given for it, and the registry under its own name.
    assert!(shop.cloud.hosts().iter().all(|host| *host == format!("{HOST}:443")), "{:?}", shop.cloud.hosts());
    // Nothing is made when nothing is to be published.
    let planned = end(shop.by_keys(&[], &["--create-repository", "--dry-run"])).ok();
    assert!(!planned.err.contains("there already"), "{planned:?}");
}

#[test]
fn keys_come_from_profiles_roles_and_programs() {
    let shop = Shop::new();
    let keys = |who| {
        let (id, secret) = (shop.of(who, "id"), shop.of(who, "secret"));
        format!("[{who}]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n")
    };
    let home = shop.home();
    let helper = home.join("give-keys");
    fs::create_dir_all(home.join(".aws")).expect("made");
    fs::write(home.join(".aws/credentials"), keys("publisher") + &keys("admin")).expect("written");
    let role = shop.cloud.made["role"].as_str().expect("a role");
    let config = format!(
        "[profile asks]\ncredential_process = {}\n[profile role]\nrole_arn = {role}\nsource_profile = admin\n",
        helper.display()
    );
    fs::write(home.join(".aws/config"), config).expect("written");
    let (id, secret) = (shop.of("publisher", "id"), shop.of("publisher", "secret"));
    let answer = serde_json::json!({"Version": 1, "AccessKeyId": id, "SecretAccessKey": secret});
    fs::write(&helper, format!("#!/bin/sh\necho '{answer}'\n")).expect("written");
    chmod(&helper, 0o755);
    let with = |profile: &str| {
        let mut command = shop.publish(&[], &["--dry-run"]);
        shop.keeps_quiet(
            end({
                command.env("AWS_PROFILE", profile);
                command
            }),
            &[],
        )
    };
    for profile in ["publisher", "role", "asks"] {
        with(profile).ok();
    }
    with("gone").failed(9, "no file has it");
}

#[test]
fn a_job_needs_no_keys_but_its_identity() {
    let shop = Shop::before(Cloud::trusting(serve));
    let home = shop.home();
    // GitHub's identities, as a file that a web server has; its name is what it is asked for.
    let name = "identity?api-version=2.0&audience=sts.amazonaws.com";
    fs::create_dir_all(&home).expect("made");
    fs::write(home.join("token"), "SECRETjwt").expect("written");
    fs::write(home.join(name), r#"{"value": "SECRETjwt"}"#).expect("written");
    let github = Web::serve(home.clone());
    let url = format!("{}/identity?api-version=2.0", github.url());
    let identity =
        [("ACTIONS_ID_TOKEN_REQUEST_URL", &*url), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "SECRETbearer")];
    let role = shop.cloud.made["role"].as_str().expect("a role").to_owned();
    let with = |variables: &[&[(&str, &str)]]| {
        let mut command = shop.publish(&[], &["--create-repository"]);
        command.envs(variables.iter().copied().flatten().copied());
        shop.keeps_quiet(end(command), &["SECRETjwt", "SECRETbearer"])
    };
    with(&[&identity]).failed(9, "GitHub would give this job an identity, and AWS_ROLE_ARN is not set");
    with(&[&identity, &[("AWS_ROLE_ARN", &role)]]).ok();
    let asked = github.requests("");
    assert!(
        !asked.is_empty() && asked.iter().all(|asked| *asked == format!("{name} with authorization")),
        "{asked:?}"
    );
    let token = home.join("token");
    let file = [("AWS_ROLE_ARN", &*role), ("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().expect("ASCII"))];
    with(&[&identity, &file]).ok();
    assert_eq!(github.requests(""), [""; 0], "the file comes first");
}

#[test]
fn what_aws_refuses_is_said_without_secrets() {
    let shop = Shop::new();
    let id = shop.of("publisher", "id");
    let with = |variables: &[(&str, &str)], more: &[&str]| {
        let mut command = shop.publish(&[], more);
        command.envs(variables.iter().copied());
        shop.keeps_quiet(end(command), &["SECRETwrong", "SECRETtoken"])
    };
    let nobody =
        with(&[], &[]).failed(9, &format!("there are no AWS credentials to get a login for '{HOST}'"));
    assert!(nobody.err.contains("AWS_ACCESS_KEY_ID is not set"), "{nobody:?}");
    let wrong = [("AWS_ACCESS_KEY_ID", &*id), ("AWS_SECRET_ACCESS_KEY", "SECRETwrong")];
    let refused = with(&wrong, &["--json"]).failed(9, "GetAuthorizationToken at http://127.0.0.1");
    assert!(refused.err.contains("SignatureDoesNotMatch") && refused.err.contains("clock"), "{refused:?}");
    assert_eq!(refused.out, "");
    let unknown = [("AWS_ACCESS_KEY_ID", "AKIANOBODY0000000000"), ("AWS_SECRET_ACCESS_KEY", "SECRETwrong")];
    with(&unknown, &[]).failed(9, "InvalidClientTokenId");
    with(&[("AWS_ACCESS_KEY_ID", &id)], &[]).failed(9, "AWS_SECRET_ACCESS_KEY is not");
    // What 'docker login' put away counts where there are no keys; it has expired.
    let old = shop.world.archives().join("old");
    fs::create_dir_all(&old).expect("made");
    let config = serde_json::json!({"auths": {HOST: {"auth": "QVdTOlNFQ1JFVHRva2Vu"}}});
    fs::write(old.join("config.json"), config.to_string()).expect("written");
    let old = old.to_str().expect("ASCII").to_owned();
    with(&[("DOCKER_CONFIG", &old)], &[]).failed(9, "the registry refuses the login");
    // And does not, where there are some.
    let mut good = shop.by_keys(&[], &["--dry-run"]);
    end({
        good.env("DOCKER_CONFIG", &old);
        good
    })
    .ok();
    // Nobody answers where AWS should be.
    let mut gone = shop.by_keys(&[], &[]);
    gone.env("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    shop.keeps_quiet(end(gone), &[]).failed(9, "GetAuthorizationToken at http://127.0.0.1:1 failed");
    let mut untrusted = shop.by_keys(&[], &[]);
    untrusted.env("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt");
    shop.keeps_quiet(end(untrusted), &[]).failed(9, "certificate");
}

/// Neither the folder of what is published nor a home holds one afterwards.
#[test]
fn nothing_that_is_written_holds_a_secret() {
    let shop = Shop::new();
    let mut command = shop.by_keys(&[&Package::new("web", "1")], &["--create-repository"]);
    command.env("XDG_CACHE_HOME", shop.world.archives().join("cache"));
    shop.keeps_quiet(end(command), &[]).ok();
    let secret = shop.of("publisher", "secret");
    let blobs = shop.cloud.registry.blobs();
    for folder in [shop.world.archives(), blobs] {
        let files = every_file(&folder);
        assert!(!files.is_empty());
        for file in files {
            let bytes = fs::read(&file).expect("read");
            let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
            let held = [&secret, LOGIN.1, LOGIN_IN_BASE64].into_iter().find(|text| has(text));
            assert!(held.is_none(), "{} holds {held:?}", file.display());
        }
    }
}

fn every_file(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("there") {
        let path = entry.expect("read").path();
        if path.is_dir() {
            files.extend(every_file(&path));
        } else {
            files.push(path);
        }
    }
    files
}
