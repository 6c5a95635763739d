//! The builder, started as a user starts it: `cargo xtask …` in a workspace folder.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::command::{Outcome, call, run};

/// An image that the tests of the running system use.
#[derive(Debug, Clone)]
pub struct Built {
    /// `medic-os/<image>:<version>`.
    pub reference: String,
    /// Its version: of the nginx image, that of nginx.
    pub version: String,
    /// The digest of the image's manifest.
    pub digest: String,
    /// The archive that the build wrote.
    pub archive: PathBuf,
    /// Bytes of all compressed layers.
    pub compressed_size: u64,
}

/// The nginx image, built (or found to be up to date) once for all tests of this program.
///
/// # Panics
/// When it cannot be built, or no Docker daemon took it.
pub fn nginx_image() -> &'static Built {
    static IMAGE: OnceLock<Built> = OnceLock::new();
    IMAGE.get_or_init(|| loaded("nginx"))
}

/// The same for medic-core-dev.
///
/// # Panics
/// As [`nginx_image`].
pub fn medic_core_image() -> &'static Built {
    static IMAGE: OnceLock<Built> = OnceLock::new();
    IMAGE.get_or_init(|| loaded("medic-core-dev"))
}

/// An image that is built and that Docker has.
fn loaded(image: &str) -> Built {
    let outcome = xtask(&["build-image", image, "--json"]).success();
    let built = built(&outcome);
    assert!(outcome.stdout.contains("\"loaded\""), "no Docker daemon took the image: {}", outcome.stdout);
    built
}

/// What `build-image --json` said.
///
/// # Panics
/// When the answer is not of its documented shape.
pub fn built(outcome: &Outcome) -> Built {
    let answer: serde_json::Value = serde_json::from_str(outcome.text()).expect("the answer is JSON");
    let text =
        |key: &str| answer[key].as_str().unwrap_or_else(|| panic!("no '{key}' in {answer}")).to_owned();
    Built {
        reference: format!("medic-os/{}:{}", text("image"), text("version")),
        version: text("version"),
        digest: text("digest"),
        archive: text("archive").into(),
        compressed_size: answer["compressed_size"].as_u64().expect("a size"),
    }
}

/// The builder's program, compiled by `cargo xtask --help` if need be: for tests that give it another workspace or environment.
///
/// # Panics
/// When it cannot be compiled.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        run(Command::new("cargo")
            .args(["build", "--quiet", "--package", "xtask"])
            .current_dir(crate::workspace()))
        .success();
        let metadata = call("cargo", &["metadata", "--no-deps", "--format-version", "1"]).success();
        let metadata: serde_json::Value = serde_json::from_str(&metadata.stdout).expect("metadata is JSON");
        let target = metadata["target_directory"].as_str().expect("a folder").to_owned();
        Path::new(&target).join("debug/xtask")
    })
}

/// `cargo xtask` with arguments, in the workspace, to its end.
pub fn xtask(arguments: &[&str]) -> Outcome {
    run(Command::new("cargo").arg("xtask").args(arguments).current_dir(crate::workspace()))
}

/// The builder with a workspace and a store of its own.
pub fn in_workspace(workspace: &Path, store: &Path) -> Command {
    let mut command = Command::new(program());
    command.current_dir(workspace).env("MEDIC_OS_STORE", store).env("MEDIC_OS_WORKSPACE", workspace);
    // Images of these workspaces have no locks, which CI would want.
    command.env_remove("CI");
    command
}
