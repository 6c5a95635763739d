//! SBOM and provenance of the real packages, checked by tools that others wrote; and damaged, to see that those tools look.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use medic_tests::Scratch;
use medic_tests::fixture::Fixture;
use medic_tests::python::python;
use medic_tests::xtask::xtask;
use serde_json::Value;

const PACKAGES: [&str; 4] = ["nginx", "medic-os", "busybox", "ca-certificates"];
const CHECK: &str = "tests/support/check_documents.py";

fn json(path: &Path) -> Value {
    let text = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).expect("JSON")
}

/// The answer for each package.
fn built() -> Vec<Value> {
    let outcome = xtask(&[&["build-package", "--json"], &PACKAGES[..]].concat()).success();
    let answer: Value = serde_json::from_str(outcome.text()).expect("JSON");
    answer["packages"].as_array().expect("a list").clone()
}

fn path(package: &Value, document: &str) -> PathBuf {
    package[document].as_str().expect("a path").into()
}

fn spdx_of(name: &str) -> Value {
    let outcome = xtask(&["sbom", name]).success();
    serde_json::from_str(&outcome.stdout).expect("JSON")
}

/// What pyspdxtools says of a document.
fn validate(document: &Path) -> medic_tests::Outcome {
    python(&["-m", "spdx_tools.spdx.clitools.pyspdxtools", "-i", &document.to_string_lossy()])
}

/// The names of what a component is linked with, directly or not.
fn linked(document: &Value, component: &str) -> BTreeSet<String> {
    let all = document["packages"].as_array().expect("a list");
    let named = |id: &Value| {
        all.iter()
            .find(|one| one["SPDXID"] == *id)
            .and_then(|one| one["name"].as_str())
            .unwrap_or_default()
            .to_owned()
    };
    let links = document["relationships"].as_array().expect("a list").iter();
    let links: Vec<(String, String)> = links
        .filter(|one| one["relationshipType"] == "STATIC_LINK")
        .map(|one| (named(&one["spdxElementId"]), named(&one["relatedSpdxElement"])))
        .collect();
    let mut found = BTreeSet::new();
    let mut open = vec![component.to_owned()];
    while let Some(from) = open.pop() {
        let next = links.iter().filter(|(one, _)| *one == from).map(|(_, to)| to.clone());
        open.extend(next.filter(|to| found.insert(to.clone())));
    }
    found
}

#[test]
fn outside_tools_take_the_documents_of_every_package_and_of_the_image() {
    let scratch = Scratch::new("documents");
    let image = scratch.join("image.spdx.json");
    let statements = scratch.join("image.provenance.jsonl");
    xtask(&["sbom", "nginx", "--image", "--output", &image.to_string_lossy()]).success();
    xtask(&["sbom", "nginx", "--image", "--format", "provenance", "--output", &statements.to_string_lossy()])
        .success();
    let packages = built();
    let spdx: Vec<PathBuf> = packages.iter().map(|one| path(one, "spdx")).chain([image]).collect();
    let provenance = packages.iter().map(|one| path(one, "provenance")).chain([statements.clone()]);
    for document in &spdx {
        validate(document).success();
        python(&[CHECK, "spdx", &document.to_string_lossy()]).success();
    }
    for document in provenance {
        python(&[CHECK, "provenance", &document.to_string_lossy()]).success();
    }
    let lines = std::fs::read_to_string(&statements).expect("there");
    assert_eq!(lines.lines().count(), PACKAGES.len(), "a statement for each package of the image");
}

#[test]
fn the_documents_are_of_the_archive_and_list_every_file_of_it() {
    for package in built() {
        let name = package["name"].as_str().expect("a name");
        let spdx = json(&path(&package, "spdx"));
        let own = spdx["packages"].as_array().expect("a list").iter();
        let own = own
            .into_iter()
            .find(|one| one["SPDXID"] == format!("SPDXRef-Package-{name}"))
            .expect("described");
        assert_eq!(own["checksums"][0]["checksumValue"], package["sha256"]);
        let provenance = json(&path(&package, "provenance"));
        assert_eq!(provenance["subject"][0]["digest"]["sha256"], package["sha256"]);
        // tar reads the archive by itself; a folder ends with a slash, a link has an arrow.
        let archive = package["archive"].as_str().expect("a path");
        let list = medic_tests::command::call("tar", &["--zstd", "-tvf", archive]).success();
        let files =
            list.stdout.lines().filter(|line| line.starts_with('-') && !line.ends_with(" manifest.json"));
        let listed = spdx["files"].as_array().expect("a list");
        let in_package = |file: &&Value| {
            file["SPDXID"].as_str().is_some_and(|id| id.starts_with(&format!("SPDXRef-File-{name}-")))
        };
        assert_eq!(listed.iter().filter(in_package).count(), files.count(), "{name}");
    }
}

