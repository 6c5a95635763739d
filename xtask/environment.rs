//! Every environment variable that the builder reads, in one table; nothing else of the workspace's libraries reads any.

use std::env;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use medic_build::publish::Network;
use medic_image::credentials::{AwsSources, Given, Secret, Sources};
use medic_image::docker::{Endpoint, Surroundings};

use crate::failure::Failure;

/// The folder of the store.
pub const STORE: &str = "MEDIC_OS_STORE";
/// Folders or addresses that hold sources by their digest.
pub const MIRRORS: &str = "MEDIC_OS_MIRRORS";
/// The Debian mirror, in place of the one in the machine's apt configuration.
pub const DEBIAN_MIRROR: &str = "MEDIC_OS_DEBIAN_MIRROR";
/// A cache of results: a folder or an address.
pub const CACHE: &str = "MEDIC_OS_CACHE";
/// Whose signatures count there: a public key, or a file of some.
pub const CACHE_KEY: &str = "MEDIC_OS_CACHE_KEY";
/// The workspace, in place of the folder that the command is started in or below.
pub const WORKSPACE: &str = "MEDIC_OS_WORKSPACE";

/// The password of a signing key that has one.
pub const KEY_PASSWORD: &str = "MEDIC_OS_KEY_PASSWORD";

/// The password of a key of images; cosign's own name for it.
pub const IMAGE_KEY_PASSWORD: &str = "COSIGN_PASSWORD";
/// The name to log in to a registry by, and its password.
pub const REGISTRY_USERNAME: &str = "MEDIC_OS_REGISTRY_USERNAME";
/// The password.
pub const REGISTRY_PASSWORD: &str = "MEDIC_OS_REGISTRY_PASSWORD";
/// The registry that they are for.
pub const REGISTRY: &str = "MEDIC_OS_REGISTRY";

/// Where systems have the certificates of the authorities that are trusted: Debian and most others, Red Hat, macOS.
const AUTHORITIES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// The table as `--help` shows it.
pub const HELP: &str = "Environment:
  MEDIC_OS_STORE          the store's folder [default: $XDG_CACHE_HOME/medic-os, or ~/.cache/medic-os]
  MEDIC_OS_MIRRORS        folders or addresses, separated by spaces, that hold sources by their digest
  MEDIC_OS_DEBIAN_MIRROR  addresses of Debian mirrors, separated by spaces [default: apt's own]
  MEDIC_OS_CACHE          a folder or address with results that others built: they are taken instead of building
  MEDIC_OS_CACHE_KEY      whose signatures count there: a public key or a file of some [default: recipes/cache.pub]
  MEDIC_OS_WORKSPACE      the folder with recipes/, packages/ and images/ [default: looked for from here upwards]
  MEDIC_OS_KEY_PASSWORD   the password of the key that `repo publish` signs with, where it has one
  COSIGN_PASSWORD         the password of the key of images, where it has one
  MEDIC_OS_REGISTRY_USERNAME, MEDIC_OS_REGISTRY_PASSWORD
                          the name and the password to log in to a registry with
  MEDIC_OS_REGISTRY       the registry that they are for, HOST[:PORT] [default: the one that is published to]
  DOCKER_AUTH_CONFIG      logins for registries, as in Docker's config.json
  DOCKER_CONFIG           the folder whose config.json holds logins for registries [default: ~/.docker]
  PATH                    where the helpers are looked for that config.json names
  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_PROFILE, AWS_SHARED_CREDENTIALS_FILE,
  AWS_CONFIG_FILE, AWS_ROLE_ARN, AWS_ROLE_SESSION_NAME, AWS_WEB_IDENTITY_TOKEN_FILE,
  AWS_CONTAINER_CREDENTIALS_FULL_URI, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, AWS_CONTAINER_AUTHORIZATION_TOKEN,
  AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, AWS_EC2_METADATA_SERVICE_ENDPOINT, AWS_EC2_METADATA_DISABLED
                          who asks AWS for a login to AWS ECR, as AWS's own programs have it
  AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_ECR, AWS_ENDPOINT_URL_ECR_PUBLIC, AWS_ENDPOINT_URL_STS,
  AWS_IGNORE_CONFIGURED_ENDPOINT_URLS
                          where AWS is asked, in place of its own servers
  ACTIONS_ID_TOKEN_REQUEST_URL, ACTIONS_ID_TOKEN_REQUEST_TOKEN
                          the identity of a job of GitHub, for AWS_ROLE_ARN
  SSL_CERT_FILE           authorities whose certificates registries may have [default: the system's]
  http_proxy, https_proxy, no_proxy   how registries are reached, as curl has it
  DOCKER_HOST             the Docker daemon [default: that of the context, else unix:///var/run/docker.sock]
  DOCKER_CONTEXT          a context of the docker command [default: currentContext in $DOCKER_CONFIG/config.json]
  DOCKER_TLS_VERIFY       when not empty: the daemon of DOCKER_HOST is asked with TLS
  DOCKER_CERT_PATH        the folder with ca.pem, cert.pem and key.pem for that [default: $DOCKER_CONFIG]
  CONTAINER_HOST          Podman's socket [default: $XDG_RUNTIME_DIR/podman/podman.sock, /run/podman/podman.sock]
  CI                      when set, and not 0 or false: images must be as their locks say (--locked)
  CARGO_HOME              where crates that Cargo has fetched are looked for
  TERM                    what the terminal can, for programs in a shell's sandbox
  NO_COLOR                when not empty: no colours

Exit codes: 0 done, 1 failed, 2 bad arguments, 3 bad recipe, package or image, 4 a source could not be fetched,
5 a build step failed, 6 the store's disk, 7 Docker, 8 a program is not installed, 9 a registry, 10 other bytes
than expected, 11 not published, 14 not verified, 15 not as locked, 130 interrupted. See docs/exit-codes.md.";

/// What was read.
#[derive(Debug, Clone)]
pub struct Environment {
    /// The workspace's folder.
    pub workspace: PathBuf,
    /// The store's folder.
    pub store: PathBuf,
    /// Folders and addresses with sources by digest, with spaces between them.
    pub mirrors: String,
    /// Debian mirrors that take the place of apt's.
    pub debian_mirrors: Vec<String>,
    /// The cache of results, a folder or an address.
    pub cache: Option<String>,
    /// The text of the keys that are trusted to have signed them.
    pub cache_keys: String,
    /// What says where the Docker daemon is.
    pub docker: Surroundings,
    /// Whether this is a build of continuous integration.
    pub ci: bool,
    /// Cargo's folder.
    pub cargo_home: Option<PathBuf>,
    /// The kind of the terminal.
    pub term: Option<String>,
    /// Whether colours are unwanted.
    pub no_color: bool,
}

/// What the environment lacks.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum EnvironmentError {
    /// Not started in a workspace.
    #[error("there is no folder 'recipes' with 'build-roots.yaml' in {0} or above it")]
    #[diagnostic(help("run this in a checkout of Medic OS, or set MEDIC_OS_WORKSPACE to one"))]
    NoWorkspace(String),
    /// Nowhere to keep a store.
    #[error("there is no place for the store: neither MEDIC_OS_STORE, XDG_CACHE_HOME nor HOME is set")]
    #[diagnostic(help("set MEDIC_OS_STORE to a folder on a disk with 8 GB free"))]
    NoStore,
    /// The file of trusted keys cannot be read.
    #[error("the keys that the cache's results must be signed with cannot be read from '{}': {source}", path.display())]
    #[diagnostic(help(
        "set MEDIC_OS_CACHE_KEY to a public key (a line that starts with RW), or to a file of some"
    ))]
    CacheKeys {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// apt's configuration cannot be read.
    #[error("apt's configuration, which names the Debian mirror, cannot be read: {0}")]
    #[diagnostic(help("set MEDIC_OS_DEBIAN_MIRROR to the address of a Debian mirror"))]
    Apt(std::io::Error),
}

