//! Signatures and what else is attached, in Debian's registry: what this crate makes, cosign takes; what cosign makes, this crate takes;
//! and what is wrong, both refuse.

mod support;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use medic_image::attach::{Extent, Predicate, PredicateKind, Subject, artifacts, put};
use medic_image::push::{self, Plan, Release, WantedTag, look};
use medic_image::sign::SigningKey;
use medic_image::verify::{Problem, Rebuilt, Verified, VerifySettings, compare, verify};
use medic_image::{Image, assemble};
use medic_model::Arch;
use medic_repository::Network;
use medic_repository::registry::{Client, Machine, Scheme, Tag};
use serde_json::{Value, json};
use support::ports::free_port;
use support::{Maker, definition, has, settings};

const NAME: &str = "medic/web";
const PASSWORD: &str = "pass word";
const WEB: &str = "name: web\ntitle: w\nversion_of: medic-os\npackages: [medic-os, web]\nlinks: {/boot: {package: medic-os, path: boot}}\nentrypoint: [/boot/init]\n";

/// A registry of Debian's on a free port, with a folder for all that a test makes.
struct Registry {
    folder: tempfile::TempDir,
    process: Child,
    port: u16,
}

impl Registry {
    /// None where a program is missing, which is said.
    fn start() -> Option<Self> {
        if !has("docker-registry") || !has("cosign") {
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n",
            folder.path().join("registry").display()
        );
        let path = folder.path().join("registry.yml");
        std::fs::write(&path, config).expect("written");
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&path).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("started");
        let registry = Self { folder, process, port };
        for _ in 0..500 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(registry);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("docker-registry does not answer on port {port}");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn repository(&self) -> String {
        format!("127.0.0.1:{}/{NAME}", self.port)
    }

    fn client(&self) -> Client {
        let host = format!("127.0.0.1:{}", self.port);
        let network = Network { authorities: "/nonexistent".into(), ..Network::default() };
        Client::new(Scheme::Http, &host, NAME, &network, Arc::new(|| Ok(None)), Arc::new(Machine))
            .expect("made")
    }

    /// Assembles an image of two packages, whose first has this version.
    fn image(&self, version: &str, arch: Arch) -> Image {
        let of = |name, version| Maker::for_arch(name, version, arch);
        let folder = tempfile::tempdir_in(self.folder.path()).expect("a folder");
        let packages = vec![
            of("medic-os", version).script("boot/init", "#!/bin/sh\n").pack(folder.path()),
            of("web", "2").script("bin/web", "#!/bin/sh\nexit 0\n").pack(folder.path()),
        ];
        let settings = medic_image::AssembleSettings { arch, ..settings(&self.path("store")) };
        assemble(&definition(WEB), &packages, &settings, &()).expect("assembled")
    }

    /// Pushes a release under a tag, wherever that leads now.
    fn push(&self, images: &[Image], tag: &str) -> Release {
        let release = Release::of(images).expect("a release");
        let tag: Tag = tag.parse().expect("a tag");
        let wanted = [WantedTag { tag, may_move: true }];
        let client = self.client();
        let found = look(&client, &release, &wanted).expect("the registry answers");
        let plan = Plan::new(&release, &found, &wanted, &self.repository()).expect("planned");
        push::carry_out(&plan, &client, &[], &()).expect("pushed");
        release
    }

    /// Signs everything of a release, with SBOM and provenance beside each image; gives how many bytes were sent.
    fn sign(&self, release: &Release, versions: &[(&str, &str)], key: &SigningKey) -> u64 {
        let client = self.client();
        let documents = release.children.iter().chain([&release.top]);
        let signed = documents.map(|document| {
            let subject = Subject {
                media_type: document.media_type.to_owned(),
                digest: document.digest,
                size: document.json.len() as u64,
            };
            let predicates = predicates(versions);
            let all = artifacts(&subject, &self.repository(), &predicates, Some(key), Extent::All);
            put(&all.expect("JSON"), &client).expect("put")
        });
        signed.sum()
    }

    fn verify(&self, tag: &str, key: &SigningKey, attached: bool) -> Verified {
        let settings = VerifySettings { key: &key.public(), attached, build_type: "ours" };
        verify(&self.client(), tag, settings).expect("the registry answers")
    }

