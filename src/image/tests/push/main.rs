//! Pushing to a registry that fails in every way that registries fail.

mod behaviour;
mod double;
mod pushing;
mod resets;
mod schedules;
