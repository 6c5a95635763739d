//! Small real packages, made with the same writer as all: a static busybox, and an init that is a shell script.
#![allow(dead_code, reason = "each test takes what it needs")]

#[path = "../../../../tests/support/ports.rs"]
pub mod ports;

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;

use medic_archive::package::{entries, write};
use medic_archive::{Content, Node, Tree};
use medic_image::{AssembleSettings, Compression, Event, Image, PackageArchive, Reporter, assemble};
use medic_model::image::ImageDefinition;
use medic_model::manifest::{FORMAT, Provenance};
use medic_model::{Arch, Manifest, PackageName, Sha256, Version, layout};

/// The time that all test packages have.
pub const EPOCH: u64 = 1_700_000_000;

/// One job is enough.
pub const ONE: NonZero<u32> = NonZero::<u32>::MIN;

/// A manifest without entries.
pub fn manifest(name: &str, version: &str, arch: Arch) -> Manifest {
    Manifest {
        format: FORMAT,
        name: name.parse().expect("a name"),
        version: version.parse().expect("a version"),
        arch,
        summary: format!("{name}, for tests"),
        licence: "MIT".to_owned(),
        depends: Vec::new(),
        conflicts: Vec::new(),
        provides: Vec::new(),
        data_compatible_from: None,
        users: Vec::new(),
        services: std::collections::BTreeMap::new(),
        entries: Vec::new(),
        provenance: Provenance { action_key: Sha256::from_bytes([7; 32]), components: Vec::new() },
    }
}

/// A package in the making: paths are below its software tree.
pub struct Maker {
    pub manifest: Manifest,
    tree: Tree,
}

impl Maker {
    pub fn new(name: &str, version: &str) -> Self {
        Self::for_arch(name, version, Arch::X64)
    }

    pub fn for_arch(name: &str, version: &str, arch: Arch) -> Self {
        Self { manifest: manifest(name, version, arch), tree: Tree::new() }
    }

    fn software(&self) -> medic_model::RelPath {
        let (name, version): (&PackageName, &Version) = (&self.manifest.name, &self.manifest.version);
        layout::software_tree(name, version, self.manifest.arch)
    }

    pub fn add(mut self, path: &str, node: Node) -> Self {
        let path = self.software().join(&path.parse().expect("a path")).expect("short");
        self.tree.insert(path, node).expect("free");
        self
    }

    /// A path from `/`, such as one in `srv/scripts`.
    pub fn add_at(mut self, path: &str, node: Node) -> Self {
        self.tree.insert(path.parse().expect("a path"), node).expect("free");
        self
    }

    pub fn script(self, path: &str, text: &str) -> Self {
        self.add(path, Node::bytes(0o755, text))
    }

    /// The manifest with its entries.
    pub fn finish(mut self) -> (Manifest, Tree) {
        self.manifest.entries = entries(&self.tree).expect("listed");
        (self.manifest, self.tree)
    }

    /// Writes the archive into `folder`.
    pub fn pack(self, folder: &Path) -> PackageArchive {
        let (manifest, tree) = self.finish();
        let path = folder.join(manifest.archive_name());
        let packed = write(&manifest, &tree, &path, EPOCH, ONE).expect("packed");
        PackageArchive { path, sha256: packed.sha256 }
    }
}

/// The busybox that tests run, if the machine has a static one.
pub fn busybox() -> Option<PathBuf> {
    let path = PathBuf::from("/bin/busybox");
    let file = std::fs::read(&path).ok()?;
    // A program that is linked dynamically names its loader.
    let dynamic = file.windows(8).any(|bytes| bytes == b"/ld-linu" || bytes == b"/ld-musl");
    (!dynamic).then_some(path)
}

/// The shell package: busybox and its names.
pub fn busybox_package(folder: &Path) -> PackageArchive {
    let program = busybox().expect("busybox-static is installed");
    let size = std::fs::metadata(&program).expect("there").len();
    let node = Node::File { mode: 0o755, size, content: Content::Path(program.into()) };
    let mut maker = Maker::new("busybox", "1.35.0").add("bin/busybox", node);
    for name in [
        "sh",
        "httpd",
        "sleep",
        "cat",
        "id",
        "mkdir",
        "ls",
        "kill",
        "stat",
        "touch",
        "chown",
        "setuidgid",
        "su",
        "wget",
    ] {
        maker = maker.add(&format!("bin/{name}"), Node::link("busybox"));
    }
    maker.pack(folder)
}