    #[track_caller]
    fn problems(&self, tag: &str, key: &SigningKey, attached: bool) -> Vec<&'static str> {
        let verified = self.verify(tag, key, attached);
        verified.problems().map(Problem::code).collect()
    }

    /// The file of a blob.
    fn blob(&self, digest: &str) -> PathBuf {
        let digits = digest.strip_prefix("sha256:").expect("SHA-256");
        let below = format!("registry/docker/registry/v2/blobs/sha256/{}/{digits}/data", &digits[..2]);
        self.path(&below)
    }

    /// cosign, with nothing of its user's but the password, and no network.
    fn cosign(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("cosign");
        command.args(arguments).current_dir(self.folder.path()).env("HOME", self.folder.path());
        command.env("COSIGN_PASSWORD", PASSWORD).output().expect("started")
    }

    #[track_caller]
    fn cosigned(&self, arguments: &[&str]) -> String {
        let output = self.cosign(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "cosign {arguments:?}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What cosign says of an image whose signature by a key it refuses.
    #[track_caller]
    fn cosign_refuses(&self, key: &Path, tag: &str) -> String {
        let reference = format!("{}:{tag}", self.repository());
        let key = key.to_string_lossy();
        let output = self.cosign(&["verify", "--key", &key, "--insecure-ignore-tlog=true", &reference]);
        assert!(!output.status.success(), "cosign took it: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    #[track_caller]
    fn cosign_verifies(&self, key: &Path, reference: &str) -> Value {
        let key = key.to_string_lossy();
        let said = self.cosigned(&["verify", "--key", &key, "--insecure-ignore-tlog=true", reference]);
        serde_json::from_str(&said).expect("JSON")
    }

    /// The statement that cosign verifies, of a type.
    #[track_caller]
    fn cosign_attests(&self, key: &Path, kind: &str, reference: &str, more: &[&str]) -> Value {
        let key = key.to_string_lossy();
        let fixed = ["verify-attestation", "--type", kind, "--key", &key, "--insecure-ignore-tlog=true"];
        let said = self.cosigned(&[&fixed[..], more, &[reference]].concat());
        let envelope: Value = serde_json::from_str(said.lines().last().expect("an envelope")).expect("JSON");
        assert_eq!(envelope["payloadType"], "application/vnd.in-toto+json");
        use base64::Engine as _;
        let payload = envelope["payload"].as_str().expect("a payload");
        let payload = base64::engine::general_purpose::STANDARD.decode(payload).expect("Base64");
        serde_json::from_slice(&payload).expect("JSON")
    }

    /// A key of ours, in the file that `image-key` writes, and its public half.
    fn key(&self, name: &str) -> (SigningKey, PathBuf, PathBuf) {
        let key = SigningKey::generate().expect("randomness");
        let (secret, public) = (self.path(&format!("{name}.key")), self.path(&format!("{name}.pub")));
        std::fs::write(&secret, key.sealed(PASSWORD).expect("sealed")).expect("written");
        std::fs::write(&public, key.public().file().expect("a key")).expect("written");
        (key, secret, public)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn spdx(versions: &[(&str, &str)]) -> Value {
    let mut packages = vec![json!({"SPDXID": "SPDXRef-I", "name": "web", "versionInfo": "1"})];
    let mut relationships = vec![
        json!({"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-I"}),
    ];
    for (name, version) in versions {
        let id = format!("SPDXRef-{name}");
        packages.push(json!({"SPDXID": id, "name": name, "versionInfo": version}));
        relationships.push(
            json!({"spdxElementId": "SPDXRef-I", "relationshipType": "CONTAINS", "relatedSpdxElement": id}),
        );
    }
    json!({"SPDXID": "SPDXRef-DOCUMENT", "spdxVersion": "SPDX-2.3", "packages": packages, "relationships": relationships})
}

fn provenance(versions: &[(&str, &str)]) -> Value {
    let archives: Vec<Value> = versions
        .iter()
        .map(|(name, version)| json!({"name": format!("{name}-v{version}-x64.pkg.tar.zst")}))
        .collect();
    json!({"buildDefinition": {"buildType": "ours", "externalParameters": {}, "resolvedDependencies": archives},
           "runDetails": {"builder": {"id": "us"}}})
}

fn predicates(versions: &[(&str, &str)]) -> Vec<Predicate> {
    let one = |kind, json: Value| Predicate { kind, json: json.to_string().into_bytes(), beside: Vec::new() };
    vec![one(PredicateKind::Spdx, spdx(versions)), one(PredicateKind::Provenance, provenance(versions))]
}

const VERSIONS: [(&str, &str); 2] = [("medic-os", "0.1"), ("web", "2")];

#[test]
fn what_is_signed_here_cosign_verifies() {
    let Some(registry) = Registry::start() else { return };
    let (key, _, public) = registry.key("ours");
    let images = [registry.image("0.1", Arch::X64), registry.image("0.1", Arch::Arm64)];
    let release = registry.push(&images, "1");
    assert!(registry.sign(&release, &VERSIONS, &key) > 0);
    assert_eq!(registry.sign(&release, &VERSIONS, &key), 0, "a second time nothing is sent");

    let repository = registry.repository();
    let root = registry.path("root.json");
    std::fs::write(&root, r#"{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}"#)
        .expect("written");
    let bundles = ["--new-bundle-format", "--trusted-root", &root.to_string_lossy()];
    for document in release.children.iter().chain([&release.top]) {
        let digest = document.digest.oci();
        let reference = format!("{repository}@{digest}");
        let verified = registry.cosign_verifies(&public, &reference);
        let critical = &verified[0]["critical"];
        assert_eq!(critical["image"]["docker-manifest-digest"], digest);
        assert_eq!(critical["identity"]["docker-reference"], repository);
        for more in [&[][..], &bundles] {
            let statement = registry.cosign_attests(&public, "spdxjson", &reference, more);
            assert_eq!(statement["predicate"], spdx(&VERSIONS));
            let statement = registry.cosign_attests(&public, "slsaprovenance1", &reference, more);
            assert_eq!(statement["predicate"]["buildDefinition"]["buildType"], "ours");
            assert_eq!(statement["subject"][0]["digest"]["sha256"], document.digest.to_string());
        }
        // As cosign 3 signs.
        let signed = "https://sigstore.dev/cosign/sign/v1";
        registry.cosign_attests(&public, signed, &reference, &bundles);
    }
    // By the tag, which leads to the index.
    registry.cosign_verifies(&public, &format!("{repository}:1"));
    let verified = registry.verify("1", &key, true);
    assert_eq!(verified.problems().next(), None);
    assert_eq!(verified.images.len(), 2);
    // Beside what is assembled here: the same, and another one, of which it is said what differs.
    for (published, image) in verified.images.iter().zip(&images) {
        assert_eq!(published.arch, Some(image.arch));
        assert_eq!(compare(published, image), Rebuilt::Same);
    }
    let newer = registry.image("0.2", Arch::X64);
    let Rebuilt::Different(words) = compare(&verified.images[0], &newer) else { panic!("the same") };
    let words = words.join("; ");
    let unlike =
        ["layer 2 (package medic-os 0.2)", "layer 4 (configuration)", "the configuration is sha256:"];
    assert!(unlike.iter().all(|part| words.contains(part)), "{words}");
    assert!(!words.contains("package web") && !words.contains("layer 1"), "{words}");
}

#[test]
fn what_cosign_signs_is_verified_here() {
    let Some(registry) = Registry::start() else { return };
    registry.cosigned(&["generate-key-pair"]);
    let read = |name: &str| std::fs::read_to_string(registry.path(name)).expect("there");
    let key = SigningKey::parse(&read("cosign.key"), Some(PASSWORD)).expect("cosign's key");
    assert_eq!(key.public().file().expect("a key"), read("cosign.pub"));
    registry.push(&[registry.image("0.1", Arch::X64)], "1");
    let reference = format!("{}:1", registry.repository());
    assert_eq!(registry.problems("1", &key, true), ["no-signature", "no-statement", "no-statement"]);
    let act = |arguments: &[&str]| {
        let fixed = ["--key", "cosign.key", "--tlog-upload=false", "--yes"];
        registry.cosigned(&[&arguments[..1], &fixed[..], &arguments[1..], &[&reference]].concat());
    };
    act(&["sign"]);
    assert_eq!(registry.problems("1", &key, true), ["no-statement", "no-statement"]);
    assert_eq!(registry.verify("1", &key, false).problems().next(), None);
    std::fs::write(registry.path("spdx.json"), spdx(&VERSIONS).to_string()).expect("written");
    std::fs::write(registry.path("slsa.json"), provenance(&VERSIONS).to_string()).expect("written");
    act(&["attest", "--type", "spdxjson", "--predicate", "spdx.json"]);
    act(&["attest", "--type", "slsaprovenance1", "--predicate", "slsa.json", "--new-bundle-format"]);
    assert_eq!(registry.verify("1", &key, true).problems().next(), None);
}

/// Both sign the same image, each with the other's key file beside its own; neither loses what the other put there.
#[test]
fn both_may_sign_the_same_image_and_each_reads_the_others_keys() {
    let Some(registry) = Registry::start() else { return };
    let (ours, secret, public) = registry.key("ours");
    let (theirs, _, their_public) = registry.key("theirs");
    let release = registry.push(&[registry.image("0.1", Arch::X64)], "1");
    let reference = format!("{}:1", registry.repository());
    registry.sign(&release, &VERSIONS, &theirs);
    // With our key's file, by their program.
    let secret = secret.to_string_lossy();
    registry.cosigned(&["sign", "--key", &secret, "--tlog-upload=false", "--yes", &reference]);
    registry.cosign_verifies(&public, &reference);
    registry.cosign_verifies(&their_public, &reference);
    assert_eq!(registry.verify("1", &ours, false).problems().next(), None);
    registry.sign(&release, &VERSIONS, &ours);
    registry.cosign_verifies(&their_public, &reference);
    assert_eq!(registry.verify("1", &theirs, true).problems().next(), None);
    assert_eq!(registry.verify("1", &ours, true).problems().next(), None);
}

#[test]
fn what_is_wrong_both_refuse() {
    let Some(registry) = Registry::start() else { return };
    let (key, _, public) = registry.key("ours");
    let (other, _, other_public) = registry.key("other");
    let image = registry.image("0.1", Arch::X64);
    let release = registry.push(std::slice::from_ref(&image), "1");
    // Nobody has signed it.
    let said = registry.cosign_refuses(&public, "1");
    assert!(said.contains("no signatures found"), "{said}");
    assert_eq!(registry.problems("1", &key, false), ["no-signature"]);
    registry.sign(&release, &VERSIONS, &key);
    assert_eq!(registry.problems("1", &key, true), [""; 0]);
    // Another key.
    registry.cosign_refuses(&other_public, "1");
    assert_eq!(
        registry.problems("1", &other, true),
        ["wrong-key", "statement-wrong-key", "statement-wrong-key"]
    );
    // The tag is moved to an image that nobody signed, and the signature of the first is put beside it.
    let moved = registry.push(&[registry.image("0.2", Arch::X64)], "1");
    registry.cosign_refuses(&public, "1");
    assert_eq!(registry.problems("1", &key, false), ["no-signature"]);
    let tags = registry.path("registry/docker/registry/v2/repositories").join(NAME).join("_manifests/tags");
    let tag = |digest: medic_model::Sha256| tags.join(format!("sha256-{digest}.sig"));
    support::done(
        "cp",
        &["-r", &tag(release.top.digest).to_string_lossy(), &tag(moved.top.digest).to_string_lossy()],
    );
    registry.cosign_refuses(&public, "1");
    assert_eq!(registry.problems("1", &key, false), ["signature-of-another-image"]);
    // A layer is exchanged where the registry keeps it. cosign looks at no layer.
    registry.push(std::slice::from_ref(&image), "1");
    assert_eq!(registry.problems("1", &key, true), [""; 0]);
    let blob = registry.blob(&image.layers[1].digest.oci());
    let mut bytes = std::fs::read(&blob).expect("there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&blob, &bytes).expect("written");
    let verified = registry.verify("1", &key, true);
    let said: Vec<String> = verified.problems().map(Problem::to_string).collect();
    assert!(said.len() == 1 && said[0].contains("layer 2") && said[0].contains("tampered"), "{said:?}");
}

#[test]
fn a_network_that_is_gone_is_no_verdict() {
    let Some(mut registry) = Registry::start() else { return };
    let (key, ..) = registry.key("ours");
    let client = registry.client();
    drop(registry.process.kill());
    drop(registry.process.wait());
    let settings = VerifySettings { key: &key.public(), attached: true, build_type: "ours" };
    let error = verify(&client, "1", settings).expect_err("nobody answers").to_string();
    assert!(error.contains("'1' cannot be read from the registry"), "{error}");
}
