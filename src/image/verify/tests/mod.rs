//! A small image in a registry in memory: as it should be, and wrong in every way.

pub(crate) mod memory;

use std::io::Write as _;

use medic_archive::digest::of_bytes;
use serde_json::{Value, json};

use super::*;
use crate::attach::PredicateKind;
use crate::attach::{Artifact, Extent, Place as _, Predicate, Subject, artifacts, put};
use crate::oci::documents::{CONFIG, INDEX, LAYER_GZIP, LAYER_ZSTD, MANIFEST};
use crate::sign::SigningKey;
use memory::{Memory, key};

const NAME: &str = "registry.example/medic/web";
const BUILD_TYPE: &str = "ours";

/// A tar with these files, each with one byte.
fn tar(paths: &[&str]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for path in paths {
        let mut header = tar::Header::new_gnu();
        header.set_size(1);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, &b"x"[..]).expect("appended");
    }
    tar.into_inner().expect("whole")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("compressed");
    encoder.finish().expect("compressed")
}

struct Fixture {
    memory: Memory,
    layers: Vec<Vec<u8>>,
    top: Subject,
}

fn describe(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": of_bytes(bytes).sha256.oci(), "size": bytes.len()})
}

impl Fixture {
    /// Of two layers and two packages, with the tag `1`; nothing is signed.
    fn unsigned() -> Self {
        let plain = [
            tar(&["usr/lib/medic-os/nginx/v1.2/manifest.json", &format!("usr/{}", "long/".repeat(60))]),
            tar(&["usr/lib/medic-os/medic-os/v0.1/manifest.json", "boot"]),
        ];
        let zstd = zstd::encode_all(&plain[1][..], 1).expect("compressed");
        let layers = vec![gzip(&plain[0]), zstd];
        let diff_ids: Vec<String> = plain.iter().map(|plain| of_bytes(plain).sha256.oci()).collect();
        let config = json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "config": {"Labels": {"org.opencontainers.image.revision": "abc"}}});
        let config = config.to_string().into_bytes();
        let memory = Memory::default();
        for bytes in layers.iter().chain([&config]) {
            memory.add(bytes);
        }
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": describe(CONFIG, &config),
            "layers": [describe(LAYER_GZIP, &layers[0]), describe(LAYER_ZSTD, &layers[1])]});
        let top = Self::tag(&memory, MANIFEST, &manifest);
        Self { memory, layers, top }
    }

    fn tag(memory: &Memory, media_type: &str, document: &Value) -> Subject {
        let bytes = document.to_string().into_bytes();
        memory.put_manifest("1", media_type, &bytes).expect("put");
        let digest = of_bytes(&bytes).sha256;
        Subject { media_type: media_type.to_owned(), digest, size: bytes.len() as u64 }
    }

    fn signed() -> Self {
        let fixture = Self::unsigned();
        fixture.attach(&fixture.top, &key(), &predicates(), Extent::All);
        fixture
    }

    fn attach(&self, subject: &Subject, key: &SigningKey, predicates: &[Predicate], extent: Extent) {
        let all = artifacts(subject, NAME, predicates, Some(key), extent).expect("JSON");
        put(&all, &self.memory).expect("put");
    }

    fn verify_as(&self, name: &str, key: &SigningKey, attached: bool) -> Verified {
        let settings = VerifySettings { key: &key.public(), attached, build_type: BUILD_TYPE };
        verify(&self.memory, name, settings).expect("the registry answers")
    }

    fn verified(&self) -> Verified {
        self.verify_as("1", &key(), true)
    }

    /// The codes of what is wrong.
    #[track_caller]
    fn is_refused(&self, codes: &[&str]) -> String {
        let verified = self.verified();
        let found: Vec<&str> = verified.problems().map(Problem::code).collect();
        assert_eq!(found, codes, "{verified:?}");
        verified.problems().map(Problem::to_string).collect::<Vec<_>>().join("\n")
    }

    /// Gives another content to what has this digest.
    fn replace(&self, digest: Sha256, bytes: &[u8]) {
        let mut blobs = self.memory.blobs.borrow_mut();
        let mut manifests = self.memory.manifests.borrow_mut();
        let there = blobs.get_mut(&digest).or_else(|| manifests.get_mut(&digest)).expect("there");
        *there = bytes.to_owned();
    }

    fn remove_tag(&self, ending: &str) {
        self.memory.tags.borrow_mut().remove(&format!("sha256-{}{ending}", self.top.digest)).expect("there");
    }
}

