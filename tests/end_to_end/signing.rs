//! An image is built, published and signed by the builder; Debian's cosign and the builder verify it, and refuse what is wrong.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use medic_tests::command::{Outcome, run};
use medic_tests::fixture::Fixture;
use medic_tests::ports::free_port;
use medic_tests::{run_mark, wait_for};
use serde_json::Value;

const IMAGE: &str = "name: hello
title: Hello
version_of: hello
packages: [hello]
links:
  /app: {package: hello, path: bin}
entrypoint: [/app/hello]
";
const PASSWORD: &str = "correct horse";
const UNVERIFIED: i32 = 14;

/// Debian's registry, with what it keeps in the test's folder.
struct Registry {
    process: Child,
    host: String,
}

impl Registry {
    fn start(fixture: &Fixture) -> Self {
        let host = format!("127.0.0.1:{}", free_port());
        let folder = fixture.join("registry");
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: '{host}'}}\n",
            folder.display()
        );
        fixture.write("registry.yml", &config);
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(fixture.join("registry.yml")).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("docker-registry is installed (.ci/setup --tests)");
        let registry = Self { process, host };
        wait_for("the registry listens", Duration::from_secs(20), || {
            std::net::TcpStream::connect(&registry.host).ok()
        });
        registry
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

struct World {
    registry: Registry,
    fixture: Fixture,
}

impl World {
    /// A workspace with an image, and a key that has a password.
    fn new(name: &str) -> Self {
        let fixture = Fixture::new(name);
        let mark = format!("      # {name} {}\n      mkdir", run_mark());
        fixture.change("recipes/hello/recipe.yaml", "      mkdir", &mark);
        fixture.write("images/hello.yaml", IMAGE);
        let world = Self { registry: Registry::start(&fixture), fixture };
        world.xtask(&["image-key", &world.path("key")]).success();
        world
    }

    fn path(&self, name: &str) -> String {
        self.fixture.join(name).display().to_string()
    }

    fn repository(&self) -> String {
        format!("{}/medic/hello", self.registry.host)
    }

    fn reference(&self) -> String {
        format!("{}:1.0", self.repository())
    }

    /// The builder; nothing that it writes has the password in it.
    #[track_caller]
    fn xtask(&self, arguments: &[&str]) -> Outcome {
        let outcome = run(self.fixture.command(arguments).env("COSIGN_PASSWORD", PASSWORD));
        assert!(!outcome.stdout.contains(PASSWORD) && !outcome.stderr.contains(PASSWORD));
        outcome
    }

    #[track_caller]
    fn publish(&self, more: &[&str]) -> Value {
        let (key, repository) = (self.path("key"), self.repository());
        let fixed = ["publish", "hello", "--to", &repository, "--sign", &key, "--json"];
        let outcome = self.xtask(&[&fixed[..], more].concat()).success();
        serde_json::from_str(outcome.text()).expect("JSON")
    }

    fn verify(&self, more: &[&str]) -> Outcome {
        let (key, reference) = (self.path("key.pub"), self.reference());
        self.xtask(&[&["verify", &reference, "--key", &key][..], more].concat())
    }

    fn cosign(&self, command: &[&str], reference: &str) -> Outcome {
        let key = self.path("key.pub");
        let mut cosign = Command::new("cosign");
        cosign.args(command).args(["--key", &key, "--insecure-ignore-tlog=true", reference]);
        run(cosign.env("HOME", self.path("")))
    }
}

