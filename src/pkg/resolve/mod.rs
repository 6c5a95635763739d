//! Which versions of which packages, so that every wish and every need is met and no conflict is.
//!
//! The solver is PubGrub (the `pubgrub` crate). What is installed stays installed, and in its version wherever that will do;
//! a package that must come is taken in its highest version that will do. A package that only a conflict speaks of is
//! not installed for it.

mod explain;
mod pool;
mod provider;

use std::collections::BTreeMap;

use medic_model::{PackageName, Version, VersionReq};
use pubgrub::PubGrubError;

pub use pool::{Pool, Source};

/// What an operator wants of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The package.
    pub name: PackageName,
    /// The versions that will do.
    pub req: VersionReq,
    /// The highest version that will do, even if the one that is installed would.
    pub highest: bool,
}

/// Finds the versions. Gives what is to be installed, by name: neither what is installed and stays as it is, nor what is not.
///
/// # Errors
/// There is no such set of packages; the text says why, one need or conflict on each line.
pub fn resolve<'a>(
    mut pool: Pool<'a>,
    wishes: &'a [Wish],
) -> Result<BTreeMap<PackageName, (Version, Source)>, String> {
    pool.reach(wishes.iter().map(|wish| &wish.name));
    let provider = provider::Provider::new(&pool, wishes)?;
    match pubgrub::resolve(&provider, provider::ROOT, 1_u32) {
        Ok(selected) => Ok(selected
            .into_iter()
            .filter_map(|(id, ordinal)| provider.chosen(id, ordinal))
            .filter(|(_, (_, source))| *source != Source::Installed)
            .collect()),
        Err(PubGrubError::NoSolution(tree)) => Err(explain::explain(&provider, &tree)),
        // The provider never fails.
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
