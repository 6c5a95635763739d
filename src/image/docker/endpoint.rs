//! Where the daemon is and how it is reached: a variable, a context of the `docker` command, or the usual socket.
//!
//! On disk it reads, below the folder of Docker's configuration:
//!
//! ```text
//! config.json                                   currentContext
//! contexts/meta/<sha256 of its name>/meta.json  Endpoints.docker.Host
//! contexts/tls/<sha256 of its name>/docker/     ca.pem, cert.pem, key.pem
//! ```

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use medic_archive::digest::of_bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::DockerError;

/// Where a daemon listens unless told otherwise.
pub(super) const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";
/// Whose certificates a daemon may have.
pub(super) const AUTHORITY: &str = "ca.pem";
/// The certificate that is shown to a daemon.
pub(super) const CERTIFICATE: &str = "cert.pem";
/// Its key.
pub(super) const KEY: &str = "key.pem";
/// The context that is none: the usual socket.
const DEFAULT_CONTEXT: &str = "default";

/// A daemon's address, and how it is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `unix:///PATH` or `tcp://HOST:PORT`.
    pub host: String,
    /// With TLS: the folder with `ca.pem`, and with `cert.pem` and `key.pem` where the daemon asks who calls.
    pub tls: Option<PathBuf>,
    /// Where it was read, in words.
    pub said_by: String,
}

/// What the caller's environment says of the daemon. Empty values are as none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// `DOCKER_HOST`
    pub host: Option<String>,
    /// `DOCKER_CONTEXT`
    pub context: Option<String>,
    /// The folder of Docker's configuration: `DOCKER_CONFIG`, else `~/.docker`.
    pub configuration: Option<PathBuf>,
    /// Whether `DOCKER_TLS_VERIFY` is set.
    pub tls: bool,
    /// `DOCKER_CERT_PATH`
    pub certificates: Option<PathBuf>,
}

/// What is needed of `config.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Configuration {
    #[serde(default)]
    current_context: String,
}

/// What is needed of a context's `meta.json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Context {
    #[serde(default)]
    endpoints: Endpoints,
}

