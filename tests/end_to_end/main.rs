//! The whole system on real input: a real Docker daemon, nginx from its source, the programs that a user runs.
//!
//! Set-up: `.ci/setup --tests`. Nothing here is skipped when something is lacking: it fails and says what.

mod arm64;
mod bad_input;
mod checks;
mod documents;
mod fetching;
mod golden;
mod images;
mod interrupted;
mod keeping_up;
mod locks;
mod medic_core;
mod new_recipes;
mod other_tools;
mod outputs;
mod packages;
mod publishing;
mod publishing_images;
mod reproducible;
mod run;
mod runners;
mod scheduling;
mod services;
mod serving;
mod signing;
mod stopping;
mod store;
mod tutorial;
mod volumes;
