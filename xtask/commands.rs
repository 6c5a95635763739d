//! One file a command: arguments to settings, one call into the libraries, the result shown.

pub mod bench;
pub mod build;
pub mod build_image;
pub mod build_package;
pub mod bump;
pub mod cache;
pub mod diff;
pub mod gc;
pub mod golden;
pub mod graph;
pub mod image_key;
pub mod images;
pub mod inspect;
pub mod keys;
pub mod lint;
pub mod lock;
pub mod log;
pub mod login;
pub mod new;
pub mod outdated;
pub mod publish;
pub mod repo;
pub mod reproduce;
pub mod run;
pub mod sbom;
pub mod shell;
pub mod size;
pub mod sources;
pub mod store;
pub mod verify;
pub mod why_rebuild;

mod attached;
mod context;
mod view;