fn sbom_of(packages: &[(&str, &str)]) -> Predicate {
    let names =
        packages.iter().map(|(name, version)| json!({"SPDXID": name, "name": name, "versionInfo": version}));
    let names: Vec<Value> =
        names.chain([json!({"SPDXID": "I", "name": "web", "versionInfo": "1"})]).collect();
    let holds = packages.iter().map(
        |(name, _)| json!({"spdxElementId": "I", "relationshipType": "CONTAINS", "relatedSpdxElement": name}),
    );
    let describes = json!({"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "I"});
    let relationships: Vec<Value> = holds.chain([describes]).collect();
    let json = json!({"packages": names, "relationships": relationships}).to_string().into_bytes();
    Predicate { kind: PredicateKind::Spdx, json, beside: Vec::new() }
}

fn provenance_of(archives: &[&str]) -> Predicate {
    let archives: Vec<Value> = archives.iter().map(|name| json!({"name": name})).collect();
    let json = json!({"buildDefinition": {"buildType": BUILD_TYPE, "externalParameters": {"revision": "abc"},
        "resolvedDependencies": archives}});
    Predicate { kind: PredicateKind::Provenance, json: json.to_string().into_bytes(), beside: Vec::new() }
}

fn predicates() -> Vec<Predicate> {
    vec![
        sbom_of(&[("nginx", "1.2"), ("medic-os", "0.1")]),
        provenance_of(&["nginx-v1.2-x64.pkg.tar.zst", "medic-os-v0.1-x64.pkg.tar.zst"]),
    ]
}

#[test]
fn a_good_image_passes_every_check() {
    let fixture = Fixture::signed();
    let verified = fixture.verified();
    let told: Vec<_> =
        verified.checks.iter().map(|check| (check.what, check.result.clone().expect("good"))).collect();
    let whats: Vec<&str> = told.iter().map(|(what, _)| *what).collect();
    assert_eq!(whats, ["signature", "image", "SBOM", "provenance"]);
    assert!(told[1].1.contains("2 layers") && told[1].1.contains("2 packages"), "{told:?}");
    assert_eq!(verified.digest, fixture.top.digest);
    let [image] = &verified.images[..] else { panic!("one image") };
    assert_eq!((image.arch, image.revision.as_deref()), (Some(Arch::X64), Some("abc")));
    let packages: Vec<_> = image.packages.iter().map(|one| format!("{} {}", one.name, one.version)).collect();
    assert_eq!(packages, ["medic-os 0.1", "nginx 1.2"]);
    // By its digest as well.
    let by_digest = fixture.verify_as(&fixture.top.digest.oci(), &key(), true);
    assert_eq!(by_digest.checks, verified.checks);
}

/// With the tags of cosign's older form removed, and with the bundles removed.
#[test]
fn either_form_is_enough() {
    let fixture = Fixture::signed();
    fixture.remove_tag(".sig");
    fixture.remove_tag(".att");
    fixture.is_refused(&[]);
    let fixture = Fixture::signed();
    fixture.remove_tag("");
    fixture.is_refused(&[]);
    let mut fixture = Fixture::signed();
    fixture.remove_tag("");
    fixture.remove_tag(".sig");
    fixture.remove_tag(".att");
    fixture.memory.keeps_referrers = true;
    fixture.is_refused(&[]);
}

#[test]
fn an_index_is_covered_by_its_own_signature() {
    let fixture = Fixture::signed();
    let image = fixture.top.clone();
    let entry = json!({"mediaType": MANIFEST, "digest": image.digest.oci(), "size": image.size,
        "platform": {"os": "linux", "architecture": "amd64"}});
    let index = Fixture::tag(
        &fixture.memory,
        INDEX,
        &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}),
    );
    fixture.is_refused(&["no-signature"]);
    fixture.attach(&index, &key(), &[], Extent::All);
    let verified = fixture.verified();
    assert_eq!(verified.problems().next(), None);
    assert!(verified.is_index && verified.digest == index.digest && verified.images.len() == 1);
    // An image of it that is another one.
    fixture.replace(image.digest, b"{}");
    let said = fixture.is_refused(&["tampered"]);
    assert!(said.contains("the manifest of the image for linux/amd64"), "{said}");
}

#[test]
fn who_signed_it_is_told_apart() {
    let said = Fixture::unsigned().is_refused(&["no-signature", "no-statement", "no-statement"]);
    assert!(said.contains("has no signature") && said.contains("has no SBOM"), "{said}");
    let fixture = Fixture::signed();
    let other = SigningKey::generate().expect("randomness");
    let verified = fixture.verify_as("1", &other, true);
    let codes: Vec<&str> = verified.problems().map(Problem::code).collect();
    assert_eq!(codes, ["wrong-key", "statement-wrong-key", "statement-wrong-key"]);
    let said = verified.problems().next().expect("one").to_string();
    assert!(said.contains("2 signatures") && said.contains(&other.public().id()), "{said}");
    // Both have signed: each is satisfied.
    fixture.attach(&fixture.top, &other, &predicates(), Extent::All);
    assert_eq!(fixture.verify_as("1", &other, true).problems().next(), None);
    fixture.is_refused(&[]);
}

