//! A workspace and a store of their own.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use medic_archive::digest;
use medic_model::Arch;

use super::*;
use crate::cache::CacheSettings;
use crate::fetch::{Access, Mirror, Programs, Proxy};
use crate::root::Root;
use crate::sandbox::tests::bench::{remove_image, root_of_busybox};
use crate::sandbox::{Bubblewrap, Docker, RunnerKind};

/// A workspace and a store of their own, and what was reported.
pub struct Fixture {
    folder: tempfile::TempDir,
    store: PathBuf,
    mirror: Mirror,
    keep_going: bool,
    cache: Option<CacheSettings>,
    events: Mutex<Vec<Event>>,
    /// The build root of every recipe.
    root: PathBuf,
    pub kind: RunnerKind,
    runner: Box<dyn Runner>,
}

impl Drop for Fixture {
    fn drop(&mut self) {
        if self.kind == RunnerKind::Bubblewrap {
            return;
        }
        remove_image(&Root { tree: self.root.clone(), identity: crate::key::digest_of(&self.root) });
    }
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
        let fixture = Self {
            folder,
            store,
            mirror,
            keep_going: false,
            cache: None,
            events: Mutex::default(),
            root: "/".into(),
            kind: RunnerKind::Bubblewrap,
            runner: Box::new(Bubblewrap),
        };
        fixture.write("workspace/recipes/toolchain/bin/cc", "#!/bin/sh\nexit 1\n");
        fixture.toolchain();
        fixture
    }

    /// A workspace whose steps are run by this runner, on a small root: a static busybox.
    pub fn on(kind: RunnerKind) -> Self {
        let mut fixture = Self::new();
        fixture.root = fixture.folder.path().join("root");
        root_of_busybox(&fixture.root);
        fixture.run_by(kind)
    }

    /// Another workspace for the same runner, with its store there.
    pub fn again_in(&self, store: &Path) -> Self {
        Self::on(self.kind).with_store(store)
    }

    fn run_by(mut self, kind: RunnerKind) -> Self {
        self.kind = kind;
        let host = std::env::var("DOCKER_HOST").ok();
        self.runner = match kind {
            RunnerKind::Bubblewrap => Box::new(Bubblewrap),
            RunnerKind::Docker => Box::new(Docker::new(host.as_deref(), &self.store)),
        };
        self
    }

    pub fn runner(&self) -> &dyn Runner {
        &*self.runner
    }

    /// The same workspace with its store elsewhere.
    pub fn with_store(mut self, store: &Path) -> Self {
        self.store = store.to_owned();
        let kind = self.kind;
        self.run_by(kind)
    }

    /// Puts a source where recipes find it by its digest.
    pub fn source(&self, bytes: &[u8]) -> Sha256 {
        let digest = digest::of_bytes(bytes).sha256;
        let place = self.folder.path().join("mirror").join(digest.to_string());
        fs_err::write(place, bytes).expect("written");
        digest
    }

    pub fn shell(&self, name: &str, step: Option<&str>) -> Result<Shell, BuildError> {
        let name = name.parse().expect("a name");
        shell::open_shell_on(&self.machine(), &self.settings(), &name, step, self)
    }

    /// A failure is to stop only what depends on it.
    pub fn keep_going(mut self) -> Self {
        self.keep_going = true;
        self
    }

    /// The same workspace with another mirror, and no other.
    pub fn with_mirror(mut self, mirror: Mirror) -> Self {
        self.mirror = mirror;
        self
    }

    /// The same workspace with a cache of results.
    pub fn with_cache(mut self, cache: CacheSettings) -> Self {
        self.cache = Some(cache);
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
        let recipe = fs_err::read_to_string(self.workspace().join(format!("recipes/{name}/recipe.yaml")));
        let has_licence = recipe.is_ok_and(|recipe| recipe.contains("licence_files:"));
        let exceptions = if has_licence {
            ""
        } else {
            "exceptions: [{check: licence-missing, reason: the component of a test}]\n"
        };
        let text = format!("name: {name}\nsummary: x\ncomponents: [{name}]\n{exceptions}");
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

    /// Unless its cache is on the web: nothing else here is.
    fn is_offline(&self) -> bool {
        !self.cache.as_ref().is_some_and(|cache| matches!(cache.place, Mirror::Url(_)))
    }

    pub fn machine(&self) -> Machine<'_> {
        Machine { runner: &*self.runner, root: Some(self.root.clone()), conditions: None }
    }

    pub fn settings(&self) -> Settings {
        Settings {
            workspace: self.workspace(),
            store: self.store.clone(),
            arch: Arch::host().expect("one of ours"),
            jobs: 2,
            memory: 4 << 30,
            keep_going: self.keep_going,
            offline: self.is_offline(),
            access: Access {
                workspace: self.workspace(),
                mirrors: vec![self.mirror.clone()],
                debian: Vec::new(),
                cargo_home: None,
                proxy: Proxy::None,
                programs: Programs::default(),
                offline: self.is_offline(),
                user_agent: "test".to_owned(),
            },
            revision: None,
            runner: self.kind,
            docker_host: None,
            cache: self.cache.clone(),
            command_line: "the test".to_owned(),
            cancel: crate::Cancel::new(),
            started: std::time::SystemTime::now(),
        }
    }
}
