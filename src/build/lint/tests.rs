use std::path::PathBuf;

use super::*;
use crate::checks::Level;

const RECIPE: &str = "name: hello
version: \"1.0\"
released: 2026-01-01
summary: Says hello
homepage: https://example.org/
licence: Zlib
licence_files: [LICENSE]
sources:
  - sha256: 7b6903eb019983987b7112eccf90f1703f1c6c0e0cede36564bf611d19ca579d
    max_size: 2 MiB
    urls: [https://example.org/hello.tar.gz]
    debian: pool/main/h/hello/hello.tar.gz
tools: [make, sh, cc]
steps:
  - name: compile
    run: |
      make -j\"$JOBS\"
  - name: install
    run: make install
";

const PACKAGE: &str = "name: hello
summary: Says hello
components: [hello]
services: {hello: {}}
";

const IMAGE: &str = "name: hello
title: Hello
version_of: hello
packages: [hello]
entrypoint: [/bin/sh]
ports: [80/tcp]
";

const ROOTS: &str = "roots:
  c: {suites: [stable], packages: [make, dash]}
";

/// A workspace without a fault.
struct Space(tempfile::TempDir);

impl Space {
    fn new() -> Self {
        let space = Self(tempfile::tempdir().expect("a folder"));
        let digest = "0".repeat(64);
        let source = format!(
            "sha256: {digest}, max_size: 1 MiB, pypi: {{name: z, version: '1', file: z.whl}}, folder: z"
        );
        let toolchain = format!(
            "name: zig\nversion: 1\nlicence: MIT\nsources:\n  x64: {{{source}}}\n  arm64: {{{source}}}\n"
        );
        space.write("recipes/toolchain/toolchain.yaml", &toolchain);
        space.write("recipes/toolchain/bin/cc", "");
        space.write("recipes/build-roots.yaml", ROOTS);
        space.write("recipes/hello/recipe.yaml", RECIPE);
        space.write("packages/hello/package.yaml", PACKAGE);
        space.write("packages/hello/scripts/run/hello", "#!/bin/sh\nexec hello\n");
        space.runnable("packages/hello/scripts/run/hello");
        space.write("images/hello.yaml", IMAGE);
        space
    }

    fn write(&self, path: &str, text: &str) {
        let place = self.0.path().join(path);
        std::fs::create_dir_all(place.parent().expect("a folder")).expect("made");
        std::fs::write(place, text).expect("written");
    }

    fn runnable(&self, path: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(self.0.path().join(path), mode).expect("set");
    }

    fn recipe(&self, from: &str, to: &str) {
        assert!(RECIPE.contains(from), "{from}");
        self.write("recipes/hello/recipe.yaml", &RECIPE.replacen(from, to, 1));
    }

    fn remarks(&self, recipes: &[&str]) -> Vec<Remark> {
        let recipes: Vec<ComponentName> = recipes.iter().map(|name| name.parse().expect("a name")).collect();
        // 2026-07-01
        let wanted = Wanted { workspace: self.0.path(), recipes: &recipes, now: 1_782_864_000 };
        lint(&wanted).expect("it runs").remarks
    }

    /// What is found, as `file:line rule`, but for shellcheck's own: not every machine has it.
    fn found(&self) -> Vec<String> {
        let remarks = self.remarks(&[]).into_iter().filter(|remark| remark.rule.id != "shellcheck");
        remarks.map(|remark| format!("{}:{} {}", remark.file, remark.line, remark.rule.id)).collect()
    }
}

const FILE: &str = "recipes/hello/recipe.yaml";

#[test]
fn a_faultless_workspace_has_no_remark() {
    assert_eq!(Space::new().found(), [""; 0]);
}

#[test]
fn this_workspace_has_no_error() {
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    let report = lint(&Wanted { workspace: &workspace, recipes: &[], now }).expect("it runs");
    let errors: Vec<_> = report.remarks.iter().filter(|remark| remark.rule.level == Level::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn each_fault_of_a_recipe_is_found_in_its_line() {
    for (from, to, line, rule) in [
        ("version: \"1.0\"", "version: latest", 2, "definition"),
        ("2026-01-01", "2026-07-03", 3, "released-in-future"),
        ("Says hello", "says hello.", 4, "summary-style"),
        ("https://example.org/\n", "http://example.org/\n", 5, "insecure-url"),
        ("licence: Zlib", "licence: GPLv2", 6, "licence-expression"),
        ("licence_files: [LICENSE]\n", "", 6, "licence-files"),
        ("    debian: pool/main/h/hello/hello.tar.gz\n", "", 9, "one-location"),
        ("    max_size: 2 MiB\n", "", 9, "max-size"),
        ("[https://example.org/h", "[http://example.org/h", 11, "insecure-url"),
        ("[make, sh, cc]", "[make, gawk]", 13, "unknown-tool"),
        ("steps:", "root: rust\nsteps:", 14, "unknown-name"),
        ("steps:", "needs: [helo]\nsteps:", 14, "unknown-name"),
        ("steps:", "patches: [a.patch]\nsteps:", 14, "missing-file"),
        ("name: hello", "colour: red\nname: hello", 1, "definition"),
        ("name: hello", "name: helo", 1, "definition"),
        ("steps:", "exceptions: [{check: no-pei, reason: it is mistyped}]\nsteps:", 14, "unknown-exception"),
        ("steps:", "exceptions: [{check: bad-name, reason: it cannot be}]\nsteps:", 14, "unknown-exception"),
        (
            "steps:",
            "exceptions: [{check: one-location, reason: there are two}]\nsteps:",
            14,
            "stale-exception",
        ),
    ] {
        let space = Space::new();
        space.recipe(from, to);
        let found = space.found();
        let expected = format!("{FILE}:{line} {rule}");
        assert!(found.contains(&expected), "{expected}: {found:?}");
    }
    let space = Space::new();
    space.recipe("    debian: pool/main/h/hello/hello.tar.gz\n", "");
    space.write(
        FILE,
        &std::fs::read_to_string(space.0.path().join(FILE))
            .expect("there")
            .replace("steps:", "exceptions: [{check: one-location, reason: upstream has no other}]\nsteps:"),
    );
    assert_eq!(space.found(), [""; 0], "it is meant");
}

#[test]
fn each_fault_of_a_step_is_found_in_its_line() {
    for (step, line, rule) in [
        ("true\n      curl -O https://example.org/x", 18, "step-network"),
        ("true\n\n      x=$(git clone https://example.org/x)", 19, "step-network"),
        ("sudo make install", 17, "step-privilege"),
        ("./configure --prefix=/usr/local", 17, "step-path"),
        ("cp x \"/build/out$PREFIX/bin\"", 17, "step-path"),
        ("cp \"$SYSROOT/zlib/lib/libz.a\" .", 17, "undeclared-need"),
        ("cc -I/sysroot/zlib/include x.c", 17, "undeclared-need"),
        ("make -j4", 17, "fixed-jobs"),
        ("make -j \"$(nproc)\"", 17, "fixed-jobs"),
        ("make\n      cd src # and then?", 18, "cd-without-effect"),
        ("cp x $DESTDIR\"$PREFIX\"/bin", 17, "unquoted-destdir"),
        ("if true; then\n      make", 17, "shell-syntax"),
    ] {
        let space = Space::new();
        space.recipe("make -j\"$JOBS\"", step);
        let found = space.found();
        let at = |line: usize| format!("{FILE}:{line} {rule}");
        // Shells name the line of the end or of the beginning.
        let is_there = found.contains(&at(line))
            || rule == "shell-syntax" && found.iter().any(|one| one.ends_with(rule));
        assert!(is_there, "{step}: {found:?}");
    }
    for good in [
        "echo 'curl it yourself' > note",
        "root=$DESTDIR$PREFIX\n      cp x \"$root/bin\"",
        "cd src\n      make",
        "(cd src; make)",
        "cat > x <<END\n      curl /usr/local $DESTDIR\n      END",
        "make -j1 install",
        "echo \"a /usr/share/x\"",
    ] {
        let space = Space::new();
        space.recipe("make -j\"$JOBS\"", good);
        assert_eq!(space.found(), [""; 0], "{good}");
    }
}

#[test]
fn what_is_beside_a_recipe_is_named_by_it() {
    let space = Space::new();
    space.write("recipes/hello/forgotten.patch", "");
    space.write("recipes/hello/.hidden", "");
    space.write("recipes/empty/notes", "");
    assert_eq!(
        space.found(),
        ["recipes/empty:1 stray-folder", "recipes/hello/forgotten.patch:1 unused-file"]
    );
}

#[test]
fn a_circle_and_every_unreadable_document_are_told_at_once() {
    let space = Space::new();
    space.recipe("steps:", "needs: [other]\nsteps:");
    space.write(
        "recipes/other/recipe.yaml",
        &RECIPE.replace("name: hello", "name: other").replace("steps:", "needs: [hello]\nsteps:"),
    );
    space.write("recipes/broken/recipe.yaml", "name: [");
    space.write("packages/broken/package.yaml", "name: broken\n");
    space.write("images/broken.yaml", "name: broken\n");
    let found = space.found();
    assert_eq!(found.iter().filter(|one| one.ends_with(" definition")).count(), 4, "{found:?}");
}

#[test]
fn only_the_recipes_asked_for_are_looked_at() {
    let space = Space::new();
    space.recipe("licence: Zlib", "licence: GPLv2");
    space.write("recipes/other/recipe.yaml", &RECIPE.replace("name: hello", "name: other"));
    assert_eq!(space.remarks(&["other"]), []);
    assert_eq!(space.remarks(&["hello"]).len(), 1);
    let absent = space.remarks(&["otter"]);
    assert!(absent[0].message.contains("did you mean 'other'?"), "{absent:?}");
}

#[test]
fn each_fault_of_a_package_is_found() {
    let script = "packages/hello/scripts/run/hello";
    let with = |path: &str, text: &str| {
        let space = Space::new();
        space.write(path, text);
        space.found()
    };
    assert_eq!(with(script, "exec hello\n"), ["packages/hello/scripts/run/hello:1 script-shebang"]);
    assert_eq!(with(script, "#!/bin/bash\n"), ["packages/hello/scripts/run/hello:1 script-shebang"]);
    assert_eq!(with("packages/hello/scripts/env", "A=1\n"), [""; 0], "it is sourced");
    assert_eq!(
        with("packages/hello/scripts/setup/10-x", "#!/bin/sh\nif\n")
            .iter()
            .map(|one| one.split(' ').nth(1))
            .collect::<Vec<_>>(),
        [Some("script-mode"), Some("shell-syntax")]
    );
    assert_eq!(
        with("packages/hello/scripts/run/other", "#!/bin/sh\n"),
        [
            "packages/hello/scripts/run/other:1 script-mode",
            "packages/hello/scripts/run/other:1 service-script"
        ]
    );
    let file = "packages/hello/package.yaml";
    assert_eq!(
        with(file, &PACKAGE.replace("{hello: {}}", "{hello: {}, more: {}}")),
        ["packages/hello/package.yaml:4 service-script"]
    );
    let mut names = with(file, &PACKAGE.replace("[hello]", "[helo]\ndepends: [absent]"));
    names.retain(|one| one.starts_with("packages/"));
    assert_eq!(
        names,
        ["packages/hello/package.yaml:3 unknown-name", "packages/hello/package.yaml:4 unknown-name"]
    );
    let key = format!("-----BEGIN {}-----\nMC4CAQAwBQYDK2VwBCIEIGbR1xCq3zq0hQn5w7YzK1m8s\n", "PRIVATE KEY");
    assert_eq!(
        with("packages/hello/settings/key.pem", &key),
        ["packages/hello/settings/key.pem:1 setting-secret"]
    );
}

#[test]
fn each_fault_of_an_image_is_found() {
    let with = |from: &str, to: &str| {
        let space = Space::new();
        space.write(
            "packages/base/package.yaml",
            "name: base\nsummary: x\ncomponents: [hello]\nusers: [{name: web, id: 7}]\n",
        );
        space.write(
            "packages/hello/package.yaml",
            &format!("{PACKAGE}depends: [base]\nusers: [{{name: app, id: 7}}]\n"),
        );
        space.write("images/hello.yaml", &IMAGE.replace("[hello]", "[hello, base]").replace(from, to));
        space.found()
    };
    assert_eq!(with("absent", ""), ["images/hello.yaml:4 user-conflict"]);
    assert!(with("80/tcp", "80/tcp, 80/tcp").contains(&"images/hello.yaml:6 port-twice".to_owned()));
    assert_eq!(with("[hello, base]", "[hello]"), ["images/hello.yaml:4 image-incomplete"]);
    assert!(with("[hello, base]", "[hello, bse]").contains(&"images/hello.yaml:4 unknown-name".to_owned()));
}
