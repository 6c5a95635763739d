//! Where images are read from.

use std::io::{self, Read};

use medic_model::Sha256;

/// A repository of a registry that is read from. What it gives is not trusted: it may be anything. An error of the kind
/// [`io::ErrorKind::InvalidData`] says that it gave other bytes than those of the digest that it was asked for.
pub trait Source {
    /// A manifest or an index, by a tag or by `sha256:…`; none where there is none of this name.
    ///
    /// # Errors
    /// The registry's.
    fn manifest(&self, name: &str) -> io::Result<Option<Vec<u8>>>;

    /// The registry's own index of what refers to this; none where it keeps no such indexes.
    ///
    /// # Errors
    /// The registry's.
    fn referrers(&self, digest: Sha256) -> io::Result<Option<Vec<u8>>>;

    /// Has a blob read from its beginning, more than once when it was cut off; says whether there is one.
    ///
    /// # Errors
    /// The registry's, and what the reader gives.
    fn blob(&self, digest: Sha256, read: &mut dyn FnMut(&mut dyn Read) -> io::Result<()>)
    -> io::Result<bool>;
}
