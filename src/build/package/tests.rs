use std::path::Path;

use medic_archive::package::Limits;
use medic_archive::{DirectorySink, PackageReader};

use super::*;
use crate::attest::tests::{record, toolchain};
use crate::attest::{Evidence, Made};
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
        ("tree/share/licenses/hello/LICENSE", "as you like"),
        ("zlib/bin/hello", "another"),
        ("toolchain/musl/COPYRIGHT", "as you like, with this text"),
        ("zlib/lib/libz.a", "!<arch>\n"),
        ("zlib/share/licenses/zlib/COPYING", "do with it what you want"),
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
            .map(|name| if name.as_str() == "zlib" { part(&zlib, "zlib") } else { part(&hello, "tree") })
            .collect(),
        linked: vec![part(&zlib, "zlib")],
        toolchain_licences: folder.path().join("toolchain"),
        jobs: 2,
        own_paths: Vec::new(),
    };
    let store = Store::open(&folder.path().join("store"), "test", &Silent).expect("opened");
    let toolchain = toolchain();
    let records = [&hello, &zlib].map(|recipe| (recipe, record(recipe)));
    let made = records.iter().map(|(recipe, record)| {
        let folder = folder.path().to_owned();
        (recipe.name.clone(), Made { record, root: folder.clone(), folder, packages: Vec::new() })
    });
    let made = made.collect();
    let evidence = Evidence { toolchain: &toolchain, made, revision: None, fetch: &|_| Ok(()) };
    let twice = [(); 2]
        .into_iter()
        .map(|()| match find(&source, &evidence, &store, &Silent)? {
            Ok(built) => Ok(built),
            Err(unpacked) => pack(&source, unpacked, &evidence, &store, &Silent),
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
        "srv/software/hello/v1/x64/share/licenses/hello/LICENSE",
        "srv/software/hello/v1/x64/share/licenses/zlib/COPYING",
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
    let (_folder, built) = packed(&format!("{PACKAGE}exclude: [share/doc]\n"), |_| {});
    let built = built.expect("packed");
    let shared = |entry: &medic_model::manifest::Entry| entry.path().as_str().contains("share/doc");
    assert!(!built[0].manifest.entries.iter().any(shared));
    let fault = fault(&format!("{PACKAGE}exclude: [sahre]\n"), |_| {});
    assert!(fault.contains("'exclude' names 'sahre'"), "{fault}");
}

#[test]
fn who_can_use_its_data_is_in_its_archive() {
    let (_folder, built) = packed(&format!("{PACKAGE}data_compatible_from: 1~beta\n"), |_| {});
    let built = built.expect("packed");
    let reader = PackageReader::open(&built[0].archive, Limits::default()).expect("a package");
    let from = reader.manifest().data_compatible_from.as_ref().map(ToString::to_string);
    assert_eq!(from.as_deref(), Some("1~beta"));
    let fault = fault(&format!("{PACKAGE}data_compatible_from: '1.1'\n"), |_| {});
    assert!(
        fault.contains("'data_compatible_from' is 1.1, which is newer than the package's own version 1"),
        "{fault}"
    );
    let text = format!("{PACKAGE}data_compatible_from: {{since: 1}}\n");
    let error = PackageDefinition::from_yaml("package.yaml", &text).expect_err("refused").to_string();
    assert!(error.starts_with("package.yaml:5:") && error.contains("a version"), "{error}");
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
    assert!(fault.contains("'zlib' brings 'bin/hello'"), "{fault}");
}

#[test]
fn a_link_out_of_the_package_is_refused() {
    for (target, check) in [("../../../etc", "broken-link"), ("../../../../etc", "link-leaves-tree")] {
        let fault = fault(PACKAGE, |folder| {
            std::os::unix::fs::symlink(target, folder.join("package/settings/out")).expect("linked");
        });
        assert!(fault.contains(check) && fault.contains("settings/out"), "{fault}");
    }
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

#[test]
fn a_licence_that_is_left_out_is_missed() {
    let excluded = fault(&format!("{PACKAGE}exclude: [share/licenses/hello]\n"), |_| {});
    assert!(excluded.contains("licence-missing") && excluded.contains("share/licenses/hello"), "{excluded}");
    let fault = fault(PACKAGE, |folder| {
        fs_err::remove_dir_all(folder.join("zlib/share")).expect("removed");
    });
    assert!(fault.contains("'zlib' is in the package (Zlib)"), "{fault}");
}

#[test]
fn what_is_meant_changes_no_byte_and_what_is_not_needed_is_said() {
    let meant = format!(
        "{PACKAGE}exclude: [share/licenses/hello]\nexceptions: [{{check: licence-missing, reason: the public domain}}]\n"
    );
    let (_folder, built) = packed(&meant, |_| {});
    built.expect("it is meant");
    let stale =
        format!("{PACKAGE}exceptions: [{{check: secret, path: settings/**, reason: a key for tests}}]\n");
    let fault = fault(&stale, |_| {});
    assert!(fault.contains("stale-exception") && fault.contains("settings/**"), "{fault}");
}

#[test]
fn a_key_in_a_setting_is_found() {
    let key = format!("-----BEGIN {}-----\n{}\n", "PRIVATE KEY", "MC4CAQAwBQYDK2VwBCIEIGbR1xCq3zq0hQn5w7Yz");
    let fault = fault(PACKAGE, |folder| {
        fs_err::write(folder.join("package/settings/hello/key.pem"), key).expect("written");
    });
    assert!(fault.contains("settings/hello/key.pem: a private key"), "{fault}");
}

#[test]
fn the_licence_of_the_c_library_goes_with_every_program() {
    let holds = |change: fn(&Path)| {
        let (_folder, built) = packed(PACKAGE, change);
        let built = built.expect("packed");
        built[0]
            .manifest
            .entries
            .iter()
            .any(|entry| entry.path().as_str().ends_with("share/licenses/musl/COPYRIGHT"))
    };
    assert!(!holds(|_| {}), "a package of scripts has no C library in it");
    assert!(holds(|folder| {
        let source = folder.join("hello.c");
        fs_err::write(&source, "int main(void) { return 0; }\n").expect("written");
        let flags =
            "-nostdlib -static-pie -fPIE -s -Wl,-e,main -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -o";
        let compiled = std::process::Command::new("cc")
            .args(flags.split(' '))
            .args([folder.join("tree/bin/hello"), source])
            .status()
            .expect("cc runs");
        assert!(compiled.success());
        // The C library is a component of its own as well, with its own text.
        let own = folder.join("tree/share/licenses/musl");
        fs_err::create_dir_all(&own).expect("made");
        fs_err::write(own.join("COPYRIGHT"), "of another version").expect("written");
    }));
}
