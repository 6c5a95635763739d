//! Recipe to package: fetch, sandbox, graph, action keys, store.
//!
//! | module | what it is for |
//! | --- | --- |
//! | [`definitions`] | recipes, packages and images of a workspace, read as they are needed |
//! | [`graph`], [`schedule`] | which component needs which; what is built side by side |
//! | [`timeline`], [`overview`] | when each component of a build began and ended; the graph with those times |
//! | [`key`] | everything that can influence a result, and its digest |
//! | [`fetch`] | sources by digest |
//! | [`root`], [`toolchain`] | what steps see at `/` and `/toolchain` |
//! | [`sandbox`] | where steps run, as a plan, and what carries it out |
//! | [`component`] | one component: sources laid out, steps run, result checked |
//! | [`checks`] | what is looked for in what was built |
//! | [`lint`] | what is looked for in recipes, packages and images |
//! | [`package`] | components, scripts and settings as an archive |
//! | [`attest`] | an archive's SBOM and provenance |
//! | [`store`] | where all of it is kept; what of it goes when room is made |
//! | [`cache`] | results that another builder made and signed |
//! | [`publish`] | packages put into a repository, signed |
//! | [`why`] | what differs between two builds' inputs |
//! | [`upkeep`] | newer versions: looked for, and put into a recipe |
//! | [`scaffold`] | a first recipe for something that has none |
//! | [`reproduce`] | the same built twice under different conditions, and compared |
//! | [`operation`] | all of it, in one call |
//!
//! On disk it owns the store, a folder that the caller names and that may be deleted at any time:
//!
//! ```text
//! lock                               who builds: one at a time
//! in-use                             who uses what was built: many at a time, and nobody while something is removed
//! sources/sha256/<digest>            fetched files
//! partial/                           begun downloads
//! results/<action key>.json          a component's result: its inputs, and the digest of its tree; written last
//! trees/<digest>/                    a component's tree: modes 0644 and 0755, links relative, one modification time
//! packages/<package key>/            <name>-v<version>-<arch>.pkg.tar.zst, .spdx.json and .provenance.json
//!                                    (with documents.json), package.json, and checks.json: what it passed
//! roots/<digest>/                    a build root: tree/, and root.json with the Debian packages it is made of
//! toolchains/<digest>/               zig/, and cache-<digest>/ with the C library compiled
//! logs/<component>/<action key>.log  what the steps wrote, with a heading for each
//! builds/<time>.json                 when each component and step of a build began and ended
//! work/                              what is being made; removed by the next builder
//! shells/<component>-<process>/      what someone looks at in a shell
//! ```
//!
//! Never: prints, prompts, reads the environment or the home folder; runs a build step with a network; puts anything into
//! the store that is not whole; trusts a result by its name when its record is damaged; follows a link that a step made.

pub mod attest;
pub mod cache;
mod cancel;
pub mod checks;
pub mod component;
pub mod definitions;
pub mod error;
pub mod fetch;
pub mod graph;
pub mod key;
pub mod lint;
mod loaded;
pub mod log;
pub mod operation;
pub mod overview;
pub mod package;
pub mod publish;
pub mod report;
pub mod reproduce;
pub mod root;
pub mod sandbox;
pub mod scaffold;
pub mod schedule;
pub mod settings;
pub mod store;
pub mod timeline;
pub mod toolchain;
pub mod upkeep;
pub mod why;

pub use cache::CacheSettings;
pub use cancel::Cancel;
pub use error::{BuildError, ErrorKind};
pub use operation::{
    BuiltComponent, CurrentPackage, Fetched, Pushed, PushedResult, Reason, Rebuild, Shell, Survey, Vendored,
    build_components, build_components_by, build_packages, discard_damaged, fetch_sources, golden_entries,
    golden_file, open_shell, push, survey, vendor, verify_store, why_rebuild, write_golden,
};
pub use package::BuiltPackage;
pub use report::{Event, Reporter};
pub use settings::Settings;