#[test]
fn every_statically_linked_part_is_listed_with_all_that_is_asked_for() {
    let nginx = spdx_of("nginx");
    let of_nginx = linked(&nginx, "nginx");
    for part in ["zlib", "pcre2", "openssl", "musl", "zig-compiler-rt"] {
        assert!(of_nginx.contains(part), "{part} is not in {of_nginx:?}");
    }
    let runtime = spdx_of("medic-os");
    let of_runtime = linked(&runtime, "medic-os");
    for part in ["rust-std", "musl", "serde", "rustix", "hashbrown", "libc"] {
        assert!(of_runtime.contains(part), "{part} is not in {of_runtime:?}");
    }
    for other in ["windows-sys", "syn", "serde_derive", "proc-macro2"] {
        assert!(!of_runtime.contains(other), "{other} runs elsewhere: {of_runtime:?}");
    }
    assert!(linked(&spdx_of("ca-certificates"), "ca-certificates").is_empty(), "there is no program in it");
    for (document, parts) in [(&nginx, &of_nginx), (&runtime, &of_runtime)] {
        for package in document["packages"].as_array().expect("a list") {
            if !parts.contains(package["name"].as_str().expect("a name")) {
                continue;
            }
            for field in ["versionInfo", "licenseDeclared"] {
                assert_ne!(package[field], "NOASSERTION", "{package}");
                assert!(package[field].is_string(), "{package}");
            }
            assert!(package["downloadLocation"].is_string(), "{package}");
            assert!(package["checksums"][0]["checksumValue"].is_string(), "{package}");
            assert_eq!(package["externalRefs"][0]["referenceType"], "purl", "{package}");
        }
    }
    let text = nginx.to_string();
    for cpe in [
        "f5:nginx_open_source:1.",
        "openssl:openssl:3.",
        "zlib:zlib:1.",
        "pcre:pcre2:10.",
        "musl-libc:musl:1.",
    ] {
        assert!(text.contains(&format!("cpe:2.3:a:{cpe}")), "no {cpe}");
    }
}

/// Every program of a package holds, by its own strings, what the document says that it is linked with.
#[test]
fn what_programs_say_of_themselves_is_in_the_document() {
    let packages = built();
    let nginx = packages.iter().find(|one| one["name"] == "nginx").expect("there");
    let scratch = Scratch::new("strings");
    let archive = nginx["archive"].as_str().expect("a path");
    medic_tests::command::call("tar", &["--zstd", "-xf", archive, "-C", &scratch.path().to_string_lossy()])
        .success();
    let program =
        medic_tests::command::call("find", &[&scratch.path().to_string_lossy(), "-path", "*/bin/nginx"])
            .success();
    let program = std::fs::read(program.text()).expect("there");
    let document = json(&path(nginx, "spdx"));
    for (name, before) in [("nginx", "nginx version: nginx/"), ("openssl", "OpenSSL ")] {
        let version = document["packages"].as_array().expect("a list").iter().find(|one| {
            one["name"] == name
                && one["SPDXID"].as_str().is_some_and(|id| id.starts_with("SPDXRef-Component-"))
        });
        let version = version.and_then(|one| one["versionInfo"].as_str()).expect("listed");
        let said = format!("{before}{version}").into_bytes();
        let holds = program.windows(said.len()).any(|window| window == said);
        assert!(holds, "the program does not say {before}{version}");
    }
}

