//! `new` and `build`: a first recipe for each kind of project, built in the sandbox, its program run.

use std::path::PathBuf;
use std::process::Command;

use medic_tests::command::call;
use medic_tests::fixture::Fixture;
use medic_tests::folder_server::FolderServer;
use medic_tests::run;

const USAGE: i32 = 2;
const INPUT: i32 = 3;
const FETCH: i32 = 4;

const PROGRAM: &str = "#include <stdio.h>\nint main(void) { puts(\"tock\"); return 0; }\n";
const LICENCE: &str = "All rights reserved to nobody at all.\n";

/// Writes an archive `sources/<name>-1.0.tar.gz` into the workspace.
fn archive(fixture: &Fixture, name: &str, files: &[(&str, &str)]) -> String {
    for (file, text) in files {
        fixture.write(&format!("sources/{name}-1.0/{file}"), text);
    }
    let script = format!(
        "cd {0}/sources && find {name}-1.0 -exec touch -d 2026-01-02T00:00:00Z {{}} + && \
         {{ [ ! -e {name}-1.0/configure ] || chmod +x {name}-1.0/configure; }} && tar -czf {name}-1.0.tar.gz {name}-1.0",
        fixture.join("").display()
    );
    call("sh", &["-c", &script]).success();
    format!("sources/{name}-1.0.tar.gz")
}

/// Builds components; the folder of each result.
#[track_caller]
fn build(fixture: &Fixture, names: &[&str]) -> Vec<PathBuf> {
    let said = fixture.xtask(&[&["build", "--json"], names].concat()).success();
    let answer: serde_json::Value = serde_json::from_str(said.text()).expect("JSON");
    let components = answer["components"].as_array().expect("a list");
    let tree = |name: &&str| {
        let one = components.iter().find(|one| one["name"] == **name).expect("it is listed");
        PathBuf::from(one["tree"].as_str().expect("a path"))
    };
    names.iter().map(tree).collect()
}

/// A project's name, what it is recognised as, and its files by their names.
type Kind<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

#[test]
fn a_small_project_of_each_kind_is_built_and_its_program_runs() {
    let fixture = Fixture::new("new-kinds");
    let configure = "#!/bin/sh\nfor option; do case $option in --prefix=*) prefix=${option#--prefix=} ;; esac; done\nsed \"s|@prefix@|$prefix|\" Makefile.in > Makefile\n";
    let makefile = "prefix = @prefix@\ntock: tock.c\n\t$(CC) $(CFLAGS) $(LDFLAGS) -o tock tock.c\ninstall: tock\n\tmkdir -p $(DESTDIR)$(prefix)/bin\n\tcp tock $(DESTDIR)$(prefix)/bin/\n";
    let plain = "tock: tock.c\n\t$(CC) -o tock tock.c\n";
    let own = "PREFIX = /usr/local\nDESTDIR = $(PREFIX)/bin\ntock: tock.c\n\t$(CC) -o tock tock.c\ninstall: tock\n\tmkdir -p $(DESTDIR)\n\tcp tock $(DESTDIR)/tock\n";
    let ac = "AC_INIT([tock], [1.0])\nAM_INIT_AUTOMAKE([foreign])\nAC_PROG_CC\nAC_CONFIG_FILES([Makefile])\nAC_OUTPUT\n";
    let cmake = "cmake_minimum_required(VERSION 3.16)\nproject(tock VERSION 1.0 DESCRIPTION \"Says tock\" LANGUAGES C)\nadd_executable(tock tock.c)\ninstall(TARGETS tock)\n";
    let c = ("tock.c", PROGRAM);
    let kinds: [Kind<'_>; 6] = [
        ("tock-configure", "configure", &[c, ("configure", configure), ("Makefile.in", makefile)]),
        (
            "tock-autoreconf",
            "autotools (without configure)",
            &[c, ("configure.ac", ac), ("Makefile.am", "bin_PROGRAMS = tock\ntock_SOURCES = tock.c\n")],
        ),
        ("tock-cmake", "CMake", &[c, ("CMakeLists.txt", cmake)]),
        ("tock-make", "make", &[c, ("Makefile", plain)]),
        ("tock-make-own", "make", &[c, ("Makefile", own)]),
        ("tock-make-staged", "make", &[c, ("Makefile", &makefile.replace("@prefix@", "/usr"))]),
    ];
    for (name, kind, files) in &kinds {
        let path = archive(&fixture, name, &[*files, &[("LICENSE", LICENCE)][..]].concat());
        let said = fixture.xtask(&["new", name, &path, "--json"]).success();
        let answer: serde_json::Value = serde_json::from_str(said.text()).expect("JSON");
        assert_eq!(answer["kind"], *kind, "{name}");
        let text =
            std::fs::read_to_string(fixture.join(&format!("recipes/{name}/recipe.yaml"))).expect("written");
        assert!(text.contains("\nversion: \"1.0\"\nreleased: 2026-01-02\n"), "{text}");
        let licence = text
            .lines()
            .position(|line| line.starts_with("licence: UNKNOWN # FILL IN"))
            .expect("to be filled in");
        assert!(
            answer["fill_in"].as_array().expect("a list").iter().any(|gap| gap["line"] == licence + 1),
            "{answer}"
        );
    }
    let names: Vec<&str> = kinds.iter().map(|(name, ..)| *name).collect();
    for (tree, name) in build(&fixture, &names).iter().zip(&names) {
        let said = call(&tree.join("bin/tock").to_string_lossy(), &[]).success();
        assert_eq!(said.text(), "tock", "{name}");
    }
    let again = fixture.xtask(&["build", names[0]]).success();
    assert!(again.stdout.contains("tock-configure 1.0: up to date: "), "{}", again.stdout);
}

