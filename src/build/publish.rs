//! Publishing in a package repository: what of [`medic_repository`] the builder's command line works with.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub use medic_repository::key::KeyError;
pub use medic_repository::oci::{Address, is_address};
pub use medic_repository::publish::{
    Before, Event, Folder, Place, Plan, Planned, Publication, PublishError, Registry, Reporter, SigningKey,
    carry_out, look, plan,
};
pub use medic_repository::registry;
pub use medic_repository::session::Login;
pub use medic_repository::{Index, Listed, Network, RepositoryError, TrustedKey};

/// A login for a registry.
pub fn login(name: &str, password: &str) -> Login {
    Login(STANDARD.encode(format!("{name}:{password}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7617, section 2.
    #[test]
    fn a_login_is_written_as_a_registry_wants_it() {
        assert_eq!(login("Aladdin", "open sesame").0, "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }
}
