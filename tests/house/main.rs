//! The rules of the house, held by tests: who may import whom, what may not be written down, what must be documented.

mod arrows;
mod pipelines;
mod texts;

/// The workspace's folder.
fn workspace() -> std::path::PathBuf {
    let tests = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("tests/ is in the workspace").to_owned()
}