/// A signature of the key of another image, moved to stand beside this one; and a tag that leads to another image.
#[test]
fn a_signature_of_another_image_does_not_count() {
    let fixture = Fixture::unsigned();
    let other = Subject { digest: Sha256::from_bytes([9; 32]), ..fixture.top.clone() };
    fixture.attach(&other, &key(), &predicates(), Extent::All);
    let (theirs, ours) = (other.digest.to_string(), fixture.top.digest.to_string());
    let tags = fixture.memory.tags.borrow().clone();
    for (tag, digest) in tags {
        fixture.memory.tags.borrow_mut().insert(tag.replace(&theirs, &ours), digest);
    }
    let said = fixture.is_refused(&[
        "signature-of-another-image",
        "statement-of-another-image",
        "statement-of-another-image",
    ]);
    assert!(said.contains(&other.digest.oci()), "{said}");

    let fixture = Fixture::signed();
    let moved = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": {}, "layers": []});
    Fixture::tag(&fixture.memory, MANIFEST, &moved);
    let verified = fixture.verified();
    assert_eq!(verified.problems().next().map(Problem::code), Some("no-signature"));
}

#[test]
fn every_byte_counts() {
    let fixture = Fixture::signed();
    for layer in &fixture.layers {
        let digest = of_bytes(layer).sha256;
        for at in [0, layer.len() / 2, layer.len() - 1] {
            let mut changed = layer.clone();
            changed[at] ^= 1;
            fixture.replace(digest, &changed);
            let said = fixture.is_refused(&["tampered"]);
            assert!(said.contains("layer") && said.contains(&digest.oci()), "{said}");
        }
        for bytes in [&layer[..layer.len() - 1], &[&layer[..], b"x"].concat(), b""] {
            fixture.replace(digest, bytes);
            let said = fixture.is_refused(&["tampered"]);
            assert!(said.contains("bytes"), "{said}");
        }
        fixture.replace(digest, layer);
    }
    fixture.is_refused(&[]);
    // Neither layer nor configuration are there.
    let digest = of_bytes(&fixture.layers[1]).sha256;
    fixture.memory.blobs.borrow_mut().remove(&digest);
    let said = fixture.is_refused(&["missing"]);
    assert!(said.contains("layer 2"), "{said}");
}

/// The signature is good, and what was signed is not what it says.
#[test]
fn a_layer_that_is_not_the_configurations_is_refused() {
    let fixture = Fixture::unsigned();
    let manifest = fixture.memory.manifest("1").expect("read").expect("there");
    let mut manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    let other = gzip(&tar(&["x"]));
    fixture.memory.add(&other);
    manifest["layers"][0] = describe(LAYER_GZIP, &other);
    let top = Fixture::tag(&fixture.memory, MANIFEST, &manifest);
    fixture.attach(&top, &key(), &predicates(), Extent::All);
    let said = fixture.is_refused(&["wrong-layer"]);
    assert!(said.contains("layer 1"), "{said}");
}

#[test]
fn documents_that_do_not_fit_the_image_are_refused() {
    let [sbom, provenance] = <[Predicate; 2]>::try_from(predicates()).expect("two");
    let check = |predicates: &[Predicate], codes: &[&str], words: &str| {
        let fixture = Fixture::unsigned();
        fixture.attach(&fixture.top, &key(), predicates, Extent::All);
        let said = fixture.is_refused(codes);
        assert!(said.contains(words), "{said}");
    };
    check(std::slice::from_ref(&sbom), &["no-statement"], "has no provenance");
    check(std::slice::from_ref(&provenance), &["no-statement"], "has no SBOM");
    let lacking = sbom_of(&[("nginx", "1.2")]);
    check(&[lacking, provenance.clone()], &["packages-not-named"], "medic-os 0.1");
    let more = sbom_of(&[("nginx", "1.2"), ("medic-os", "0.1"), ("php", "8")]);
    check(&[more, provenance], &["packages-not-there"], "php 8");
    let other = provenance_of(&["nginx-v1.2-x64.pkg.tar.zst"]);
    check(&[sbom, other], &["packages-not-named"], "medic-os 0.1");
}

#[test]
fn a_document_for_scanners_that_is_not_the_signed_one_is_refused() {
    let fixture = Fixture::signed();
    let harmless = sbom_of(&[]);
    let all = artifacts(&fixture.top, NAME, &[harmless], None, Extent::All).expect("JSON");
    put(&all, &fixture.memory).expect("put");
    fixture.is_refused(&["sbom-not-the-signed-one"]);
}

