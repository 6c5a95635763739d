//! One file a command: arguments to settings, one call into the libraries, the result shown.

pub mod build_image;
pub mod build_package;
pub mod golden;
pub mod reproduce;
pub mod run;
pub mod sources;
pub mod store;
pub mod why_rebuild;

mod context;
