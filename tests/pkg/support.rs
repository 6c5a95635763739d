//! Packages made for tests, and a root folder to work in.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use medic_archive::tree::{Content, Node, Tree};
use medic_model::manifest::{FORMAT, Provenance};
use medic_model::{Arch, Manifest, RelPath, Sha256, layout};

/// A package that a test makes up.
#[derive(Clone)]
pub struct Package {
    manifest: Manifest,
    tree: Tree,
}

impl Package {
    /// A package with one program, `bin/<name>`, which says its version.
    pub fn new(name: &str, version: &str) -> Self {
        let program = format!("#!/bin/sh\necho {name} {version}\n");
        Self::bare(name, version).software(&format!("bin/{name}"), &program)
    }

    /// A package without anything.
    pub fn bare(name: &str, version: &str) -> Self {
        let manifest = Manifest {
            format: FORMAT,
            name: name.parse().expect("name"),
            version: version.parse().expect("version"),
            arch: Arch::host().expect("a machine of ours"),
            summary: format!("The package {name}"),
            licence: "MIT".to_owned(),
            depends: Vec::new(),
            conflicts: Vec::new(),
            provides: Vec::new(),
            data_compatible_from: None,
            users: Vec::new(),
            services: BTreeMap::new(),
            entries: Vec::new(),
            provenance: Provenance { action_key: Sha256::from_bytes([7; 32]), components: Vec::new() },
        };
        Self { manifest, tree: Tree::new() }
    }

    fn put(mut self, path: String, node: Node) -> Self {
        self.tree.insert(path.parse().expect("path"), node).expect("free");
        self
    }

    fn tree_root(&self) -> RelPath {
        layout::software_tree(&self.manifest.name, &self.manifest.version, self.manifest.arch)
    }

    pub fn software(self, path: &str, text: &str) -> Self {
        let path = format!("{}/{path}", self.tree_root());
        self.put(path, Node::bytes(0o755, text))
    }

    pub fn software_link(self, path: &str, target: &str) -> Self {
        let path = format!("{}/{path}", self.tree_root());
        self.put(path, Node::link(target))
    }

    pub fn script(self, path: &str, text: &str) -> Self {
        let path = format!("{}/{path}", layout::scripts(&self.manifest.name));
        self.put(path, Node::bytes(0o755, text))
    }

    pub fn setting(self, path: &str, text: &str) -> Self {
        let path = format!("{}/{path}", layout::settings(&self.manifest.name));
        self.put(path, Node::bytes(0o644, text))
    }

    pub fn needs(mut self, dependency: &str) -> Self {
        self.manifest.depends.push(dependency.parse().expect("dependency"));
        self
    }

    pub fn provides(mut self, name: &str) -> Self {
        self.manifest.provides.push(name.parse().expect("provision"));
        self
    }

    pub fn conflicts(mut self, dependency: &str) -> Self {
        self.manifest.conflicts.push(dependency.parse().expect("dependency"));
        self
    }

    pub fn service(mut self, name: &str) -> Self {
        self.manifest.services.insert(name.parse().expect("name"), Default::default());
        self.script(&format!("run/{name}"), "#!/bin/sh\nexec sleep 1000\n")
    }

    /// A service with its definition, as `package.yaml` would have it, and the text of its script.
    pub fn defined(mut self, name: &str, definition: serde_json::Value, script: &str) -> Self {
        let definition = serde_json::from_value(definition).expect("a definition");
        self.manifest.services.insert(name.parse().expect("name"), definition);
        self.script(&format!("run/{name}"), &format!("#!/bin/sh\n{script}\n"))
    }

    /// The oldest version that can use its data.
    pub fn data_from(mut self, version: &str) -> Self {
        self.manifest.data_compatible_from = Some(version.parse().expect("version"));
        self
    }

    pub fn arch(mut self, arch: Arch) -> Self {
        self.manifest.arch = arch;
        self
    }

    pub fn manifest(&self) -> Manifest {
        let entries = medic_archive::package::entries(&self.tree).expect("entries");
        Manifest { entries, ..self.manifest.clone() }
    }

    /// Writes its archive into a folder.
    pub fn archive(&self, folder: &Path) -> PathBuf {
        let manifest = self.manifest();
        let path = folder.join(manifest.archive_name());
        let _ = fs::remove_file(&path);
        medic_archive::package::write(&manifest, &self.tree, &path, 1_700_000_000, NonZero::<u32>::MIN)
            .expect("written");
        path
    }

    /// Writes it into a root as an image bundles it.
    pub fn bundle(&self, root: &Path) {
        let manifest = self.manifest();
        let home = root.join(layout::bundle(&manifest.name, &manifest.version));
        fs::create_dir_all(&home).expect("folder");
        let text = medic_archive::json::canonical(&manifest).expect("json");
        fs::write(home.join("manifest.json"), text).expect("manifest");
        for (path, node) in self.tree.iter() {
            let bundled = layout::bundled(path, &manifest.name, &manifest.version, manifest.arch);
            if let Some(path) = bundled {
                write_node(&root.join(path), node);
            }
        }
    }
}

