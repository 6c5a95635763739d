use medic_model::recipe::Recipe;
use medic_model::{Date, Manifest, Sha256};

use super::facts::{ComponentFact, CrateFact, Facts, FileFact, FileKind, ToolchainFact};
use super::licence::Licence;
use super::*;
use crate::component::ResolvedSource;
use crate::definitions::Definitions;
use crate::key::KeyInputs;
use crate::key::tests::inputs;
use crate::store::FORMAT;

/// A toolchain of which nothing is on the disk any more.
pub fn toolchain() -> ToolchainPlan {
    let folder = tempfile::tempdir().expect("a folder");
    let bin = folder.path().join("recipes/toolchain/bin");
    fs_err::create_dir_all(&bin).expect("made");
    let text = "name: zig\nversion: 0.17.1\nlicence: MIT\nsources:\n  x64:\n    sha256: DIGEST\n    max_size: 1 MiB\n    pypi: {name: ziglang, version: 0.17.1, file: ziglang-0.17.1.whl}\n    folder: ziglang\nlibraries:\n  - name: musl\n    version: 1.2.5\n    licence: MIT\n    homepage: https://musl.libc.org/\n    url: https://musl.libc.org/releases/musl-1.2.5.tar.gz\n    folder: lib/libc/musl\n    cpe: [musl-libc:musl]\n";
    let text = text.replace("DIGEST", &"a".repeat(64));
    fs_err::write(bin.parent().expect("a folder").join("toolchain.yaml"), text).expect("written");
    ToolchainPlan::new(&Definitions::new(folder.path()), Some(Arch::X64)).expect("planned")
}

/// The record of a component that was built, with nothing that it needs.
pub fn record(recipe: &Recipe) -> ComponentRecord {
    let inputs = KeyInputs {
        component: recipe.name.clone(),
        version: recipe.version.clone(),
        needs: BTreeMap::new(),
        ..inputs()
    };
    let (key, tree) = (inputs.key(), Sha256::from_bytes([7; 32]));
    ComponentRecord { format: FORMAT, key, inputs, tree, size: 1, milliseconds: 1, isolation: None }
}

fn recipe(text: &str) -> Recipe {
    Recipe::from_yaml("recipe.yaml", text).expect("valid")
}

fn files(recipe: &Recipe) -> Vec<ResolvedSource> {
    recipe.file_sources().cloned().map(ResolvedSource::File).collect()
}

