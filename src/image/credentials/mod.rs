//! Who logs in to a registry: asked anew for each push, and again when the registry refuses in the middle of one.
//!
//! | asked | for |
//! | --- | --- |
//! | what was given with the command, then the environment's name and password | every registry, or the one that is named |
//! | the helper that Docker's configuration names for just this registry | every registry |
//! | AWS, with the first credentials that are found ([`aws`]) | registries of AWS, by their names |
//! | Docker's helper for all registries, then the logins in its configuration | every registry |
//!
//! The first that has a login wins; one that is there and fails is an error, and not passed over. For a registry of AWS a token that is
//! made now comes before what `docker login` put away up to twelve hours ago.
//!
//! Never: a secret in an argument of a program, in a text that is shown, or in a file.

pub mod aws;
mod docker;
mod error;
mod helper;
mod secret;
mod sources;

pub use aws::{AwsRegistry, Made, Tags};
pub use error::CredentialError;
pub use medic_repository::session::Login;
pub use secret::Secret;
pub use sources::{AwsSources, Given, Sources};

use docker::Configuration;

/// Who logs in to registries.
#[derive(Debug)]
pub struct Credentials {
    sources: Sources,
}

/// A login, and where it comes from.
pub struct Found {
    /// The login.
    pub login: Login,
    /// Where it comes from, for people: `docker-credential-pass`, `AWS, with the keys in the environment`.
    pub origin: String,
}

impl Credentials {
    /// From these sources.
    pub fn new(sources: Sources) -> Self {
        Self { sources }
    }

    /// The login for a registry (`host` or `host:port`), now; none where no source knows the registry.
    ///
    /// # Errors
    /// A source that is there cannot be used; there are no AWS credentials for a registry of AWS.
    pub fn login(&self, host: &str) -> Result<Option<Login>, CredentialError> {
        Ok(self.find(host)?.map(|found| found.login))
    }

    /// The same, and where it comes from.
    ///
    /// # Errors
    /// As [`Self::login`].
    pub fn find(&self, host: &str) -> Result<Option<Found>, CredentialError> {
        let sources = &self.sources;
        for given in [&sources.given, &sources.environment].into_iter().flatten() {
            if given.host.as_deref().is_none_or(|own| own == host) {
                let login = docker::login(&given.name, &given.password);
                return Ok(Some(Found { login, origin: given.origin.to_owned() }));
            }
        }
        let configurations = self.configurations()?;
        let path = &sources.search_path;
        for configuration in &configurations {
            if let Some((login, origin)) = configuration.of_own_helper(host, path)? {
                return Ok(Some(Found { login, origin }));
            }
        }
        let mut refusal = None;
        if let Some(registry) = AwsRegistry::of_host(host) {
            match aws::login(sources, &registry, host) {
                Ok(found) => return Ok(Some(found)),
                // The public registry can be read by everybody.
                Err(CredentialError::NoKeys { .. }) if registry == AwsRegistry::Public => {}
                Err(error @ CredentialError::NoKeys { .. }) => refusal = Some(error),
                Err(error) => return Err(error),
            }
        }
        for configuration in &configurations {
            if let Some((login, origin)) = configuration.of_store(host, path)? {
                return Ok(Some(Found { login, origin }));
            }
        }
        // Nobody is let in there without one.
        refusal.map_or(Ok(None), Err)
    }

    /// Makes a repository of this name in a registry, unless it is there; its tags are as `tags` says, and images are looked through for
    /// known weaknesses when they come. Registries that are not of AWS make repositories themselves, and are not asked.
    ///
    /// # Errors
    /// There are no AWS credentials, or AWS refuses.
    pub fn create_repository(&self, host: &str, name: &str, tags: Tags<'_>) -> Result<Made, CredentialError> {
        match AwsRegistry::of_host(host) {
            Some(registry) => aws::create_repository(&self.sources, &registry, host, name, tags),
            None => Ok(Made::ByPushing),
        }
    }

    /// Docker's configurations: that of the environment, and the file where it is there.
    fn configurations(&self) -> Result<Vec<Configuration>, CredentialError> {
        let mut configurations = Vec::new();
        if let Some(text) = &self.sources.docker_text {
            let text = text.expose().as_bytes();
            configurations.push(Configuration::parse(text, "DOCKER_AUTH_CONFIG".to_owned())?);
        }
        if let Some(path) = &self.sources.docker_file {
            let place = format!("'{}'", path.display());
            match std::fs::read(path) {
                Ok(text) => configurations.push(Configuration::parse(&text, place)?),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(CredentialError::Configuration { place, why: error.to_string() });
                }
            }
        }
        Ok(configurations)
    }
}

#[cfg(test)]
mod tests;