#[derive(Debug, Default, Deserialize)]
struct Endpoints {
    docker: Option<DockerEndpoint>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerEndpoint {
    #[serde(default)]
    host: String,
    #[serde(default, rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

impl Endpoint {
    /// A daemon at this address, without TLS.
    pub fn at(host: &str, said_by: &str) -> Self {
        Self { host: host.to_owned(), tls: None, said_by: said_by.to_owned() }
    }

    /// The daemon that the `docker` command would ask.
    ///
    /// # Errors
    /// [`DockerError::Context`]: a context does not exist, or one of its files cannot be read.
    pub fn choose(surroundings: &Surroundings) -> Result<Self, DockerError> {
        if let Some(host) = &surroundings.host {
            return Ok(Self { tls: surroundings.tls_of_variables(), ..Self::at(host, "DOCKER_HOST") });
        }
        let Some(folder) = &surroundings.configuration else { return Ok(surroundings.usual()) };
        let (name, said_by) = match &surroundings.context {
            Some(name) => (name.clone(), "DOCKER_CONTEXT".to_owned()),
            None => {
                let file = folder.join("config.json");
                let configuration: Configuration = read(&file)?.unwrap_or_default();
                (configuration.current_context, format!("currentContext in '{}'", file.display()))
            }
        };
        if name.is_empty() || name == DEFAULT_CONTEXT {
            return Ok(surroundings.usual());
        }
        Self::of_context(folder, &name, &said_by)
    }

    fn of_context(folder: &Path, name: &str, said_by: &str) -> Result<Self, DockerError> {
        let id = of_bytes(name.as_bytes()).sha256.to_string();
        let path = folder.join("contexts/meta").join(&id).join("meta.json");
        let fault = |why: String| DockerError::Context { path: path.clone(), why };
        let context: Option<Context> = read(&path)?;
        let context = context.ok_or_else(|| {
            fault(format!(
                "there is no context '{name}', which {said_by} names: see 'docker context ls', or choose another with 'docker context use'"
            ))
        })?;
        let endpoint = context.endpoints.docker.filter(|docker| !docker.host.is_empty());
        let endpoint = endpoint
            .ok_or_else(|| fault(format!("the context '{name}' names no Docker daemon: choose another")))?;
        if endpoint.skip_tls_verify {
            let why = format!(
                "the context '{name}' does without checking the daemon's certificate, which is not supported: give it the authority's certificate (docker context update {name} --docker host=…,ca=…)"
            );
            return Err(fault(why));
        }
        let tls = folder.join("contexts/tls").join(&id).join("docker");
        let tls = tls.is_dir().then_some(tls);
        Ok(Self { host: endpoint.host, tls, said_by: format!("the context '{name}'") })
    }

    /// Whether this program can speak to such an address, and has what it needs for it.
    pub(super) fn check(&self) -> Result<(), DockerError> {
        let (address, said_by) = (self.host.clone(), self.said_by.clone());
        let refused = |why| Err(DockerError::Address { address, said_by, why });
        if self.host.starts_with("ssh://") {
            return refused(
                "ssh is not supported: forward the daemon's socket here (ssh -NL /tmp/docker.sock:/var/run/docker.sock HOST), and set DOCKER_HOST=unix:///tmp/docker.sock",
            );
        }
        let web = ["tcp://", "http://"].iter().any(|scheme| self.host.starts_with(scheme));
        if !web && !self.host.starts_with("unix://") {
            return refused("write unix:///PATH or tcp://HOST:PORT");
        }
        let Some(folder) = self.tls.as_ref().filter(|_| web) else { return Ok(()) };
        let path = folder.join(AUTHORITY);
        match fs::read(&path) {
            Ok(_) => Ok(()),
            Err(error) => {
                let why = format!(
                    "{error}; the daemon at {} ({}) is asked with TLS, for which it is needed",
                    self.host, self.said_by
                );
                Err(DockerError::Context { path, why })
            }
        }
    }
}

impl Surroundings {
    /// The usual socket; TLS is for addresses of the network only.
    fn usual(&self) -> Endpoint {
        Endpoint::at(DEFAULT_HOST, "the usual place")
    }

    fn tls_of_variables(&self) -> Option<PathBuf> {
        let folder = self.certificates.clone().or_else(|| self.configuration.clone());
        folder.filter(|_| self.tls)
    }
}

/// A document in JSON; none when it is not there.
fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, DockerError> {
    let fault = |why: String| DockerError::Context { path: path.to_owned(), why };
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| fault(format!("it is damaged ({error}): mend it, or set DOCKER_HOST"))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fault(format!("{error}: make it readable, or set DOCKER_HOST"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder as `docker context create` makes it.
    fn configuration(name: &str, meta: &str, current: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let id = of_bytes(name.as_bytes()).sha256.to_string();
        let home = folder.path().join("contexts/meta").join(&id);
        fs::create_dir_all(&home).expect("made");
        fs::write(home.join("meta.json"), meta).expect("written");
        fs::write(
            folder.path().join("config.json"),
            format!("{{\"auths\":{{}},\"currentContext\":\"{current}\"}}"),
        )
        .expect("written");
        folder
    }

    fn around(folder: &Path) -> Surroundings {
        Surroundings { configuration: Some(folder.to_owned()), ..Surroundings::default() }
    }

    const META: &str = r#"{"Name":"far","Metadata":{"Description":"x"},"Endpoints":{"docker":{"Host":"tcp://far:2376","SkipTLSVerify":false}}}"#;

    #[test]
    fn the_variable_comes_before_the_context_and_the_context_before_the_usual_socket() {
        let folder = configuration("far", META, "far");
        let mut surroundings = around(folder.path());
        let chosen = Endpoint::choose(&surroundings).expect("chosen");
        assert_eq!((chosen.host.as_str(), chosen.tls), ("tcp://far:2376", None));
        surroundings.context = Some("default".to_owned());
        assert_eq!(Endpoint::choose(&surroundings).expect("chosen").host, DEFAULT_HOST);
        surroundings.context = Some("far".to_owned());
        assert_eq!(Endpoint::choose(&surroundings).expect("chosen").said_by, "the context 'far'");
        surroundings.host = Some("unix:///x".to_owned());
        assert_eq!(Endpoint::choose(&surroundings).expect("chosen").host, "unix:///x");
        let empty = tempfile::tempdir().expect("a folder");
        assert_eq!(Endpoint::choose(&around(empty.path())).expect("chosen").host, DEFAULT_HOST);
        assert_eq!(Endpoint::choose(&Surroundings::default()).expect("chosen").host, DEFAULT_HOST);
    }

    #[test]
    fn certificates_are_the_contexts_or_the_variables() {
        let folder = configuration("far", META, "far");
        let id = of_bytes(b"far").sha256.to_string();
        let tls = folder.path().join("contexts/tls").join(id).join("docker");
        fs::create_dir_all(&tls).expect("made");
        let chosen = Endpoint::choose(&around(folder.path())).expect("chosen");
        assert_eq!(chosen.tls.as_ref(), Some(&tls));
        let error = chosen.check().expect_err("no certificate").to_string();
        assert!(error.contains("ca.pem") && error.contains("the context 'far'"), "{error}");
        let variables = Surroundings {
            host: Some("tcp://near:1".to_owned()),
            tls: true,
            certificates: Some("/certificates".into()),
            ..around(folder.path())
        };
        assert_eq!(Endpoint::choose(&variables).expect("chosen").tls, Some("/certificates".into()));
        let variables = Surroundings { certificates: None, ..variables };
        assert_eq!(Endpoint::choose(&variables).expect("chosen").tls, Some(folder.path().to_owned()));
    }

    #[test]
    fn a_context_that_cannot_be_used_is_named_with_its_file() {
        let refused = |meta: &str, context: &str| {
            let folder = configuration("far", meta, "far");
            let surroundings = Surroundings { context: Some(context.to_owned()), ..around(folder.path()) };
            Endpoint::choose(&surroundings).expect_err("refused").to_string()
        };
        let absent = refused(META, "near");
        assert!(absent.contains("there is no context 'near', which DOCKER_CONTEXT names"), "{absent}");
        assert!(refused("{", "far").contains("meta.json': it is damaged"), "{}", refused("{", "far"));
        assert!(refused("{\"Endpoints\":{}}", "far").contains("names no Docker daemon"));
        let careless = refused(&META.replace("false", "true"), "far");
        assert!(careless.contains("without checking the daemon's certificate"), "{careless}");
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("config.json")).expect("made");
        let unreadable = Endpoint::choose(&around(folder.path())).expect_err("a folder").to_string();
        assert!(unreadable.contains("config.json") && unreadable.contains("DOCKER_HOST"), "{unreadable}");
    }
}
