//! What is to be run: read from the receipts of installed packages, made ready to be executed.

mod accounts;
mod environment;
mod packages;
mod prepared;

pub use accounts::{AccountError, identity};
pub use environment::{Surroundings, variables};
pub use packages::{Package, PackagesError, installed, names};
pub use prepared::{PrepareError, Prepared};
