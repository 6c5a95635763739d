//! Both runners under the same tests.

pub mod bench;
mod contract;