fn write_node(path: &Path, node: &Node) {
    fs::create_dir_all(path.parent().expect("parent")).expect("folder");
    match node {
        Node::Directory { mode } => {
            fs::create_dir_all(path).expect("folder");
            chmod(path, *mode);
        }
        Node::Link { target } => std::os::unix::fs::symlink(target, path).expect("link"),
        Node::File { mode, content, .. } => {
            let Content::Bytes(bytes) = content else { unreachable!("tests' files are in memory") };
            fs::write(path, bytes).expect("file");
            chmod(path, *mode);
        }
    }
}

pub fn chmod(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
}

/// A text that hardly compresses, so that its archive has several pieces. The numbers are those of Numerical Recipes.
pub fn noise(size: usize) -> String {
    let mut state = 1_u32;
    let mut letter = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b' ' + (state >> 24) as u8 % 95)
    };
    (0..size).map(|_| letter()).collect()
}

/// A root folder, and a folder for archives beside it; both go with it.
pub struct World {
    folder: tempfile::TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ended {
    pub fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code().unwrap_or(-1),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// It failed with this code, and its message holds this text.
    #[track_caller]
    pub fn failed(self, code: i32, text: &str) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.err.contains(text), "'{text}' is not in {self:?}");
        self
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).expect("JSON")
    }
}

pub const PKG: &str = env!("CARGO_BIN_EXE_pkg");

impl World {
    pub fn new() -> Self {
        Self::with(tempfile::tempdir().expect("a folder"))
    }

    /// In memory where that can be: quick, and what is synced there costs nothing.
    pub fn in_memory() -> Self {
        let can_run = |folder: &Path| {
            let script = folder.join("run");
            fs::write(&script, "#!/bin/sh\n").is_ok() && {
                chmod(&script, 0o755);
                Command::new(&script).status().is_ok_and(|status| status.success())
            }
        };
        match tempfile::tempdir_in("/dev/shm") {
            Ok(folder) if can_run(folder.path()) => Self::with(folder),
            _ => Self::new(),
        }
    }

    fn with(folder: tempfile::TempDir) -> Self {
        fs::create_dir_all(folder.path().join("root")).expect("root");
        fs::create_dir_all(folder.path().join("archives")).expect("archives");
        Self { folder }
    }

    /// Another with the same content.
    pub fn twin(&self) -> Self {
        let parent = self.folder.path().parent().expect("parent");
        let folder = tempfile::tempdir_in(parent).expect("a folder");
        let mut copy = Command::new("cp");
        let copied = copy.arg("-a").arg(self.root()).arg(self.archives()).arg(folder.path()).status();
        assert!(copied.expect("cp runs").success());
        Self { folder }
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    pub fn archives(&self) -> PathBuf {
        self.folder.path().join("archives")
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(PKG);
        command.arg("--root").arg(self.root());
        command
    }

    pub fn pkg<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ended {
        Ended::of(&self.command().args(args).output().expect("pkg runs"))
    }

    /// `pkg install` of these packages.
    pub fn install(&self, packages: &[&Package]) -> Ended {
        let mut args: Vec<PathBuf> = vec!["install".into()];
        args.extend(packages.iter().map(|package| package.archive(&self.archives())));
        self.pkg(args)
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("parent")).expect("folders");
        fs::write(path, text).expect("written");
    }

    pub fn exists(&self, path: &str) -> bool {
        self.path(path).symlink_metadata().is_ok()
    }

    pub fn link(&self, path: &str) -> String {
        fs::read_link(self.path(path)).expect("a link").to_string_lossy().into_owned()
    }

    /// What a package's current program says when it is run.
    pub fn says(&self, name: &str) -> String {
        let program = self.path(&format!("srv/software/{name}/current/default/bin/{name}"));
        let output = Command::new(&program).output().unwrap_or_else(|e| panic!("{}: {e}", program.display()));
        Ended::of(&output).ok().out.trim().to_owned()
    }

    /// Nothing differs from its receipt, and nothing passing is left anywhere.
    #[track_caller]
    pub fn is_clean(&self) {
        let verified = self.pkg(["verify"]);
        assert_eq!(verified.code, 0, "{verified:?}");
        let left: Vec<String> = self.everything().into_keys().filter(|path| path.contains(".pkg-")).collect();
        assert!(left.is_empty(), "left behind: {left:?}");
        let journal = self.everything().into_keys().filter(|path| path.contains("system/journal/")).count();
        assert_eq!(journal, 0, "the journal is empty");
    }

    /// Every path below `srv` with what is there, for comparing states; times and inode numbers left out.
    pub fn everything(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        collect(&self.path("srv"), &self.root(), &mut all);
        all.remove("srv/system/lock");
        // What was done is another thing than what is there.
        all.remove("srv/system/history");
        all
    }
}

fn collect(folder: &Path, root: &Path, all: &mut BTreeMap<String, String>) {
    use std::os::unix::fs::PermissionsExt;
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("entry").path();
        let name = path.strip_prefix(root).expect("below").to_string_lossy().into_owned();
        let meta = path.symlink_metadata().expect("metadata");
        let mode = meta.permissions().mode() & 0o7777;
        if meta.is_symlink() {
            all.insert(name, format!("-> {}", fs::read_link(&path).expect("link").display()));
        } else if meta.is_dir() {
            all.insert(name, format!("folder {mode:o}"));
            collect(&path, root, all);
        } else {
            all.insert(name, format!("{mode:o} {}", fs::read_to_string(&path).expect("text")));
        }
    }
}