#[test]
fn no_mirror_path_or_user_of_this_machine_is_in_a_document() {
    let store = xtask(&["store", "path"]).success();
    let workspace = medic_tests::workspace().display().to_string();
    let mut own = vec![store.text().to_owned(), workspace, "/root".to_owned(), "/home/".to_owned()];
    for variable in ["MEDIC_OS_MIRRORS", "MEDIC_OS_DEBIAN_MIRROR", "PIP_INDEX_URL", "HOSTNAME", "https_proxy"]
    {
        own.extend(std::env::var(variable).ok().filter(|value| !value.is_empty()));
    }
    // The addresses that this machine's apt and pip ask, whatever they are.
    let hosts = "grep -rhoE 'https?://[^/ ]+' /etc/apt /etc/pip.conf ~/.config/pip ~/.pip ~/.cargo/config.toml 2>/dev/null | sort -u; pip config list 2>/dev/null | grep -oE 'https?://[^/ ]+'; true";
    let hosts = medic_tests::command::call("sh", &["-c", hosts]).success();
    // But for those that a recipe names as upstream's own.
    let named = medic_tests::command::call(
        "sh",
        &["-c", &format!("cat {}/recipes/*/recipe.yaml", medic_tests::workspace().display())],
    )
    .success();
    let hosts = hosts.stdout.lines().filter(|line| line.len() > 10 && !named.stdout.contains(*line));
    own.extend(hosts.map(str::to_owned));
    for package in built() {
        for document in ["spdx", "provenance"] {
            let text = std::fs::read_to_string(path(&package, document)).expect("there");
            for word in &own {
                assert!(
                    !text.contains(word.as_str()),
                    "the {document} of {} holds '{word}'",
                    package["name"]
                );
            }
        }
    }
}

#[test]
fn damaged_documents_are_refused_by_the_same_tools() {
    let fixture = Fixture::new("damaged-documents");
    let outcome = fixture.xtask(&["build-package", "hello", "--json"]).success();
    let answer: Value = serde_json::from_str(outcome.text()).expect("JSON");
    let package = &answer["packages"][0];
    let spdx = json(&path(package, "spdx"));
    type Damage = fn(&mut Value);
    let damages: [(&str, Damage); 6] = [
        ("a licence that is none", |one| one["packages"][0]["licenseDeclared"] = "Beerware-42".into()),
        ("a relationship to nothing", |one| {
            one["relationships"][0]["relatedSpdxElement"] = "SPDXRef-nothing".into();
        }),
        ("no version of the specification", |one| {
            drop(one.as_object_mut().map(|map| map.remove("spdxVersion")))
        }),
        ("no name", |one| drop(one["packages"][0].as_object_mut().map(|map| map.remove("name")))),
        ("a digest that is none", |one| one["files"][0]["checksums"][0]["checksumValue"] = "12".into()),
        ("no SHA-1 of a file", |one| {
            drop(one["files"][0]["checksums"].as_array_mut().map(|list| list.remove(0)))
        }),
    ];
    let place = fixture.join("damaged.spdx.json");
    let written = |value: &Value| std::fs::write(&place, value.to_string()).expect("writable");
    written(&spdx);
    validate(&place).success();
    for (what, damage) in damages {
        let mut damaged = spdx.clone();
        damage(&mut damaged);
        assert_ne!(damaged, spdx, "{what} changed nothing");
        written(&damaged);
        validate(&place).ended_with(1);
    }
    let provenance = json(&path(package, "provenance"));
    let damages: [(&str, Damage); 5] = [
        ("no subject", |one| one["subject"] = Value::Array(Vec::new())),
        ("a subject without a digest", |one| {
            drop(one["subject"][0].as_object_mut().map(|map| map.remove("digest")))
        }),
        ("another type", |one| one["_type"] = "https://in-toto.io/Statement/v0.1".into()),
        ("no build type", |one| {
            drop(one["predicate"]["buildDefinition"].as_object_mut().map(|map| map.remove("buildType")));
        }),
        ("an unknown field", |one| one["predicate"]["buildDefinition"]["colour"] = "red".into()),
    ];
    let check = || python(&[CHECK, "provenance", &place.to_string_lossy()]);
    written(&provenance);
    check().success();
    for (what, damage) in damages {
        let mut damaged = provenance.clone();
        damage(&mut damaged);
        assert_ne!(damaged, provenance, "{what} changed nothing");
        written(&damaged);
        assert_ne!(check().code, 0, "{what} was taken");
    }
}

#[test]
fn a_name_that_nothing_has_and_a_place_that_cannot_be_written_are_told() {
    xtask(&["sbom", "ngnix"]).ended_with(3).says("did you mean 'nginx'?");
    xtask(&["sbom", "nginx", "--format", "cyclonedx"]).ended_with(2).says("spdx");
    xtask(&["sbom", "busybox", "--output", "/nonexistent/file.json"])
        .ended_with(6)
        .says("/nonexistent/file.json");
}
