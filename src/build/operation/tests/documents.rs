//! The documents beside a package's archive.

use serde_json::Value;

use super::*;

fn document(path: &std::path::Path) -> Value {
    serde_json::from_slice(&fs_err::read(path).expect("there")).expect("JSON")
}

fn fixture() -> Fixture {
    let fixture = Fixture::new();
    fixture.recipe("base", "", STEPS);
    fixture.recipe("hello", "needs: [base]\n", STEPS);
    fixture.package("hello");
    fixture
}

#[test]
fn they_are_made_with_the_package_and_name_what_is_linked() {
    let fixture = fixture();
    let built = fixture.pack(&["hello"]).expect("packed").remove(0);
    let spdx = document(&built.documents.spdx);
    let packages = spdx["packages"].as_array().expect("a list");
    let package = packages.iter().find(|one| one["SPDXID"] == "SPDXRef-Package-hello").expect("described");
    assert_eq!(package["checksums"][0]["checksumValue"], built.sha256.to_string());
    let link = serde_json::json!({
        "spdxElementId": "SPDXRef-Component-hello-1",
        "relationshipType": "STATIC_LINK",
        "relatedSpdxElement": "SPDXRef-Component-base-1",
    });
    assert!(spdx["relationships"].as_array().expect("a list").contains(&link), "{spdx}");
    let provenance = document(&built.documents.provenance);
    assert_eq!(provenance["subject"][0]["digest"]["sha256"], built.sha256.to_string());
    let text = format!("{spdx}{provenance}");
    let own = fixture.workspace().display().to_string();
    assert!(!text.contains(&own) && !text.contains(&fixture.store().display().to_string()), "{text}");
}

#[test]
fn they_are_made_again_when_they_lack_or_are_damaged_and_the_archive_stays() {
    let fixture = fixture();
    let first = fixture.pack(&["hello"]).expect("packed").remove(0);
    let texts = |package: &BuiltPackage| {
        let read = |path| fs_err::read_to_string(path).expect("there");
        (read(&package.documents.spdx), read(&package.documents.provenance))
    };
    let before = texts(&first);
    for (path, damage) in [
        (&first.documents.spdx, None),
        (&first.documents.provenance, Some("{}")),
        (&first.documents.spdx.with_file_name("documents.json"), None),
    ] {
        match damage {
            None => fs_err::remove_file(path).expect("removed"),
            Some(text) => fs_err::write(path, text).expect("written"),
        }
        let again = fixture.pack(&["hello"]).expect("found").remove(0);
        assert!(!again.fresh, "the package was not packed again");
        assert_eq!((again.sha256, texts(&again)), (first.sha256, before.clone()));
    }
}

#[test]
fn what_is_of_the_documents_only_changes_no_key() {
    let fixture = fixture();
    let first = fixture.pack(&["hello"]).expect("packed").remove(0);
    fixture.change(
        "recipes/base/recipe.yaml",
        "licence: Zlib",
        "licence: Zlib\ncpe: [zlib:zlib]\npurl: pkg:github/a/b",
    );
    let again = fixture.pack(&["hello"]).expect("found").remove(0);
    assert_eq!((again.fresh, again.sha256), (false, first.sha256));
    let text = fs_err::read_to_string(&again.documents.spdx).expect("there");
    assert!(text.contains("cpe:2.3:a:zlib:zlib:1:") && text.contains("pkg:github/a/b@1"), "{text}");
}