#[test]
fn an_npm_project_is_built_with_what_it_depends_on() {
    let fixture = Fixture::new("new-npm");
    let package = r#"{"name": "odd", "version": "1.0.0", "license": "MIT", "description": "Odd or not", "bin": "cli.js",
        "dependencies": {"is-odd": "3.0.1"}, "scripts": {"install": "touch /tmp/medic-os-ran", "postinstall": "exit 1"}}"#;
    let program =
        "#!/usr/bin/env node\nconsole.log(require('is-odd')(Number(process.argv[2])) ? 'odd' : 'even');\n";
    let path =
        archive(&fixture, "odd", &[("package.json", package), ("cli.js", program), ("LICENSE", LICENCE)]);
    let said = fixture.xtask(&["new", "odd", &path]).success();
    assert!(said.stdout.contains("is-odd@3.0.1") && said.stdout.contains("is-number@"), "{}", said.stdout);
    let text = std::fs::read_to_string(fixture.join("recipes/odd/recipe.yaml")).expect("written");
    assert!(text.contains("npm: {name: is-odd, version: 3.0.1}\n    into: node_modules/is-odd\n"), "{text}");
    assert!(text.contains("\nlicence: MIT #") && !text.contains("https://r"), "{text}");
    let tree = build(&fixture, &["odd"]).remove(0);
    for (number, says) in [("3", "odd"), ("4", "even")] {
        let program = tree.join("bin/odd").to_string_lossy().into_owned();
        assert_eq!(call("node", &[&program, number]).success().text(), says);
    }
}

