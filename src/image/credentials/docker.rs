//! Logins as Docker's configuration has them: in it, or with a helper that it names.
//!
//! `{"auths": {HOST: {"auth": …}}, "credHelpers": {HOST: NAME}, "credsStore": NAME}`, as `docker login` and people write it.

use std::collections::BTreeMap;
use std::ffi::OsStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use medic_repository::session::Login;
use serde::Deserialize;

use super::error::CredentialError;
use super::helper;
use super::secret::Secret;

/// As whom a helper gives an identity token.
const IDENTITY: &str = "<token>";
/// The names of Docker's own registry, and what its login has stood under since its first version.
const HUB: [&str; 4] = ["docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"];
const HUB_KEY: &str = "https://index.docker.io/v1/";

/// A configuration.
#[derive(Deserialize)]
pub(super) struct Configuration {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
    #[serde(default, rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
    #[serde(default, rename = "credsStore")]
    store: String,
    /// Where it was read, for messages.
    #[serde(skip)]
    place: String,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    auth: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default, rename = "identitytoken")]
    identity: String,
}

impl Configuration {
    /// Reads one; `place` says for messages where it stands.
    pub(super) fn parse(text: &[u8], place: String) -> Result<Self, CredentialError> {
        match serde_json::from_slice::<Self>(text) {
            Ok(configuration) => Ok(Self { place, ..configuration }),
            // What serde says may quote a value, and that may be a password.
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                let why = format!("line {line}, column {column} is not as 'docker login' writes it");
                Err(CredentialError::Configuration { place, why })
            }
        }
    }

    /// What the helper gives that is named for just this registry.
    pub(super) fn of_own_helper(
        &self,
        host: &str,
        path: &OsStr,
    ) -> Result<Option<(Login, String)>, CredentialError> {
        let name = self.helpers.iter().find(|(key, _)| is_of(key, host)).map(|(_, name)| name);
        name.filter(|name| !name.is_empty()).map_or(Ok(None), |name| self.ask(name, host, path))
    }

    /// What the helper for all registries gives, or the configuration itself.
    pub(super) fn of_store(
        &self,
        host: &str,
        path: &OsStr,
    ) -> Result<Option<(Login, String)>, CredentialError> {
        if !self.store.is_empty()
            && let Some(found) = self.ask(&self.store, host, path)?
        {
            return Ok(Some(found));
        }
        for (_, entry) in self.auths.iter().filter(|(key, _)| is_of(key, host)) {
            if let Some(login) = self.of_entry(entry, host)? {
                return Ok(Some((login, self.place.clone())));
            }
        }
        Ok(None)
    }

    fn of_entry(&self, entry: &Entry, host: &str) -> Result<Option<Login>, CredentialError> {
        if !entry.identity.is_empty() {
            return Ok(Some(Login::of_identity(&entry.identity)));
        }
        if !entry.auth.is_empty() {
            let decoded = STANDARD.decode(&entry.auth).unwrap_or_default();
            if !decoded.contains(&b':') {
                let why = format!("the 'auth' of '{host}' is not 'name:password' in Base64");
                return Err(CredentialError::Configuration { place: self.place.clone(), why });
            }
            return Ok(Some(Login(entry.auth.clone())));
        }
        let is_whole = !entry.username.is_empty() && !entry.password.is_empty();
        Ok(is_whole.then(|| login(&entry.username, &Secret::new(entry.password.clone()))))
    }

    fn ask(&self, name: &str, host: &str, path: &OsStr) -> Result<Option<(Login, String)>, CredentialError> {
        let program = format!("docker-credential-{name}");
        let server = if HUB.contains(&host) { HUB_KEY } else { host };
        let missing = || CredentialError::NoHelper {
            program: program.clone(),
            place: self.place.clone(),
            host: host.to_owned(),
        };
        // A name, and not the way to a program somewhere.
        let found = if name.contains('/') { None } else { helper::find(&program, path) };
        let failed = |why| CredentialError::Helper { program: program.clone(), host: host.to_owned(), why };
        let answer = helper::get(&found.ok_or_else(missing)?, server).map_err(failed)?;
        let Some(answer) = answer else { return Ok(None) };
        let login = match answer.name.as_str() {
            IDENTITY => Login::of_identity(answer.secret.expose()),
            name => login(name, &answer.secret),
        };
        Ok(Some((login, program)))
    }
}

/// A login by name and password (RFC 7617, section 2).
pub(super) fn login(name: &str, password: &Secret) -> Login {
    let both = Secret::new(format!("{name}:{}", password.expose()));
    Login(STANDARD.encode(both.expose()))
}

/// Whether a key of a configuration means a registry. `docker login` writes the host alone, older programs an address.
fn is_of(key: &str, host: &str) -> bool {
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let bare = bare.split('/').next().unwrap_or_default();
    bare == host || (HUB.contains(&bare) && HUB.contains(&host))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7617, section 2.
    #[test]
    fn a_login_is_written_as_a_registry_wants_it() {
        assert_eq!(login("Aladdin", &Secret::new("open sesame")).0, "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }

    #[test]
    fn a_key_means_a_registry_however_it_is_written() {
        for (key, host) in [
            ("registry.example", "registry.example"),
            ("https://registry.example/v1/", "registry.example"),
            ("http://registry.example:5000", "registry.example:5000"),
            ("https://index.docker.io/v1/", "docker.io"),
            ("docker.io", "registry-1.docker.io"),
        ] {
            assert!(is_of(key, host), "{key} {host}");
        }
        for (key, host) in [
            ("registry.example", "registry.example:5000"),
            ("example", "registry.example"),
            ("registry.example.evil", "registry.example"),
            ("", "registry.example"),
            ("https://index.docker.io/v1/", "registry.example"),
        ] {
            assert!(!is_of(key, host), "{key} {host}");
        }
    }
}
