//! The reduced workspace is one that Cargo takes, and what is left out does not change it.

use std::path::Path;
use std::process::Command;

use super::*;

fn write(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().expect("a parent")).expect("made");
    fs::write(path, text).expect("written");
}

/// A workspace with a root package, a member it needs, a member nobody needs, and tests everywhere.
fn sample(root: &Path) {
    write(
        root,
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"src/used\", \"src/other\"]\ndefault-members = [\"src/other\"]\n\
         [workspace.dependencies]\nused = { path = \"src/used\" }\nother = { path = \"src/other\" }\n\
         [package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
         [dependencies]\nused.workspace = true\n[dev-dependencies]\nother.workspace = true\n\
         [[bin]]\nname = \"app\"\npath = \"src/bin/app.rs\"\n[[test]]\nname = \"t\"\npath = \"tests/t.rs\"\n[profile.release]\nopt-level = \"z\"\n",
    );
    write(root, "src/bin/app.rs", "fn main() { std::process::exit(used::VALUE) }\n");
    write(
        root,
        "src/used/Cargo.toml",
        "[package]\nname = \"used\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[lib]\npath = \"lib.rs\"\n[target.'cfg(unix)'.dev-dependencies]\nother.workspace = true\n",
    );
    write(root, "src/used/lib.rs", "pub const VALUE: i32 = 7;\n#[cfg(test)]\nmod tests;\n");
    write(root, "src/used/tests.rs", "");
    write(root, "src/used/deep/tests/x.rs", "");
    write(
        root,
        "src/other/Cargo.toml",
        "[package]\nname = \"other\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
    );
    write(root, "src/other/src/lib.rs", "");
    write(root, "tests/t.rs", "");
    let output = cargo(root, &["generate-lockfile", "--offline"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn cargo(folder: &Path, args: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO"))
        .args(args)
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .output()
        .expect("cargo runs")
}

fn names(tree: &Tree) -> Vec<&str> {
    let files = tree.iter().filter(|(_, node)| !matches!(node, Node::Directory { .. }));
    files.map(|(path, _)| path.as_str()).collect()
}

#[test]
fn only_what_the_package_is_made_of_is_left_and_cargo_builds_it() {
    let root = tempfile::tempdir().expect("a folder");
    sample(root.path());
    let tree = Workspace::read(root.path()).expect("read").files("app").expect("files");
    let expected = ["Cargo.lock", "Cargo.toml", "src/bin/app.rs", "src/used/Cargo.toml", "src/used/lib.rs"];
    assert_eq!(names(&tree), expected);
    let out = tempfile::tempdir().expect("a folder");
    tar::Archive::new(&tree.write(Vec::new(), 0).expect("written")[..]).unpack(out.path()).expect("unpacked");
    let output = cargo(out.path(), &["run", "--offline", "--locked", "--quiet"]);
    assert_eq!(output.status.code(), Some(7), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_is_left_out_changes_nothing() {
    let root = tempfile::tempdir().expect("a folder");
    sample(root.path());
    let digest = || {
        let tree = Workspace::read(root.path()).expect("read").files("app").expect("files");
        tree.digest().expect("digest").sha256
    };
    let before = digest();
    write(root.path(), "src/used/tests.rs", "// changed");
    write(root.path(), "tests/t.rs", "// changed");
    write(root.path(), "src/other/src/lib.rs", "// changed");
    write(root.path(), "src/used/deep/tests/y.rs", "// new");
    write(root.path(), "src/used/.swp", "an editor's");
    assert_eq!(digest(), before);
    write(root.path(), "src/used/lib.rs", "pub const VALUE: i32 = 8;");
    assert_ne!(digest(), before);
}

#[test]
fn a_member_alone_gets_a_root_without_a_package() {
    let root = tempfile::tempdir().expect("a folder");
    sample(root.path());
    let tree = Workspace::read(root.path()).expect("read").files("other").expect("files");
    assert_eq!(names(&tree), ["Cargo.lock", "Cargo.toml", "src/other/Cargo.toml", "src/other/src/lib.rs"]);
    let out = tempfile::tempdir().expect("a folder");
    tar::Archive::new(&tree.write(Vec::new(), 0).expect("written")[..]).unpack(out.path()).expect("unpacked");
    let output = cargo(out.path(), &["check", "--offline", "--locked", "--quiet"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn faults_name_the_file() {
    let root = tempfile::tempdir().expect("a folder");
    let fault = || Workspace::read(root.path()).expect_err("refused").to_string();
    assert!(fault().contains("Cargo.toml"));
    write(root.path(), "Cargo.toml", "[workspace]\nmembers = [\"../outside\"]\n");
    assert!(fault().contains("'../outside'"), "{}", fault());
    write(root.path(), "Cargo.toml", "[workspace\n");
    assert!(fault().contains("Cargo.toml' cannot be used"), "{}", fault());
    sample(root.path());
    let error = Workspace::read(root.path()).expect("read").files("none").expect_err("refused").to_string();
    assert!(error.contains("'none'") && error.contains("Cargo.lock"), "{error}");
}

#[test]
fn this_workspace_can_be_reduced_to_its_runtime() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let workspace = Workspace::read(&root).expect("read");
    let tree = workspace.files("medic-os").expect("files");
    let names = names(&tree);
    assert!(names.contains(&"src/bin/pkg.rs") && names.contains(&"src/supervisor/lib.rs"), "{names:?}");
    assert!(
        !names.iter().any(|name| name.starts_with("xtask/") || name.starts_with("src/build/")),
        "{names:?}"
    );
    let crates = workspace.crates("medic-os").expect("crates");
    assert!(crates.iter().any(|krate| krate.name == "serde_json"));
    assert!(!crates.iter().any(|krate| krate.name == "proptest" || krate.name == "bollard"), "{crates:?}");
}
