//! Artifacts as values, and put into a registry that is kept in memory.

use serde_json::{Value, json};

use super::*;
use crate::oci::documents::{INDEX, MANIFEST};
use crate::sign::PublicKey;
use crate::verify::Source as _;
use crate::verify::tests::memory::{Memory, key};

fn subject() -> Subject {
    Subject { media_type: MANIFEST.to_owned(), digest: Sha256::from_bytes([7; 32]), size: 400 }
}

fn predicates() -> Vec<Predicate> {
    let one =
        |kind, json: &Value| Predicate { kind, json: json.to_string().into_bytes(), beside: Vec::new() };
    vec![
        one(PredicateKind::Spdx, &json!({"SPDXID": "SPDXRef-DOCUMENT", "packages": []})),
        one(PredicateKind::Provenance, &json!({"buildDefinition": {"buildType": "x"}})),
    ]
}

fn all(extent: Extent) -> Vec<Artifact> {
    artifacts(&subject(), "registry.example/a", &predicates(), Some(&key()), extent).expect("JSON")
}

fn parsed(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("JSON")
}

#[test]
fn the_same_key_makes_the_same_bytes() {
    assert_eq!(all(Extent::All), all(Extent::All));
    assert_eq!(all(Extent::All).len(), 7);
}

#[test]
fn without_a_key_documents_are_attached_and_nothing_is_signed() {
    let unsigned = artifacts(&subject(), "a", &predicates(), None, Extent::All).expect("JSON");
    let types: Vec<&str> = unsigned
        .iter()
        .map(|artifact| match artifact {
            Artifact::Referrer { artifact_type, .. } => artifact_type.as_str(),
            Artifact::Tagged { tag, .. } => tag,
        })
        .collect();
    assert_eq!(types, ["application/spdx+json", "application/vnd.in-toto+json"]);
    let none = artifacts(&subject(), "a", &predicates(), None, Extent::Signatures).expect("JSON");
    assert_eq!(none, []);
}

#[test]
fn signatures_alone_are_one_tag_and_refer_to_nothing() {
    let memory = Memory::default();
    put(&all(Extent::Signatures), &memory).expect("put");
    assert_eq!(memory.tags(), [format!("sha256-{}.sig", "07".repeat(32))]);
}

#[test]
fn a_manifest_names_its_subject_and_what_it_is() {
    let all = all(Extent::All);
    let Some(Artifact::Referrer { manifest, blobs, .. }) = all.get(1) else { panic!("no referrer: {all:?}") };
    let manifest = parsed(manifest);
    assert_eq!(manifest["artifactType"], "application/spdx+json");
    assert_eq!(
        manifest["subject"],
        json!({"mediaType": MANIFEST, "digest": subject().digest.oci(), "size": 400})
    );
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.oci.empty.v1+json");
    assert_eq!(manifest["layers"][0]["digest"], blobs[1].digest.oci());
    assert_eq!(blobs[1].bytes, predicates()[0].json, "the document as it is");
}

#[test]
fn a_bundle_holds_a_statement_that_the_key_has_signed() {
    let all = all(Extent::All);
    let bundles = all.iter().filter_map(|artifact| match artifact {
        Artifact::Referrer { artifact_type, blobs, .. } if artifact_type == BUNDLE => Some(&blobs[1].bytes),
        _ => None,
    });
    let kinds: Vec<String> = bundles
        .map(|bytes| {
            let bundle: Bundle = serde_json::from_slice(bytes).expect("a bundle");
            assert_eq!(bundle.verification_material["publicKey"]["hint"], key().public().hint());
            let envelope = bundle.dsse_envelope.expect("an envelope");
            let statement = envelope.statement().expect("a statement");
            assert!(envelope.is_signed(&statement, &key().public()));
            let statement: Statement = serde_json::from_slice(&statement).expect("a statement");
            assert_eq!(statement.digests().collect::<Vec<_>>(), ["07".repeat(32)]);
            statement.predicate_type
        })
        .collect();
    assert_eq!(kinds, [PredicateKind::Spdx.uri(), PredicateKind::Provenance.uri(), statement::SIGNED]);
}

