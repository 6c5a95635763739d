//! A workspace and a store of their own.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use medic_archive::digest;
use medic_model::Arch;

use super::*;
use crate::fetch::{Access, Mirror, Programs, Proxy};
use crate::sandbox::{Bubblewrap, RunnerKind};

/// A workspace and a store of their own, and what was reported.
pub struct Fixture {
    folder: tempfile::TempDir,
    store: PathBuf,
    mirror: Mirror,
    events: Mutex<Vec<Event>>,
}

impl Reporter for Fixture {
    fn report(&self, event: Event) {
        self.events.lock().expect("not poisoned").push(event);
    }
}

impl Fixture {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = folder.path().join("store");
        let mirror = Mirror::Directory(folder.path().join("mirror"));
        let fixture = Self { folder, store, mirror, events: Mutex::default() };
        fixture.write("workspace/recipes/toolchain/bin/cc", "#!/bin/sh\nexit 1\n");
        fixture.toolchain();
        fixture
    }

    /// The same workspace with its store elsewhere.
    pub fn with_store(mut self, store: &Path) -> Self {
        self.store = store.to_owned();
        self
    }

    /// The same workspace with another mirror, and no other.
    pub fn with_mirror(mut self, mirror: Mirror) -> Self {
        self.mirror = mirror;
        self
    }

    /// A distribution with no compiler in it: no recipe here compiles.
    fn toolchain(&self) {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(0);
        header.set_mode(0o755);
        tar.append_data(&mut header, "ziglang/zig", &[][..]).expect("appended");
        let bytes = tar.into_inner().expect("finished");
        let digest = digest::of_bytes(&bytes).sha256;
        let mirror = self.folder.path().join("mirror");
        fs_err::create_dir_all(&mirror).expect("made");
        fs_err::write(mirror.join(digest.to_string()), bytes).expect("written");
        let source = format!(
            "    sha256: {digest}\n    max_size: 1 MiB\n    pypi: {{name: z, version: '1', file: z.whl}}\n    folder: ziglang\n"
        );
        let text =
            format!("name: zig\nversion: 1\nlicence: MIT\nsources:\n  x64:\n{source}  arm64:\n{source}");
        self.write("workspace/recipes/toolchain/toolchain.yaml", &text);
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = if path.starts_with("recipes/") || path.starts_with("packages/") {
            self.workspace().join(path)
        } else {
            self.folder.path().join(path)
        };
        fs_err::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs_err::write(path, text).expect("written");
    }

    #[track_caller]
    pub fn change(&self, path: &str, from: &str, to: &str) {
        let text = fs_err::read_to_string(self.workspace().join(path)).expect("there");
        assert!(text.contains(from), "{path} does not hold {from}");
        self.write(path, &text.replacen(from, to, 1));
    }

    /// A recipe with one source, `hello.txt`, and one step.
    pub fn recipe(&self, name: &str, more: &str, steps: &str) {
        let text = format!("hello, {name}\n");
        let path = format!("recipes/{name}/hello.txt");
        self.write(&path, &text);
        let digest = digest::of_bytes(text.as_bytes()).sha256;
        let recipe = format!(
            "name: {name}\nversion: \"1\"\nreleased: 2026-01-01\nsummary: x\nhomepage: https://example.org\nlicence: Zlib\n{more}sources:\n  - sha256: {digest}\n    path: {path}\n    unpack: false\nsteps:\n  - name: make it\n    run: |{steps}\n"
        );
        self.write(&format!("recipes/{name}/recipe.yaml"), &recipe);
    }

    /// A package of the component of the same name.
    pub fn package(&self, name: &str) {
        let text = format!("name: {name}\nsummary: x\ncomponents: [{name}]\n");
        self.write(&format!("packages/{name}/package.yaml"), &text);
    }

    pub fn build(&self, names: &[&str]) -> Result<Vec<BuiltComponent>, BuildError> {
        let names: Vec<_> = names.iter().map(|name| name.parse().expect("a name")).collect();
        build_components_on(&self.machine(), &self.settings(), &names, self)
    }

    pub fn fetch(&self, names: &[&str]) -> Result<Vec<Fetched>, BuildError> {
        let names: Vec<_> = names.iter().map(|name| name.parse().expect("a name")).collect();
        fetch_sources(&self.settings(), &names, self)
    }

    pub fn vendor(&self, names: &[&str], folder: &Path) -> Result<Vec<Vendored>, BuildError> {
        let names: Vec<_> = names.iter().map(|name| name.parse().expect("a name")).collect();
        vendor(&self.settings(), &names, folder, self)
    }

    pub fn why(&self, names: &[&str]) -> Result<Vec<Rebuild>, BuildError> {
        let names: Vec<_> = names.iter().map(|name| name.parse().expect("a name")).collect();
        rebuild::why_rebuild_on(&self.machine(), &self.settings(), &names, self)
    }

    pub fn pack(&self, names: &[&str]) -> Result<Vec<BuiltPackage>, BuildError> {
        let names: Vec<_> = names.iter().map(|name| name.parse().expect("a name")).collect();
        build_packages_on(&self.machine(), &self.settings(), &names, self)
    }

    /// Everything that was reported so far, as text.
    pub fn events(&self) -> Vec<String> {
        self.events.lock().expect("not poisoned").iter().map(|event| format!("{event:?}")).collect()
    }

    pub fn workspace(&self) -> PathBuf {
        self.folder.path().join("workspace")
    }

    pub fn store(&self) -> &Path {
        &self.store
    }

    fn machine(&self) -> Machine<'static> {
        Machine { runner: &Bubblewrap, root: Some("/".into()), conditions: None }
    }

    pub fn settings(&self) -> Settings {
        Settings {
            workspace: self.workspace(),
            store: self.store.clone(),
            arch: Arch::host().expect("one of ours"),
            jobs: 2,
            offline: true,
            access: Access {
                workspace: self.workspace(),
                mirrors: vec![self.mirror.clone()],
                debian: Vec::new(),
                cargo_home: None,
                proxy: Proxy::None,
                programs: Programs::default(),
                offline: true,
                user_agent: "test".to_owned(),
            },
            runner: RunnerKind::default(),
            docker_host: None,
            command_line: "the test".to_owned(),
        }
    }
}
