//! What is run for a component, and in which sandboxes. Pure.

use medic_model::recipe::Recipe;
use medic_model::{RelPath, Span};

use super::{Bench, Build};
use crate::sandbox::{Limits, Mount, SandboxPlan};

/// One program run for a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Shown while it runs, and heading its part of the log.
    pub name: String,
    /// The shell text.
    pub script: String,
    /// What it is given, as `$1` and so on.
    pub arguments: Vec<String>,
    /// Whether what was built may no longer be changed: a test looks at it only.
    pub read_only_result: bool,
    /// Whether it is the recipe's own first one: the sources are as it will find them.
    pub first_of_recipe: bool,
}

impl Step {
    /// The file that the shell reads it from: the shell names it, with the line, in its own errors.
    pub fn file_name(&self, number: usize) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "._+-".contains(c) { c } else { '-' };
        let name: String = self.name.chars().map(plain).take(40).collect();
        format!("{number:02}-{name}")
    }
}

const PATCH: &str = "patch -p1 --fuzz=0 --batch --no-backup-if-mismatch --input=\"$1\"\n";
/// Run in the sandbox too: what the steps left may hold links that lead anywhere.
const LICENCES: &str =
    "folder=$1\nshift\nmkdir -p \"$folder\"\nfor text do cp -- \"$text\" \"$folder/\"; done\n";

/// Everything that is run, in order: patches, the recipe's steps, the copying of licence texts, the test.
pub fn steps(build: &Build<'_>) -> Vec<Step> {
    let recipe = build.recipe;
    let patches = recipe.patches.iter().map(patch);
    let own = recipe.steps.iter().enumerate().map(|(index, step)| Step {
        first_of_recipe: index == 0,
        ..plain(step.name.clone(), step.run.clone())
    });
    let test = recipe.test.iter().filter(|_| build.test);
    let test = test.map(|run| Step { read_only_result: true, ..plain("test".to_owned(), run.clone()) });
    patches.chain(own).chain(licences(build)).chain(test).collect()
}

fn plain(name: String, script: String) -> Step {
    Step { name, script, arguments: Vec::new(), read_only_result: false, first_of_recipe: false }
}

fn patch(path: &RelPath) -> Step {
    let arguments = vec![format!("/patches/{path}")];
    Step { arguments, ..plain(format!("patch {path}"), PATCH.to_owned()) }
}

fn licences(build: &Build<'_>) -> Option<Step> {
    let recipe = build.recipe;
    if recipe.licence_files.is_empty() {
        return None;
    }
    let prefix = crate::sandbox::environment::prefix(&recipe.name);
    let folder = format!("/build/out{prefix}/share/licenses/{}", recipe.name);
    let texts = recipe.licence_files.iter().map(|path| format!("/build/src/{path}"));
    let arguments = [folder].into_iter().chain(texts).collect();
    Some(Step { arguments, ..plain("licences".to_owned(), LICENCES.to_owned()) })
}

/// The sandbox of a step that may run so many programs at once.
pub fn sandbox(build: &Build<'_>, bench: &Bench, number: usize, step: &Step, jobs: usize) -> SandboxPlan {
    let mut mounts = vec![
        Mount::read_only(&build.toolchain.zig, "/toolchain/zig"),
        Mount::read_only(&build.toolchain.wrappers, "/toolchain/bin"),
        Mount::read_only(&bench.sysroot, "/sysroot"),
        Mount::read_only(&bench.patches, "/patches"),
        Mount::read_only(&bench.steps, "/steps"),
        Mount::writable(&bench.build, "/build"),
        Mount::read_only(&bench.files, "/build/files"),
    ];
    mounts.extend(build.needs.iter().map(|(need, tree)| Mount::read_only(tree, format!("/sysroot/{need}"))));
    if step.read_only_result {
        mounts.push(Mount::read_only(&bench.out, "/build/out"));
    }
    let mut environment = build.inputs.environment.clone();
    environment.insert("JOBS".to_owned(), jobs.to_string());
    build.conditions.change(&mut environment);
    let shell = ["/bin/sh".to_owned(), "-eu".to_owned(), format!("/steps/{}", step.file_name(number))];
    SandboxPlan {
        root: build.root.clone(),
        mounts,
        environment,
        folder: "/build/src".to_owned(),
        arguments: shell.into_iter().chain(step.arguments.clone()).collect(),
        limits: limits(build.recipe),
        conditions: build.conditions.clone(),
    }
}