#[test]
fn signatures_alone_are_enough_for_who_asks_for_no_more() {
    let fixture = Fixture::unsigned();
    fixture.attach(&fixture.top, &key(), &predicates(), Extent::Signatures);
    assert_eq!(fixture.verify_as("1", &key(), false).problems().next(), None);
    fixture.is_refused(&["no-statement", "no-statement"]);
}

#[test]
fn what_is_not_there_is_no_verdict() {
    let fixture = Fixture::signed();
    let settings = VerifySettings { key: &key().public(), attached: true, build_type: BUILD_TYPE };
    for name in ["2", &Sha256::from_bytes([1; 32]).oci(), "sha256:xyz"] {
        let error = verify(&fixture.memory, name, settings).expect_err("not there");
        assert!(matches!(error, VerifyError::NotFound { .. }) && error.to_string().contains(name), "{error}");
    }
}

/// Documents of a hostile registry: none of them may take long, much memory, or a panic.
#[test]
fn hostile_documents_are_refused() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let entry = json!({"mediaType": MANIFEST, "digest": Sha256::from_bytes([3; 32]).oci(), "size": 2});
    let many = |count: usize, list: &str| json!({list: vec![entry.clone(); count]}).to_string();
    let itself = json!({"manifests": [{"digest": "sha256:../../etc/passwd", "size": 1}]}).to_string();
    let huge =
        json!({"config": {"digest": Sha256::from_bytes([3; 32]).oci(), "size": u64::MAX}, "layers": []})
            .to_string();
    let negative = json!({"config": {"digest": "sha256:00", "size": -1}, "layers": []}).to_string();
    let big = " ".repeat(5 << 20);
    for text in [
        "",
        "null",
        "7",
        "[]",
        "{}",
        "{\"manifests\": 7}",
        "{\"manifests\": []}",
        &deep,
        &itself,
        &huge,
        &negative,
        &big,
        &many(65, "manifests"),
        &many(257, "layers"),
        &many(2, "manifests"),
    ] {
        let fixture = Fixture::unsigned();
        fixture.memory.put_manifest("1", MANIFEST, text.as_bytes()).expect("put");
        let verified = fixture.verified();
        assert!(verified.problems().count() >= 2, "{}: {:?}", &text[..text.len().min(60)], verified.checks);
        assert!(verified.images.is_empty());
    }
    // The same where signatures stand.
    for text in ["", "7", &deep, &big, &many(65, "layers"), &many(65, "manifests")] {
        for ending in ["", ".sig", ".att"] {
            let fixture = Fixture::signed();
            let tag = format!("sha256-{}{ending}", fixture.top.digest);
            fixture.memory.put_manifest(&tag, MANIFEST, text.as_bytes()).expect("put");
            let verified = fixture.verified();
            let is_empty = text.contains("manifests") && !ending.is_empty()
                || text.contains("layers") && ending.is_empty();
            assert!(
                is_empty || verified.problems().count() >= 1,
                "{ending}: {}",
                &text[..text.len().min(60)]
            );
        }
    }
}

/// A terabyte of zeros, in a layer of a few bytes, is not waited for; a member that says it is large is not kept in memory.
#[test]
fn a_layer_that_is_no_archive_is_refused() {
    let mut long = tar::Header::new_gnu();
    long.set_entry_type(tar::EntryType::GNULongName);
    long.set_size(1 << 40);
    long.set_cksum();
    for bytes in [b"no tar at all".to_vec(), vec![7; 10_000], long.as_bytes().to_vec()] {
        let fixture = Fixture::unsigned();
        let layer = gzip(&bytes);
        fixture.memory.add(&layer);
        let config =
            json!({"rootfs": {"diff_ids": [of_bytes(&bytes).sha256.oci()]}}).to_string().into_bytes();
        fixture.memory.add(&config);
        for media_type in [LAYER_GZIP, LAYER_ZSTD, "application/vnd.oci.image.layer.v1.tar", "text/html", ""]
        {
            let manifest =
                json!({"config": describe(CONFIG, &config), "layers": [describe(media_type, &layer)]});
            let top = Fixture::tag(&fixture.memory, MANIFEST, &manifest);
            fixture.attach(&top, &key(), &[], Extent::Signatures);
            fixture.is_refused(&["unusable"]);
        }
    }
}

#[test]
fn artifacts_name_the_subject_they_are_made_for() {
    let all =
        artifacts(&Fixture::unsigned().top, NAME, &predicates(), Some(&key()), Extent::All).expect("JSON");
    let digest = Fixture::unsigned().top.digest;
    for artifact in all {
        match artifact {
            Artifact::Tagged { tag, .. } => assert!(tag.contains(&digest.to_string())),
            Artifact::Referrer { subject, .. } => assert_eq!(subject.digest, digest),
        }
    }
}
