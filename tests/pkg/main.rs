//! The real `pkg` on real trees in folders of their own: what an operator sees, and what is left when things go wrong.

#![expect(clippy::print_stdout, reason = "how many faults were tried is a result that people want to see")]

mod afar;
mod care;
mod certificate;
#[path = "../support/cloud.rs"]
mod cloud;
mod commands;
mod completion;
#[expect(dead_code, reason = "the tests of the archive reader use the rest")]
#[path = "../../src/archive/tests/craft.rs"]
mod craft;
mod ecr;
mod faults;
mod gate;
mod hostile;
mod install;
mod logins;
mod mounts;
#[path = "../support/ports.rs"]
mod ports;
mod publishing;
mod registry;
mod remove;
mod repository;
mod services;
mod supervised;
mod support;
mod sync;
mod terminal;
mod turns;
mod verify;
mod volumes;
mod web;