/// What a recipe's steps may use: as much memory and time as it says that they need.
fn limits(recipe: &Recipe) -> Limits {
    let usual = Limits::default();
    Limits {
        memory: recipe.memory.map_or(usual.memory, |memory| memory.0),
        time: recipe.time_limit.map_or(usual.time, Span::duration),
        ..usual
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::tests::inputs;
    use crate::root::Root;
    use crate::sandbox::Conditions;
    use crate::schedule::Jobs;
    use crate::toolchain::Toolchain;
    use medic_model::{ComponentName, Sha256};
    use std::path::PathBuf;

    const RECIPE: &str = "name: nginx
version: \"1\"
released: 2026-01-01
summary: x
homepage: https://example.org
licence: Zlib
licence_files: [LICENSE, doc/COPYING]
memory: 2 GiB
patches: [first.patch, second.patch]
needs: [zlib]
steps:
  - {name: configure it/.., run: ./configure}
  - {name: compile, run: make}
test: bin/nginx -V
";

    fn with_build<T>(test: bool, look: impl FnOnce(&Build<'_>) -> T) -> T {
        let recipe = Recipe::from_yaml("recipe.yaml", RECIPE).expect("valid");
        let zlib: ComponentName = "zlib".parse().expect("a name");
        let root = Root { tree: "/store/root".into(), identity: Sha256::from_bytes([0; 32]) };
        let toolchain = Toolchain { zig: "/store/zig".into(), wrappers: "/store/bin".into(), cache: None };
        look(&Build {
            recipe: &recipe,
            folder: PathBuf::new(),
            sources: &[],
            inputs: inputs(),
            needs: vec![(&zlib, "/store/trees/z".into())],
            root: &root,
            toolchain: &toolchain,
            jobs: Jobs(&|| 7),
            conditions: &Conditions::default(),
            test,
            own_paths: Vec::new(),
        })
    }

    #[test]
    fn patches_steps_licences_and_the_test_run_in_this_order() {
        let names =
            |test| with_build(test, |build| steps(build).iter().map(|s| s.name.clone()).collect::<Vec<_>>());
        let expected =
            ["patch first.patch", "patch second.patch", "configure it/..", "compile", "licences", "test"];
        assert_eq!(names(true), expected);
        assert_eq!(names(false), expected[..5]);
        let steps = with_build(true, steps);
        assert_eq!(steps[0].arguments, ["/patches/first.patch"]);
        let folder = "/build/out/srv/software/nginx/current/default/share/licenses/nginx";
        assert_eq!(steps[4].arguments, [folder, "/build/src/LICENSE", "/build/src/doc/COPYING"]);
        assert_eq!(
            steps.iter().map(|step| step.first_of_recipe).collect::<Vec<_>>(),
            [false, false, true, false, false, false]
        );
        assert_eq!(steps[2].file_name(3), "03-configure-it-..");
    }

    #[test]
    fn a_step_is_given_everything_declared_and_a_test_cannot_change_the_result() {
        let plan = |index: usize| {
            with_build(true, |build| {
                let step = &steps(build)[index];
                sandbox(build, &Bench::new("/work".into()), index + 1, step, 3)
            })
        };
        let compile = plan(3);
        assert_eq!(compile.arguments, ["/bin/sh", "-eu", "/steps/04-compile"]);
        assert_eq!((compile.folder.as_str(), compile.environment["JOBS"].as_str()), ("/build/src", "3"));
        assert_eq!(compile.limits, Limits { memory: 2 << 30, ..Limits::default() });
        let writable: Vec<_> = compile.mounts.iter().filter(|mount| mount.writable).collect();
        assert_eq!(writable, [&Mount::writable("/work/build", "/build")]);
        assert!(compile.mounts.contains(&Mount::read_only("/store/trees/z", "/sysroot/zlib")));
        assert!(!compile.mounts.iter().any(|mount| mount.guest == "/build/out"));
        assert_eq!(plan(5).mounts.last(), Some(&Mount::read_only("/work/build/out", "/build/out")));
        assert_eq!(plan(0).arguments[3], "/patches/first.patch");
    }

    #[test]
    fn a_recipe_may_say_how_long_a_step_takes() {
        let recipe =
            |more: &str| Recipe::from_yaml("recipe.yaml", &format!("{RECIPE}{more}")).expect("valid");
        assert_eq!(limits(&recipe("time_limit: 90s\n")).time.as_secs(), 90);
        assert_eq!(limits(&recipe("")).time, Limits::default().time);
    }
}
