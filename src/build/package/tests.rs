use std::path::Path;

use medic_archive::package::Limits;
use medic_archive::{DirectorySink, PackageReader};

use super::*;
use crate::graph::tests::recipe;
use crate::report::Silent;

const PACKAGE: &str = "name: hello\nsummary: Says hello\ncomponents: [hello]\nservices: {hello: {}}\n";

/// A package of the component `hello`, linked with `zlib`, whose definition and files are changed first.
fn packed(
    definition: &str,
    change: impl FnOnce(&Path),
) -> (tempfile::TempDir, Result<Vec<BuiltPackage>, BuildError>) {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, text) in [
        ("tree/bin/hello", "program"),
        ("tree/share/doc/hello.txt", "long"),
        ("package/scripts/run/hello", "#!/bin/sh\n"),
        ("package/settings/hello/hello.conf", "x = 1\n"),
    ] {
        let path = folder.path().join(path);
        fs_err::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs_err::write(path, text).expect("written");
    }
    change(folder.path());
    let definition = PackageDefinition::from_yaml("package.yaml", definition).expect("valid");
    let (hello, zlib) = (recipe("hello", &[]), recipe("zlib", &[]));
    let part = |recipe, tree: &str| Part {
        recipe,
        sources: &[],
        tree: folder.path().join(tree),
        digest: Tree::scan(&folder.path().join(tree)).and_then(|tree| tree.digest()).expect("scanned").sha256,
    };
    let source = Source {
        definition: &definition,
        folder: folder.path().join("package"),
        arch: Arch::X64,
        components: definition
            .components
            .iter()
            .map(|name| part(if name.as_str() == "zlib" { &zlib } else { &hello }, "tree"))
            .collect(),
        linked: vec![part(&zlib, "tree")],
        jobs: 2,
    };
    let store = Store::open(&folder.path().join("store"), "test", &Silent).expect("opened");
    let twice = [(); 2]
        .into_iter()
        .map(|()| match find(&source, &store, &Silent)? {
            Ok(built) => Ok(built),
            Err(unpacked) => pack(&source, unpacked, &store),
        })
        .collect();
    (folder, twice)
}

fn fault(definition: &str, change: impl FnOnce(&Path)) -> String {
    packed(definition, change).1.expect_err("refused").to_string()
}

#[test]
fn a_package_holds_what_its_manifest_says_and_is_packed_once() {
    let (folder, built) = packed(PACKAGE, |_| {});
    let [first, second] = &built.expect("packed")[..] else { panic!("two") };
    assert!(first.fresh && !second.fresh);
    assert_eq!((first.sha256, first.size, &first.manifest), (second.sha256, second.size, &second.manifest));
    let paths: Vec<_> = first.manifest.entries.iter().map(|entry| entry.path().as_str()).collect();
    for path in [
        "srv/software/hello/v1/x64/bin/hello",
        "srv/scripts/hello/run/hello",
        "srv/settings/hello/hello/hello.conf",
    ] {
        assert!(paths.contains(&path), "{path} is not in {paths:?}");
    }
    let script = first.manifest.entries.iter().find(|entry| entry.path().as_str().ends_with("run/hello"));
    assert_eq!(script.and_then(medic_model::manifest::Entry::mode), Some(0o755), "scripts are made runnable");
    let components: Vec<_> =
        first.manifest.provenance.components.iter().map(|component| component.name.as_str()).collect();
    assert_eq!(components, ["hello", "zlib"], "what is linked statically is there too");
    assert_eq!(first.archive.file_name().expect("a name"), "hello-v1-x64.pkg.tar.zst");
    let to = folder.path().join("unpacked");
    fs_err::create_dir(&to).expect("made");
    unpack(&first.archive, &to);
    assert_eq!(
        fs_err::read_to_string(to.join("srv/software/hello/v1/x64/bin/hello")).expect("there"),
        "program"
    );
}

/// Reads the archive as `pkg` does: as hostile.
fn unpack(archive: &Path, to: &Path) {
    let reader = PackageReader::open(archive, Limits::default()).expect("a package");
    reader.unpack(&mut DirectorySink::new(to).expect("a folder")).expect("unpacked");
}

#[test]
fn what_is_excluded_is_not_there() {
    let (_folder, built) = packed(&format!("{PACKAGE}exclude: [share]\n"), |_| {});
    let built = built.expect("packed");
    let shared = |entry: &medic_model::manifest::Entry| entry.path().as_str().contains("share");
    assert!(!built[0].manifest.entries.iter().any(shared));
    let fault = fault(&format!("{PACKAGE}exclude: [sahre]\n"), |_| {});
    assert!(fault.contains("'exclude' names 'sahre'"), "{fault}");
}

#[test]
fn services_and_scripts_go_together() {
    let none =
        fault(PACKAGE, |folder| fs_err::remove_dir_all(folder.join("package/scripts")).expect("removed"));
    assert!(none.contains("packages/hello/package.yaml") && none.contains("add scripts/run/hello"), "{none}");
    let more =
        fault(PACKAGE, |folder| fs_err::write(folder.join("package/scripts/run/more"), "").expect("written"));
    assert!(more.contains("scripts/run/more belongs to no service"), "{more}");
}

#[test]
fn two_components_may_not_bring_the_same_file() {
    let fault = fault(&PACKAGE.replace("[hello]", "[hello, zlib]"), |_| {});
    assert!(fault.contains("'zlib' brings 'srv/software/hello/v1/x64/bin/hello'"), "{fault}");
}

#[test]
fn a_link_out_of_the_package_is_refused() {
    let fault = fault(PACKAGE, |folder| {
        std::os::unix::fs::symlink("../../../etc", folder.join("package/settings/out")).expect("linked");
    });
    assert!(fault.contains("leads out of the package"), "{fault}");
}

#[test]
fn a_damaged_archive_is_packed_again() {
    let (folder, built) = packed(PACKAGE, |_| {});
    let archive = built.expect("packed").remove(0).archive;
    fs_err::write(&archive, "cut off").expect("written");
    let place = archive.parent().expect("a folder").to_owned();
    let key =
        place.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok()).expect("a key");
    assert_eq!(stored(&place, &key, &Silent), None);
    drop(folder);
}