#[test]
fn what_is_put_a_second_time_changes_nothing_and_sends_nothing() {
    let memory = Memory::default();
    let sent = put(&all(Extent::All), &memory).expect("put");
    assert!(sent > 3000, "{sent}");
    let before = memory.clone();
    assert_eq!(put(&all(Extent::All), &memory).expect("put"), 0);
    assert_eq!(memory, before);
    let digits = "07".repeat(32);
    let tags = ["", ".att", ".sig"].map(|ending| format!("sha256-{digits}{ending}"));
    assert_eq!(memory.tags(), tags);
    let index = parsed(&memory.manifest(&tags[0]).expect("read").expect("there"));
    assert_eq!((&index["mediaType"], index["manifests"].as_array().map(Vec::len)), (&json!(INDEX), Some(5)));
    assert_eq!(index["manifests"][0]["artifactType"], "application/spdx+json");
}

#[test]
fn a_registry_that_keeps_referrers_itself_gets_no_tag_for_them() {
    let memory = Memory { keeps_referrers: true, ..Memory::default() };
    put(&all(Extent::All), &memory).expect("put");
    let digits = "07".repeat(32);
    assert_eq!(memory.tags(), [".att", ".sig"].map(|ending| format!("sha256-{digits}{ending}")));
}

/// Two keys, one after the other, and what a third program has put into the index.
#[test]
fn what_others_have_put_there_stays() {
    let memory = Memory::default();
    put(&all(Extent::All), &memory).expect("put");
    let other = SigningKey::generate().expect("randomness");
    let theirs = artifacts(&subject(), "registry.example/a", &predicates(), Some(&other), Extent::All);
    put(&theirs.expect("JSON"), &memory).expect("put");
    let digits = "07".repeat(32);
    let count = |ending: &str, list: &str| {
        let manifest = memory.manifest(&format!("sha256-{digits}{ending}")).expect("read").expect("there");
        parsed(&manifest)[list].as_array().map(Vec::len)
    };
    // The documents as they are have no key in them: they are the same.
    assert_eq!(
        (count(".sig", "layers"), count(".att", "layers"), count("", "manifests")),
        (Some(2), Some(4), Some(8))
    );
    let manifest = parsed(&memory.manifest(&format!("sha256-{digits}.sig")).expect("read").expect("there"));
    let config = manifest["config"]["digest"].as_str().expect("a digest").parse().expect("a digest");
    let config = parsed(&memory.bytes(config).expect("there"));
    assert_eq!(config["rootfs"]["diff_ids"].as_array().map(Vec::len), Some(2));
    let by = |key: &PublicKey| {
        let is_by = |layer: &&Value| {
            let digest = layer["digest"].as_str().expect("a digest").parse().expect("a digest");
            key.verifies(
                &memory.bytes(digest).expect("there"),
                layer["annotations"][SIGNATURE].as_str().expect("one"),
            )
        };
        manifest["layers"].as_array().into_iter().flatten().filter(is_by).count()
    };
    assert_eq!((by(&key().public()), by(&other.public())), (1, 1));
}

#[test]
fn a_tag_that_others_write_all_the_time_is_said() {
    let memory = Memory { forgets_tags: true, ..Memory::default() };
    let error = put(&all(Extent::Signatures), &memory).expect_err("lost each time");
    assert!(matches!(&error, AttachError::Contended { tag } if tag.ends_with(".sig")), "{error}");
}

#[test]
fn a_tag_that_leads_to_something_else_is_said() {
    let memory = Memory::default();
    let tag = format!("sha256-{}.sig", "07".repeat(32));
    memory.put_manifest(&tag, MANIFEST, b"<html>").expect("put");
    let error = put(&all(Extent::All), &memory).expect_err("no manifest").to_string();
    assert!(error.contains(&tag) && error.contains("no manifest in JSON"), "{error}");
}

#[test]
fn a_registry_that_takes_no_referrers_is_said_with_a_way_out() {
    let memory = Memory { refuses_referrers: true, ..Memory::default() };
    let error = put(&all(Extent::All), &memory).expect_err("refused").to_string();
    assert!(error.contains("MANIFEST_INVALID") && error.contains("--no-attach"), "{error}");
    put(&all(Extent::Signatures), &memory).expect("signatures alone are taken");
}