#[test]
fn real_upstreams_of_each_kind_are_built_and_run() {
    let fixture = Fixture::new("new-upstreams");
    for (name, from) in [
        ("hello", "debian:pool/main/h/hello/hello_2.10.orig.tar.gz"),
        ("md4c", "debian:pool/main/m/md4c/md4c_0.4.8.orig.tar.gz"),
        ("tree", "debian:pool/main/t/tree/tree_2.1.0.orig.tar.gz"),
        ("semver", "npm:semver@7.5.4"),
    ] {
        // The fixture's own.
        call("rm", &["-rf", &fixture.join(&format!("recipes/{name}")).to_string_lossy()]).success();
        fixture.xtask(&["new", name, from]).success();
    }
    let licence = |name: &str| {
        let text =
            std::fs::read_to_string(fixture.join(&format!("recipes/{name}/recipe.yaml"))).expect("written");
        text.lines().find_map(|line| line.strip_prefix("licence: ")?.split(" #").next().map(str::to_owned))
    };
    let licences = ["hello", "md4c", "tree", "semver"].map(|name| licence(name).unwrap_or_default());
    assert_eq!(licences, ["GPL-3.0-or-later", "MIT", "GPL-2.0-or-later", "ISC"]);
    let trees = build(&fixture, &["hello", "md4c", "tree", "semver"]);
    let program = |tree: &PathBuf, name: &str| tree.join("bin").join(name).to_string_lossy().into_owned();
    assert_eq!(call(&program(&trees[0], "hello"), &[]).success().text(), "Hello, world!");
    let page = call("sh", &["-c", "echo '*x*' | \"$0\"", &program(&trees[1], "md2html")]).success();
    assert_eq!(page.text(), "<p><em>x</em></p>");
    let version = call(&program(&trees[2], "tree"), &["--version"]).success();
    assert!(version.stdout.contains("tree v2.1.0"), "{}", version.stdout);
    let higher = call("node", &[&program(&trees[3], "semver"), "1.0.0", "2.0.0", "--range", ">1"]).success();
    assert_eq!(higher.text(), "2.0.0");
}

#[test]
fn an_archive_from_a_server_is_taken_and_what_is_wrong_is_refused() {
    let fixture = Fixture::new("new-refused");
    let path = archive(&fixture, "tock", &[("Makefile", "tock:\n"), ("LICENSE", LICENCE)]);
    let server = FolderServer::of(&fixture.join("sources"));
    let url = server.url("tock-1.0.tar.gz");
    let new = |arguments: &[&str]| {
        run(fixture.command(&[&["new"], arguments].concat()).env("NO_PROXY", "127.0.0.1"))
    };
    let shown = new(&["tock", &url, "--dry-run"]).success();
    assert!(
        shown.stdout.contains(&format!("urls: [\"{url}\"]"))
            || shown.stdout.contains(&format!("urls: [{url}]")),
        "{}",
        shown.stdout
    );
    assert!(!fixture.join("recipes/tock").exists(), "a dry run writes nothing");
    new(&["tock", &url]).success();
    let text = std::fs::read_to_string(fixture.join("recipes/tock/recipe.yaml")).expect("written");
    new(&["tock", &path]).ended_with(INPUT).says("is there already");
    assert_eq!(std::fs::read_to_string(fixture.join("recipes/tock/recipe.yaml")).expect("there"), text);
    new(&["../tock", &path]).ended_with(USAGE);
    new(&["other", "npm:left-pad"]).ended_with(INPUT).says("NAME@VERSION");
    new(&["other", "/etc/passwd"]).ended_with(INPUT).says("/etc/passwd");
    new(&["other", &server.url("absent-1.0.tar.gz")]).ended_with(FETCH).says("404");
    new(&["other", &url, "--offline"]).ended_with(FETCH).says("--offline");
    fixture.write("sources/text-1.0.tar.gz", "no archive at all");
    new(&["other", "sources/text-1.0.tar.gz"]).ended_with(FETCH).says("not an archive");
    let meson = archive(&fixture, "meson", &[("meson.build", "project('x')\n")]);
    new(&["other", &meson]).ended_with(INPUT).says("meson.build").says("docs/recipes.md");
    let hostile = "import tarfile, io\nt = tarfile.open('sources/evil-1.0.tar', 'w')\ni = tarfile.TarInfo('../../evil')\nt.addfile(i, io.BytesIO(b''))\n";
    run(Command::new("python3").args(["-c", hostile]).current_dir(fixture.join(""))).success();
    new(&["other", "sources/evil-1.0.tar"]).ended_with(FETCH).says("leads upwards");
    assert!(!fixture.join("recipes/other").exists(), "something was left behind");
}
