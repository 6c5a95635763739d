//! The store: a local cache in which everything is known by a digest.

mod error;

pub use error::StoreError;
