//! Publishing in a package repository: what of [`medic_repository`] the builder's command line works with.

pub use medic_repository::key::KeyError;
pub use medic_repository::oci::{Address, TAG as INDEX_TAG, is_address};
pub use medic_repository::publish::{
    Before, Event, Folder, Place, Plan, Planned, Publication, PublishError, Registry, Reporter, SigningKey,
    carry_out, look, plan,
};
pub use medic_repository::registry;
pub use medic_repository::session::Login;
pub use medic_repository::{Index, Listed, Network, RepositoryError, TrustedKey};
