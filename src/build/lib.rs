//! Recipe to package: fetch, sandbox, graph, action keys, store.
//!
//! Never: prints, prompts, reads the environment or the home folder; runs a build step with a network; puts anything into
//! the store that is not whole; trusts a result by its name when its record is damaged.

pub mod definitions;
pub mod error;
pub mod fetch;
pub mod graph;
pub mod key;
mod log;
pub mod report;
pub mod root;
pub mod sandbox;
pub mod settings;
pub mod store;

pub use error::{BuildError, ErrorKind};
pub use report::{Event, Reporter};
pub use settings::Settings;
