//! `store`: the folder where everything fetched and built is kept.

use std::io::Write;

use crate::arguments::Store;
use crate::environment::Environment;
use crate::failure::Failure;

/// Carries the command out.
pub fn store(command: &Store) -> Result<(), Failure> {
    match command {
        Store::Path => {
            let environment = Environment::read()?;
            writeln!(std::io::stdout(), "{}", environment.store.display())?;
            Ok(())
        }
    }
}