/// What PID 1 of test images does: serves a page on port 80 until it is told to end.
pub const INIT: &str = r#"#!/bin/sh
set -eu
trap 'echo stopping >&2; kill ${server:-} 2>/dev/null || true; exit ${STOP_CODE:-0}' TERM
mkdir -p /srv/www /run/test
echo "from inside as $(id -u), host $(cat /etc/hostname), mark $(cat /srv/mark 2>/dev/null || echo none)" > /srv/www/index.html
echo kept > /srv/mark
httpd -f -p 80 -h /srv/www &
server=$!
echo "started as process $$"
echo "to standard error" >&2
[ -z "${END_CODE:-}" ] || exit "$END_CODE"
wait "$server"
"#;

/// The package with the init.
pub fn init_package(folder: &Path, version: &str) -> PackageArchive {
    let mut maker = Maker::new("medic-os", version).script("boot/init", INIT);
    maker = maker.script("boot/healthy", "#!/bin/sh\nwget -q -O /dev/null http://127.0.0.1/\n");
    maker.manifest.users = vec![medic_model::package::User { name: "web".parse().expect("a name"), id: 101 }];
    maker
        .add_at("srv/scripts/medic-os/env", Node::bytes(0o644, "# nothing\n"))
        .add_at("srv/settings/medic-os/x/x.conf", Node::bytes(0o644, "x\n"))
        .pack(folder)
}

/// An image of both.
pub const IMAGE: &str = "
name: tiny
title: A tiny image
description: For tests
version_of: medic-os
packages: [medic-os, busybox]
links:
  /boot: {package: medic-os, path: boot}
  /bin: {package: busybox, path: bin}
directories:
  /tmp/held: '0750'
environment: {PATH: '/boot:/bin', GREETING: hello world}
ports: [80/tcp]
volumes: [/srv]
entrypoint: [/boot/init]
healthcheck: {command: [/boot/healthy], interval: 1s, timeout: 2s, retries: 3}
";

pub fn definition(text: &str) -> ImageDefinition {
    ImageDefinition::from_yaml("images/tiny.yaml", text).expect("a definition")
}

pub fn settings(store: &Path) -> AssembleSettings {
    AssembleSettings {
        store: store.to_owned(),
        arch: Arch::X64,
        compression: Compression::Gzip,
        created: EPOCH,
        revision: Some("0123456789abcdef".to_owned()),
        source: Some("https://example.org/tiny".to_owned()),
        jobs: NonZero::new(2).expect("two"),
    }
}

/// A folder with a store, packages and the tiny image.
pub struct Tiny {
    pub folder: tempfile::TempDir,
    pub packages: Vec<PackageArchive>,
}

impl Tiny {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let packages = vec![busybox_package(folder.path()), init_package(folder.path(), "0.1.0+test")];
        Self { folder, packages }
    }

    pub fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    pub fn image(&self) -> Image {
        assemble(&definition(IMAGE), &self.packages, &settings(&self.store()), &()).expect("assembled")
    }

    pub fn archive(&self, image: &Image) -> PathBuf {
        let path = self.folder.path().join("tiny.oci.tar");
        image.write_archive(&path).expect("written");
        path
    }
}

/// Keeps what it is told.
#[derive(Debug, Default)]
pub struct Heard(pub Mutex<Vec<String>>);

impl Reporter for Heard {
    fn event(&self, event: Event<'_>) {
        self.0.lock().expect("whole").push(format!("{event:?}"));
    }
}

impl Heard {
    pub fn all(&self) -> String {
        self.0.lock().expect("whole").join("\n")
    }
}

/// Runs a program to its end.
pub fn call(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"))
}

/// Runs a program that must succeed; gives what it wrote.
#[track_caller]
pub fn done(program: &str, arguments: &[&str]) -> String {
    let output = call(program, arguments);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {err}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Whether a program is installed; a test that is skipped for want of it says so, and fails where `MEDIC_OS_NO_SKIP` is set.
pub fn has(program: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
    let found = found.is_ok_and(|output| output.status.success());
    if !found {
        skip(&format!("{program} is not installed"));
    }
    found
}

pub fn skip(why: &str) {
    assert!(std::env::var_os("MEDIC_OS_NO_SKIP").is_none(), "{why}, and MEDIC_OS_NO_SKIP is set");
    note(&format!("SKIPPED: {why}"));
}

/// A word for who reads a test's output.
#[expect(clippy::print_stdout, reason = "a test's output is for people")]
pub fn note(words: &str) {
    println!("{words}");
}

/// Everything below a folder by its path, as text that can be compared.
pub fn listing(folder: &Path) -> String {
    done("find", &[&folder.to_string_lossy(), "-mindepth", "1", "-printf", "%P %y %m %s %l\n"])
        .lines()
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect::<Vec<_>>()
        .join("\n")
}
