//! The real supervisor, as an init that is not PID 1, in a folder of its own, with packages of shell scripts.

mod boot;
mod commands;
mod completion;
mod containment;
mod crowds;
mod endurance;
mod every_call;
mod full_disk;
mod harness;
mod logs;
mod places;
mod queries;
mod readiness;
mod repair;
mod storm;
mod traced;
mod trial;
