//! What the test programs share: running the builder as a user does, containers that clean up after themselves, requests.
//!
//! Owns: the folder `target/end-to-end/`, where each test keeps what it makes.
//!
//! Never: reaches into the crates under test. Everything goes through the programs a user runs.

#[path = "support/browser.rs"]
pub mod browser;
#[path = "support/cloud.rs"]
pub mod cloud;
#[path = "support/command.rs"]
pub mod command;
#[path = "support/container.rs"]
pub mod container;
#[path = "support/emulated.rs"]
pub mod emulated;
#[path = "support/fixture.rs"]
pub mod fixture;
#[path = "support/folder_server.rs"]
pub mod folder_server;
#[path = "support/http.rs"]
pub mod http;
#[path = "support/medic_core.rs"]
pub mod medic_core;
#[path = "support/ports.rs"]
pub mod ports;
#[path = "support/python.rs"]
pub mod python;
#[path = "support/registry.rs"]
pub mod registry;
#[path = "support/scratch.rs"]
pub mod scratch;
#[path = "support/server.rs"]
pub mod server;
#[path = "support/stalling.rs"]
pub mod stalling;
#[path = "support/xtask.rs"]
pub mod xtask;

pub use command::{Outcome, run};
pub use container::{Container, Network};
pub use emulated::Emulated;
pub use scratch::Scratch;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The workspace's folder.
pub fn workspace() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().map_or_else(|| tests.to_owned(), Path::to_owned)
}

/// A word that no other run of the tests has, at no time and on no machine, and that is the same all through this
/// process. Process numbers alone come again, and the tests' store is kept, so an earlier run's result would be found.
pub fn run_mark() -> &'static str {
    static MARK: OnceLock<String> = OnceLock::new();
    MARK.get_or_init(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        format!("{}-{}", since.as_nanos(), std::process::id())
    })
}

/// Asks again and again until the answer is there; panics with `what` when the time is over.
pub fn wait_for<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