fn words(name: &str) -> Vec<String> {
    env::var(name).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

fn folder(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn is_workspace(folder: &Path) -> bool {
    folder.join("recipes/build-roots.yaml").is_file()
}

fn workspace() -> Result<PathBuf, EnvironmentError> {
    let start = match folder(WORKSPACE) {
        Some(folder) => folder,
        None => env::current_dir().unwrap_or_default(),
    };
    let found = start.ancestors().find(|folder| is_workspace(folder)).map(Path::to_owned);
    found.ok_or_else(|| EnvironmentError::NoWorkspace(start.display().to_string()))
}

fn store() -> Result<PathBuf, EnvironmentError> {
    let cache = || folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")));
    let store = folder(STORE)
        .or_else(|| cache().map(|cache| cache.join("medic-os")))
        .ok_or(EnvironmentError::NoStore)?;
    Ok(std::path::absolute(&store).unwrap_or(store))
}

/// The keys in the variable, or in the file that it names; else in the workspace's own file, if there is one.
fn cache_keys(workspace: &Path) -> Result<String, EnvironmentError> {
    let own = workspace.join("recipes/cache.pub");
    let path = match folder(CACHE_KEY) {
        // As minisign shows a key: 56 characters, of which the first two say how it signs.
        Some(key) if key.to_string_lossy().starts_with("RW") && !key.exists() => {
            return Ok(key.to_string_lossy().into_owned());
        }
        Some(path) => path,
        None if own.is_file() => own,
        None => return Ok(String::new()),
    };
    std::fs::read_to_string(&path).map_err(|source| EnvironmentError::CacheKeys { path, source })
}

/// The cache: an address, or the whole path of a folder.
fn cache() -> Option<String> {
    let value =
        env::var(CACHE).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())?;
    let web = value.starts_with("http://") || value.starts_with("https://");
    let whole = || Some(std::path::absolute(&value).ok()?.to_string_lossy().into_owned());
    if web { Some(value) } else { whole() }
}

/// The folder of Docker's configuration.
fn docker_configuration() -> Option<PathBuf> {
    folder("DOCKER_CONFIG").or_else(|| folder("HOME").map(|home| home.join(".docker")))
}

fn docker() -> Surroundings {
    let text = |name| env::var(name).ok().filter(|value: &String| !value.is_empty());
    Surroundings {
        host: text("DOCKER_HOST"),
        context: text("DOCKER_CONTEXT"),
        configuration: docker_configuration(),
        tls: text("DOCKER_TLS_VERIFY").is_some(),
        certificates: folder("DOCKER_CERT_PATH"),
    }
}

/// Where Podman's socket is: the user's own, else the system's.
pub fn podman() -> Endpoint {
    if let Some(host) = env::var("CONTAINER_HOST").ok().filter(|host| !host.is_empty()) {
        return Endpoint::at(&host, "CONTAINER_HOST");
    }
    let own = folder("XDG_RUNTIME_DIR").map(|folder| folder.join("podman/podman.sock"));
    let socket = own.filter(|path| path.exists()).unwrap_or_else(|| "/run/podman/podman.sock".into());
    Endpoint::at(&format!("unix://{}", socket.display()), "Podman's usual place")
}

/// How registries are reached, and where the logins for them are.
pub fn network() -> Network {
    let there = AUTHORITIES.iter().map(Path::new).find(|path| path.is_file());
    Network {
        logins: docker_configuration().map(|folder| folder.join("config.json")),
        ..Network::of_variables(&|name| env::var(name).ok(), there.unwrap_or(Path::new(AUTHORITIES[0])))
    }
}

/// The password of a key of images, where the environment has one; it may be empty, which is one too.
pub fn image_key_password() -> Option<String> {
    env::var(IMAGE_KEY_PASSWORD).ok()
}

/// Where logins for registries may come from, beside what was given with the command.
pub fn credential_sources(given: Option<Given>) -> Result<Sources, Failure> {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let network = network();
    let environment = match (variable(REGISTRY_USERNAME), variable(REGISTRY_PASSWORD)) {
        (Some(name), Some(password)) => Some(Given {
            host: variable(REGISTRY),
            name,
            password: Secret::new(password),
            origin: "MEDIC_OS_REGISTRY_USERNAME and MEDIC_OS_REGISTRY_PASSWORD",
        }),
        (None, None) => None,
        _ => {
            let message =
                format!("{REGISTRY_USERNAME} and {REGISTRY_PASSWORD}: one is set, and the other is not");
            return Err(Failure::Usage(message));
        }
    };
    Ok(Sources {
        given,
        environment,
        docker_text: variable("DOCKER_AUTH_CONFIG").map(Secret::new),
        docker_file: network.logins.clone(),
        search_path: env::var_os("PATH").unwrap_or_default(),
        aws: AwsSources::of_variables(&|name| env::var(name).ok(), folder("HOME").as_deref()),
        network,
        clock: SystemTime::now,
    })
}

/// The password of a signing key, where the environment has one.
pub fn key_password() -> Option<String> {
    env::var(KEY_PASSWORD).ok().filter(|password| !password.is_empty())
}

impl Environment {
    /// Reads all of it.
    pub fn read() -> Result<Self, EnvironmentError> {
        let workspace = workspace()?;
        let cache = cache();
        Ok(Self {
            cache_keys: if cache.is_some() { cache_keys(&workspace)? } else { String::new() },
            cache,
            workspace,
            store: store()?,
            mirrors: env::var(MIRRORS).unwrap_or_default(),
            debian_mirrors: words(DEBIAN_MIRROR),
            docker: docker(),
            ci: env::var("CI").is_ok_and(|value| !["", "0", "false"].contains(&value.as_str())),
            cargo_home: folder("CARGO_HOME").or_else(|| folder("HOME").map(|home| home.join(".cargo"))),
            term: env::var("TERM").ok().filter(|term| !term.is_empty()),
            no_color: env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_is_in_the_help() {
        for name in [
            STORE,
            MIRRORS,
            DEBIAN_MIRROR,
            CACHE,
            CACHE_KEY,
            WORKSPACE,
            KEY_PASSWORD,
            REGISTRY_USERNAME,
            REGISTRY_PASSWORD,
            REGISTRY,
            "DOCKER_AUTH_CONFIG",
            "PATH",
            "DOCKER_CONFIG",
            "SSL_CERT_FILE",
            "https_proxy",
            "DOCKER_HOST",
            "DOCKER_CONTEXT",
            "DOCKER_TLS_VERIFY",
            "DOCKER_CERT_PATH",
            "CONTAINER_HOST",
            "XDG_RUNTIME_DIR",
            "CI ",
            "CARGO_HOME",
            "TERM",
            "NO_COLOR",
        ] {
            assert!(HELP.contains(name), "{name} is not in the help");
        }
    }

    /// What the library asks for of AWS's variables, whatever it is.
    #[test]
    fn every_variable_of_aws_is_in_the_help() {
        let asked = std::cell::RefCell::new(Vec::new());
        let variable = |name: &str| {
            asked.borrow_mut().push(name.to_owned());
            None
        };
        AwsSources::of_variables(&variable, None);
        let words: Vec<&str> = HELP.split([' ', ',', '\n']).collect();
        assert!(asked.borrow().len() > 20);
        for name in asked.into_inner() {
            assert!(words.contains(&&*name), "{name} is not in the help");
        }
    }
}