/// What is known of the package `hello`: a program linked with zlib, musl and a crate, patched, of two sources.
fn with_facts<T>(look: impl FnOnce(&Facts<'_>) -> T) -> T {
    let digest = |digit: char| digit.to_string().repeat(64);
    let hello = recipe(&format!(
        "name: hello\nversion: \"1.0\"\nreleased: 2026-01-01\nsummary: Says hello\nhomepage: https://example.org/hello\nlicence: LicenseRef-own\npatches: [better.patch]\nneeds: [zlib]\nsources:\n  - sha256: {}\n    urls: ['https://me:secret@example.org/hello-1.0.tar.gz']\n    debian: pool/main/h/hello/hello_1.0.orig.tar.gz\n  - sha256: {}\n    path: recipes/hello/extra.c\n    unpack: false\nsteps:\n  - {{name: build, run: make}}\n",
        digest('1'),
        digest('2')
    ));
    let zlib = recipe(&format!(
        "name: zlib\nversion: 1.3.2\nreleased: 2026-01-01\nsummary: Compression\nhomepage: https://zlib.net/\nlicence: Zlib\ncpe: [zlib:zlib]\npurl: pkg:github/madler/zlib@v1.3.2\nsources:\n  - sha256: {}\n    debian: pool/main/z/zlib/zlib_1.3.2.orig.tar.gz\nsteps:\n  - {{name: build, run: make}}\n",
        digest('3')
    ));
    let manifest = format!(
        "{{\"format\":1,\"name\":\"hello\",\"version\":\"1.0-r1\",\"arch\":\"x64\",\"summary\":\"Says hello\",\"licence\":\"LicenseRef-own AND Zlib\",\"entries\":[],\"provenance\":{{\"action_key\":\"{}\",\"components\":[]}}}}",
        digest('4')
    );
    let manifest = Manifest::from_json("manifest.json", manifest.as_bytes()).expect("valid");
    let toolchain = toolchain();
    let (mut of_hello, of_zlib) = (record(&hello), record(&zlib));
    of_hello.inputs.needs = [(zlib.name.clone(), of_zlib.tree)].into();
    let sources = (files(&hello), files(&zlib));
    let root = [DebianPackage {
        file: "perl_5.36.0-7+deb12u2_amd64.deb".to_owned(),
        sha256: Sha256::from_bytes([8; 32]),
    }];
    let file = |path: &str| FileFact {
        path: path.parse().expect("a path"),
        sha1: "5".repeat(40).parse().expect("a digest"),
        sha256: Sha256::from_bytes([5; 32]),
        kind: FileKind::Text,
    };
    let krate = |name: &str, linked| CrateFact {
        name: name.to_owned(),
        version: "1.0.0+x".to_owned(),
        sha256: Sha256::from_bytes([6; 32]),
        licence: Licence::declared("MIT/Apache-2.0", None),
        homepage: None,
        download: Some("git+https://example.org/x@0123456789".to_owned()),
        linked,
    };
    let facts = Facts {
        manifest: &manifest,
        archive: Sha256::from_bytes([9; 32]),
        released: "2026-01-01".parse::<Date>().expect("a day"),
        files: vec![file("srv/software/hello/v1.0-r1/x64/bin/hello")],
        own: vec![("packages/hello/scripts".to_owned(), Sha256::from_bytes([10; 32]))],
        components: vec![
            ComponentFact {
                recipe: &hello,
                shipped: true,
                sources: &sources.0,
                key: of_hello.key,
                inputs: &of_hello.inputs,
                tree: of_hello.tree,
                patches: vec![file("better.patch")],
                licence: Licence::declared(&hello.licence, Some("Do as\nyou like.\n")),
                crates: vec![krate("linked", true), krate("only-build", false)],
                libraries: ["musl".to_owned()].into(),
                root: &root,
                origin: None,
            },
            ComponentFact {
                recipe: &zlib,
                shipped: false,
                sources: &sources.1,
                key: of_zlib.key,
                inputs: &of_zlib.inputs,
                tree: of_zlib.tree,
                patches: Vec::new(),
                licence: Licence::declared(&zlib.licence, None),
                crates: Vec::new(),
                libraries: Default::default(),
                root: &root,
                origin: None,
            },
        ],
        toolchain: ToolchainFact {
            definition: &toolchain.definition,
            source: &toolchain.source,
            identity: Sha256::from_bytes([11; 32]),
        },
        revision: Some("0123456789abcdef"),
    };
    look(&facts)
}

/// The text of the SPDX document.
fn spdx_text(facts: &Facts<'_>) -> String {
    json::text_in_order(&spdx::of_package(facts))
}

/// The SPDX document as it is read.
fn read(text: &str) -> spdx::document::Document {
    serde_json::from_str(text).expect("its own form")
}

#[test]
fn the_spdx_document_is_what_it_was() {
    let text = with_facts(spdx_text);
    assert_eq!(text, with_facts(spdx_text), "the same is made again");
    assert!(!text.contains("secret"), "no password of an address");
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(text, json::text(&value), "every field stands in the order of the names");
    // A newer builder and a newer list of SPDX's are no change of form.
    let mut document = read(&text);
    document.creation_info.license_list_version = "LIST".to_owned();
    document.creation_info.creators[1] = "Tool: TOOL".to_owned();
    let known = document.document_namespace.len() - 16;
    document.document_namespace.replace_range(known.., "DIGEST");
    insta::assert_snapshot!("spdx", json::text(&document));
}

#[test]
fn the_provenance_is_what_it_was() {
    let text = with_facts(|facts| json::text(&provenance::of_package(facts)));
    assert!(!text.contains("secret"), "no password of an address");
    let version = format!("\"medic-build\": \"{}\"", env!("CARGO_PKG_VERSION"));
    insta::assert_snapshot!("provenance", text.replace(&version, "\"medic-build\": \"VERSION\""));
}

#[test]
fn the_provenance_of_an_image_names_its_packages_and_their_own_provenance() {
    let folder = tempfile::tempdir().expect("a folder");
    let package = |arch: Arch| {
        let mut manifest = with_facts(|facts| facts.manifest.clone());
        manifest.arch = arch;
        let documents = Documents::in_folder(folder.path(), &manifest);
        fs_err::write(&documents.provenance, format!("{{\"of\": \"{arch}\"}}")).expect("written");
        let archive = folder.path().join(manifest.archive_name());
        let (sha256, size) = (Sha256::from_bytes([9; 32]), 1);
        let name = manifest.name.clone();
        BuiltPackage { name, manifest, archive, sha256, size, documents, fresh: false, isolation: Vec::new() }
    };
    let packages = [package(Arch::X64), package(Arch::Arm64)];
    let definition = folder.path().join("web.yaml");
    fs_err::write(&definition, "abc").expect("written");
    let facts = ImageFacts {
        name: "web",
        version: "1.0",
        definition: &definition,
        revision: Some("abc"),
        created: "2026-01-01T00:00:00Z",
        packages: vec![(Arch::X64, &packages[..1]), (Arch::Arm64, &packages[1..])],
    };
    let (text, statements) = image_provenance(&facts).expect("read");
    assert_eq!(statements, [&b"{\"of\": \"x64\"}"[..], b"{\"of\": \"arm64\"}"]);
    assert!(!text.contains(&*folder.path().to_string_lossy()), "no path of this machine");
    let version = format!("\"medic-build\": \"{}\"", env!("CARGO_PKG_VERSION"));
    insta::assert_snapshot!("image-provenance", text.replace(&version, "\"medic-build\": \"VERSION\""));
    fs_err::remove_file(&packages[0].documents.provenance).expect("removed");
    let error = image_provenance(&facts).expect_err("gone").to_string();
    assert!(error.contains("hello-v1.0-r1-x64.provenance.json"), "{error}");
}

#[test]
fn another_fact_is_another_document_of_another_name() {
    let namespace = |facts: &Facts<'_>| spdx::of_package(facts).document_namespace.clone();
    let before = with_facts(namespace);
    let after = with_facts(|facts| {
        let components = Vec::new();
        let own = facts.own.clone();
        namespace(&Facts { components, own, files: facts.files.clone(), ..*facts })
    });
    assert_ne!(before, after);
}

#[test]
fn an_image_is_all_of_its_packages() {
    let package = read(&with_facts(spdx_text));
    let image = spdx::of_image("demo", "1.0", Arch::X64, vec![package.clone(), package.clone()]);
    let text = json::text_in_order(&image);
    let image = read(&text);
    assert_eq!(image.packages.len(), package.packages.len() + 1, "what two packages have is there once");
    assert_eq!(image.files, package.files);
    let related = |from: &str, to: &str| {
        image.relationships.iter().any(|one| one.spdx_element_id == from && one.related_spdx_element == to)
    };
    assert!(related("SPDXRef-DOCUMENT", "SPDXRef-Image-demo"));
    assert!(related("SPDXRef-Image-demo", "SPDXRef-Package-hello"));
    assert!(!related("SPDXRef-DOCUMENT", "SPDXRef-Package-hello"));
    assert_ne!(image.document_namespace, package.document_namespace);
    assert_eq!(json::text_in_order(&image), text);
}

#[test]
fn many_files_are_listed_in_the_order_of_their_ids_between_others() {
    let text = with_facts(|facts| {
        let file = |number: u32| FileFact {
            path: format!("srv/software/hello/v1.0-r1/x64/{number}").parse().expect("a path"),
            ..facts.files[0].clone()
        };
        let files = (0..500).map(file).collect();
        let components = Vec::new();
        let own = facts.own.clone();
        let few = spdx_text(&Facts { components, own, files, ..*facts });
        let of_all = spdx_text(facts);
        (few, of_all)
    });
    let (many, all) = (read(&text.0), read(&text.1));
    let files = many.files.expect("files");
    assert_eq!(files.len(), 500);
    assert!(files.is_sorted_by(|one, other| one.id < other.id), "by id, each once");
    assert!(many.relationships.is_sorted());
    let contained = |id: &str| many.relationships.iter().filter(|one| one.related_spdx_element == id).count();
    assert!(files.iter().all(|file| contained(&file.id) == 1));
    // A patch is a file too, and comes after those of the package.
    let ids: Vec<String> = all.files.expect("files").into_iter().map(|file| file.id).collect();
    assert!(ids.is_sorted() && ids.len() == 2, "{ids:?}");
    assert!(all.relationships.is_sorted());
}
