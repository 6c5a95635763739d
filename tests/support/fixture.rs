//! A small workspace as a packager writes it: one recipe of a C program, one package with a service, and the real
//! toolchain and build roots, so that the real builder builds it in a second.

use std::path::PathBuf;
use std::process::Command;

use crate::Scratch;
use crate::command::{Outcome, call, run};
use crate::xtask::{in_workspace, xtask};

const PROGRAM: &str = r#"/* Copy it as you like. */
#include <stdio.h>
#include <unistd.h>

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (;;) {
        puts("hello, world");
        sleep(1);
    }
}
"#;

const RECIPE: &str = r#"name: hello
version: "1.0"
released: 2026-01-01
summary: Says hello once a second
homepage: https://example.org/hello
licence: AGPL-3.0-only
licence_files: [hello.c]
sources:
  - sha256: DIGEST
    path: recipes/hello/hello.c
    unpack: false
steps:
  - name: compile
    run: |
      mkdir -p "$DESTDIR$PREFIX/bin"
      "$CC" $CFLAGS $LDFLAGS -pie -o "$DESTDIR$PREFIX/bin/hello" hello.c
"#;

const PACKAGE: &str = "name: hello
summary: Says hello once a second
components: [hello]
services:
  hello: {}
";

const RUN: &str = "#!/bin/sh
exec \"$PACKAGE_SOFTWARE/bin/hello\"
";

/// The workspace, with the store that all tests share unless another is given.
#[derive(Debug)]
pub struct Fixture {
    scratch: Scratch,
    store: PathBuf,
}

impl Fixture {
    /// A fresh workspace.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn new(what: &str) -> Self {
        let scratch = Scratch::new(what);
        let real = crate::workspace();
        std::fs::create_dir_all(scratch.join("recipes")).expect("writable");
        for shared in ["recipes/toolchain", "recipes/build-roots.yaml"] {
            let (from, to) = (real.join(shared), scratch.join("recipes/"));
            call("cp", &["-a", &from.to_string_lossy(), &to.to_string_lossy()]).success();
        }
        let program = scratch.write("recipes/hello/hello.c", PROGRAM);
        let digest = call("sha256sum", &[&program.to_string_lossy()]).success();
        let digest = digest.text().split(' ').next().unwrap_or_default().to_owned();
        scratch.write("recipes/hello/recipe.yaml", &RECIPE.replace("DIGEST", &digest));
        scratch.write("packages/hello/package.yaml", PACKAGE);
        scratch.write("packages/hello/scripts/run/hello", RUN);
        std::fs::create_dir_all(scratch.join("images")).expect("writable");
        let store = xtask(&["store", "path"]).success().text().into();
        Self { scratch, store }
    }

    /// The same, with a store of its own.
    pub fn with_store(mut self, store: PathBuf) -> Self {
        self.store = store;
        self
    }

    /// The store.
    pub fn store(&self) -> &std::path::Path {
        &self.store
    }

    /// A path in the workspace.
    pub fn join(&self, below: &str) -> PathBuf {
        self.scratch.join(below)
    }

    /// Writes a file of the workspace.
    pub fn write(&self, below: &str, text: &str) {
        self.scratch.write(below, text);
    }

    /// Replaces a text that a file of the workspace holds.
    ///
    /// # Panics
    /// When the file does not hold it.
    #[track_caller]
    pub fn change(&self, below: &str, from: &str, to: &str) {
        self.scratch.change(below, from, to);
    }

    /// The builder, in this workspace.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = in_workspace(self.scratch.path(), &self.store);
        command.args(arguments);
        command
    }

    /// The builder, in this workspace, to its end.
    pub fn xtask(&self, arguments: &[&str]) -> Outcome {
        run(&mut self.command(arguments))
    }

    /// Builds the package and gives the path of its archive.
    ///
    /// # Panics
    /// When it cannot be built.
    #[track_caller]
    pub fn package(&self) -> String {
        let outcome = self.xtask(&["build-package", "hello", "--json"]).success();
        let answer: serde_json::Value = serde_json::from_str(outcome.text()).expect("JSON");
        answer["packages"][0]["archive"].as_str().expect("an archive").to_owned()
    }
}
