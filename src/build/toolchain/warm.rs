//! The compiler's cache. Zig compiles its C library on first use, half a minute; `warm`, a program among the wrappers,
//! makes it do so once, and every build begins with a copy of the cache that this leaves. It saves time only.

use std::fs;
use std::path::{Path, PathBuf};

use medic_model::Arch;

use super::{Toolchain, ToolchainPlan};
use crate::error::BuildError;
use crate::key::digest_of;
use crate::log::{Log, tail};
use crate::root::Root;
use crate::sandbox::{Conditions, Limits, Mount, Runner, SandboxPlan};
use crate::store::{Store, StoreError, make_folder};

/// The program among the wrappers that fills the cache.
const PROGRAM: &str = "warm";
/// Where the wrappers have Zig keep its cache, below `/build`.
const CACHE: &str = ".zig-cache";
/// How many of its last lines are shown when it fails.
const LINES: usize = 12;

/// Whether the toolchain has a program that fills its cache.
pub(super) fn is_possible(wrappers: &Path) -> bool {
    wrappers.join(PROGRAM).exists()
}

/// What a cache is called: it is of no use to another toolchain or architecture. The root has no part in it: the C library
/// comes with the compiler.
pub(super) fn cache_name(plan: &ToolchainPlan, arch: Arch) -> String {
    format!("cache-{}", digest_of(&(&plan.identity, arch)))
}

/// Has the program fill a cache, and puts it in its place.
///
/// # Errors
/// The program fails: the toolchain is of no use; the disk.
pub(super) fn fill(
    toolchain: &Toolchain,
    store: &Store,
    root: &Root,
    arch: Arch,
    runner: &dyn Runner,
    place: &Path,
) -> Result<(), BuildError> {
    let build = store.work_folder("toolchain-cache")?;
    let log = store.layout().root().join("logs").join(format!("toolchain-{arch}.log"));
    run(toolchain, root, arch, runner, &build, &log)?;
    let made = build.join(CACHE);
    make_folder(&made)?;
    store.keep_folder(&made, place)?;
    Ok(crate::store::remove_all(&build)?)
}

fn run(
    toolchain: &Toolchain,
    root: &Root,
    arch: Arch,
    runner: &dyn Runner,
    build: &Path,
    log: &Path,
) -> Result<(), BuildError> {
    let mut log = Log::create(log)?;
    log.heading(&runner.isolation())?;
    let ending = runner.run(&sandbox_plan(toolchain, root, arch, build), log.file())?;
    if ending.is_success() {
        return Ok(());
    }
    Err(BuildError::Environment {
        what: "trying the toolchain (recipes/toolchain/bin/warm)".to_owned(),
        message: format!(
            "it {ending}:\n  {}\nits log: {}",
            tail(log.path(), LINES).join("\n  "),
            log.path().display()
        ),
    })
}

fn sandbox_plan(toolchain: &Toolchain, root: &Root, arch: Arch, build: &Path) -> SandboxPlan {
    let environment = [
        ("HOME", "/build"),
        ("LC_ALL", "C.UTF-8"),
        ("PATH", "/toolchain/bin:/usr/bin:/bin"),
        ("TARGET", arch.target()),
        ("TZ", "UTC"),
    ];
    SandboxPlan {
        root: root.clone(),
        mounts: vec![
            Mount::read_only(&toolchain.zig, "/toolchain/zig"),
            Mount::read_only(&toolchain.wrappers, "/toolchain/bin"),
            Mount::writable(build, "/build"),
        ],
        environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        folder: "/build".to_owned(),
        arguments: vec![format!("/toolchain/bin/{PROGRAM}")],
        limits: Limits::default(),
        conditions: Conditions::default(),
    }
}

impl Toolchain {
    /// Lays a copy of the cache into a fresh build folder.
    ///
    /// # Errors
    /// The disk.
    pub fn lay_cache(&self, build: &Path) -> Result<(), StoreError> {
        let Some(cache) = &self.cache else { return Ok(()) };
        let mut folders: Vec<(PathBuf, PathBuf)> = vec![(cache.clone(), build.join(CACHE))];
        while let Some((from, to)) = folders.pop() {
            make_folder(&to)?;
            for entry in fs::read_dir(&from).map_err(StoreError::from_io("read the folder", &from))? {
                let entry = entry.map_err(StoreError::from_io("read the folder", &from))?;
                let (from, to) = (entry.path(), to.join(entry.file_name()));
                let kind = entry.file_type().map_err(StoreError::from_io("read", &from))?;
                if kind.is_dir() {
                    folders.push((from, to));
                } else if kind.is_file() {
                    fs::copy(&from, &to).map_err(StoreError::from_io("write", &to))?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_build_gets_its_own_copy_of_the_cache() {
        let folder = tempfile::tempdir().expect("a folder");
        let (cache, build) = (folder.path().join("cache"), folder.path().join("build"));
        fs_err::create_dir_all(cache.join("o/1")).expect("made");
        fs_err::write(cache.join("o/1/libc.a"), "c").expect("written");
        let toolchain =
            Toolchain { zig: PathBuf::new(), wrappers: PathBuf::new(), cache: Some(cache.clone()) };
        toolchain.lay_cache(&build).expect("copied");
        fs_err::write(build.join(CACHE).join("o/1/libc.a"), "changed").expect("written");
        assert_eq!(fs_err::read_to_string(cache.join("o/1/libc.a")).expect("there"), "c");
    }
}