#[test]
fn an_image_that_is_published_and_signed_is_verified_by_both_and_builds_again() {
    let world = World::new("signing");
    let answer = world.publish(&["--arch", "x64,arm64"]);
    let digest = answer["digest"].as_str().expect("a digest").to_owned();
    let attached = answer["places"][0]["attached"].as_u64().expect("bytes");
    assert!(attached > 10_000, "{answer}");
    // A second time nothing is sent: the same documents have the same signatures.
    let again = world.publish(&["--arch", "x64,arm64"]);
    assert_eq!(
        (&again["digest"], &again["places"][0]["attached"]),
        (&answer["digest"], &0.into()),
        "{again}"
    );

    let mut all = vec![format!("{}@{digest}", world.repository()), world.reference()];
    for image in answer["images"].as_array().expect("images") {
        all.push(format!("{}@{}", world.repository(), image["digest"].as_str().expect("a digest")));
    }
    assert_eq!(all.len(), 4);
    for reference in &all {
        world.cosign(&["verify"], reference).success();
        let said = world.cosign(&["verify-attestation", "--type", "spdxjson"], reference).success();
        assert!(said.stdout.contains("payload"), "{}", said.stdout);
        world.cosign(&["verify-attestation", "--type", "slsaprovenance1"], reference).success();
    }

    let said = world.verify(&["--rebuild"]).success();
    for words in [
        "an index",
        "signature: good",
        "SBOM: good: signed, names all 1 packages",
        "rebuild: good: the same, built for arm64",
    ] {
        assert!(said.stdout.contains(words), "'{words}' is not in\n{}", said.stdout);
    }
    let said: Value = serde_json::from_str(world.verify(&["--json"]).success().text()).expect("JSON");
    assert_eq!((&said["verified"], &said["digest"]), (&true.into(), &digest.into()), "{said}");
    assert_eq!(said["images"][1]["packages"][0]["name"], "hello", "{said}");
}

#[test]
fn what_is_wrong_with_an_image_has_words_of_its_own() {
    let world = World::new("unsigned");
    let refused = |more: &[&str], words: &[&str]| {
        let outcome = world.verify(more).ended_with(UNVERIFIED);
        for words in words {
            assert!(outcome.stdout.contains(words), "'{words}' is not in\n{}", outcome.stdout);
        }
        outcome.says("is not verified");
    };
    world.verify(&[]).ended_with(9).says("there is no '1.0' in this repository");
    world.xtask(&["publish", "hello", "--to", &world.repository()]).success();
    refused(&[], &["signature: WRONG", "has no signature", "has no SBOM in a signed statement"]);
    // With the SBOM in place, signatures alone are added; they are enough for who asks for no more.
    world.publish(&["--no-attach"]);
    world.verify(&["--no-attach"]).success();
    refused(&[], &["signature: good", "has no provenance"]);
    world.publish(&[]);
    world.verify(&["--rebuild"]).success();

    // Another key, and a file that is none.
    let wrong = world.path("wrong");
    world.xtask(&["image-key", &wrong, "--plain"]).success();
    let public = format!("{wrong}.pub");
    let outcome = world.xtask(&["verify", &world.reference(), "--key", &public]).ended_with(UNVERIFIED);
    assert!(outcome.stdout.contains("signed by another key"), "{}", outcome.stdout);
    world.xtask(&["verify", &world.reference(), "--key", &wrong]).ended_with(2).says("give the public one");
    world.xtask(&["verify", &world.repository(), "--key", &public]).ended_with(2).says("add a tag");
    let mut command = world.fixture.command(&[
        "publish",
        "hello",
        "--to",
        &world.repository(),
        "--sign",
        &world.path("key"),
    ]);
    run(command.env("COSIGN_PASSWORD", "guessed")).ended_with(2).says("its password is another one");
    world.xtask(&["image-key", &wrong]).ended_with(6).says("exists");

    // This checkout builds something else: the layer is named.
    world.fixture.change("recipes/hello/hello.c", "hello, world", "hello, again");
    let digest = medic_tests::command::call("sha256sum", &[&world.path("recipes/hello/hello.c")]).success();
    let recipe = std::fs::read_to_string(world.fixture.join("recipes/hello/recipe.yaml")).expect("there");
    let before = recipe.split("sha256: ").nth(1).expect("a digest")[..64].to_owned();
    world.fixture.change("recipes/hello/recipe.yaml", &before, &digest.text()[..64]);
    refused(&["--rebuild"], &["rebuild: WRONG", "layer 2 (package hello 1.0)"]);
}
