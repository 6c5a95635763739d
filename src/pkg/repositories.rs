//! Repositories that an operator has added, and the keys that are trusted to sign them.
//!
//! ```text
//! srv/settings/medic-os/keys/<NUMBER>.pub         keys, as minisign writes them
//! srv/settings/medic-os/repositories/<name>       a folder or an address: the first line that is no comment
//! srv/settings/medic-os/registry.json             logins for registries, as docker keeps them
//! srv/system/repositories/<name>.json             what was seen of it, so that nothing older is taken
//! ```

use std::path::{Path, PathBuf};

use medic_model::layout::{SETTINGS, SYSTEM};
use medic_model::{DocumentError, PackageName, RelPath, document};
use medic_repository::http::is_address;
use medic_repository::key::KeyId;
use medic_repository::session::Login;
use medic_repository::{
    Directory, Http, Listed, Network, Oci, Repository, RepositoryError, Seen, Transport, Trust, TrustedKey,
    oci,
};

use crate::error::Error;
use crate::paths;
use crate::reporter::{Event, Reporter};
use crate::root::Root;
use crate::transaction::{Session, Turn};

const LIMIT: u64 = 64 << 10;

fn keys_folder() -> RelPath {
    paths::path(format!("{SETTINGS}/medic-os/keys"))
}

fn folder() -> RelPath {
    paths::path(format!("{SETTINGS}/medic-os/repositories"))
}

fn file(name: &PackageName) -> RelPath {
    paths::path(format!("{}/{name}", folder()))
}

fn state(name: &PackageName) -> RelPath {
    paths::path(format!("{SYSTEM}/repositories/{name}.json"))
}

/// A repository that an operator has added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configured {
    /// What the operator calls it.
    pub name: PackageName,
    /// Where it is: a folder's path, perhaps with `file://` before it, the address of a web server's folder, or that of a registry's
    /// repository.
    pub location: String,
}

/// A repository that is trusted and open.
pub struct Opened {
    /// What the operator calls it.
    pub name: PackageName,
    /// The repository.
    pub repository: Repository,
}

/// The repositories, and who is told how far it is with what is got from them.
#[derive(Clone, Copy)]
pub struct Offers<'a> {
    /// The repositories.
    pub opened: &'a [Opened],
    /// Who is told.
    pub reporter: &'a dyn Reporter,
}

impl Offers<'_> {
    /// Gets an archive of one of them; its digest is for the one who reads it to check.
    ///
    /// # Errors
    /// It cannot be got.
    pub fn fetch(&self, root: &Root, opened: &Opened, listed: &Listed) -> Result<PathBuf, Error> {
        let (name, size) = (listed.name.as_str(), Some(listed.size));
        let told = |bytes| self.reporter.event(&Event::Downloading { name, bytes, size });
        Ok(opened.repository.fetch(listed, &root.path_of(&paths::cache()), &told)?)
    }
}

/// All repositories, ascending by name.
///
/// # Errors
/// A file cannot be read, or says nothing.
pub fn all(root: &Root) -> Result<Vec<Configured>, Error> {
    let mut all = Vec::new();
    for name in root.names(&folder())?.iter().filter_map(|name| name.parse::<PackageName>().ok()) {
        let path = file(&name);
        let text = root.read(&path, LIMIT)?.unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
        let line = line.ok_or_else(|| {
            let file = root.path_of(&path).display().to_string();
            DocumentError::whole(&file, "it should hold the path of a repository's folder")
        })?;
        all.push(Configured { name, location: line.to_owned() });
    }
    Ok(all)
}

/// The trusted keys, ascending by file name.
///
/// # Errors
/// A file cannot be read, or holds no key.
pub fn keys(root: &Root) -> Result<Vec<TrustedKey>, Error> {
    let mut keys = Vec::new();
    for name in root.names(&keys_folder())?.iter().filter(|name| name.ends_with(".pub")) {
        let Ok(path) = format!("{}/{name}", keys_folder()).parse::<RelPath>() else { continue };
        let text = root.read(&path, LIMIT)?.unwrap_or_default();
        let file = root.path_of(&path).display().to_string();
        let key = TrustedKey::parse(&String::from_utf8_lossy(&text));
        keys.push(key.map_err(|error| DocumentError::whole(&file, error))?);
    }
    Ok(keys)
}

/// The login for a registry: in the file that the operator names, else in the settings.
fn login(root: &Root, location: &str, network: &Network) -> Result<Option<Login>, Error> {
    let unusable = |source| RepositoryError::Read { location: location.to_owned(), source };
    let host = oci::Address::parse(location).map_err(unusable)?.host;
    let settings = paths::path(format!("{SETTINGS}/medic-os/registry.json"));
    let (file, text) = match &network.logins {
        Some(path) => (path.clone(), Some(std::fs::read(path))),
        None => (root.path_of(&settings), root.read(&settings, LIMIT)?.map(Ok)),
    };
    let login = text.map(|text| Login::in_docker_config(&text?, &host)).transpose();
    let unusable = |source| RepositoryError::Read { location: file.display().to_string(), source };
    Ok(login.map_err(unusable)?.flatten())
}

fn transport(root: &Root, configured: &Configured, network: &Network) -> Result<Box<dyn Transport>, Error> {
    let unusable = |source| RepositoryError::Read { location: configured.location.clone(), source };
    if oci::is_address(&configured.location) {
        let login = login(root, &configured.location, network)?;
        return Ok(Box::new(Oci::new(&configured.location, network, login).map_err(unusable)?));
    }
    if is_address(&configured.location) {
        return Ok(Box::new(Http::new(&configured.location, network).map_err(unusable)?));
    }
    let path = configured.location.strip_prefix("file://").unwrap_or(&configured.location);
    if Path::new(path).is_absolute() {
        return Ok(Box::new(Directory::new(path)));
    }
    Err(Error::Usage(format!(
        "the repository '{}' is at '{}', which is neither the absolute path of a folder nor an address that begins with https://, http:// or oci://",
        configured.name, configured.location
    )))
}

/// Opens a repository, trusting nothing older than what was seen of it before.
///
/// # Errors
/// It cannot be read, or is not to be trusted.
pub fn open(
    root: &Root,
    configured: &Configured,
    keys: &[TrustedKey],
    now: u64,
    network: &Network,
) -> Result<Opened, Error> {
    let path = state(&configured.name);
    let seen: Option<Seen> = match root.read(&path, LIMIT)? {
        Some(text) => Some(document::from_json(&root.path_of(&path).display().to_string(), &text)?),
        None => None,
    };
    let trust = Trust { keys, now, seen: seen.as_ref() };
    let repository = Repository::open(transport(root, configured, network)?, trust)?;
    Ok(Opened { name: configured.name.clone(), repository })
}

/// Opens all repositories. One that cannot be reached is told and left out; one that is not to be trusted is an error.
///
/// # Errors
/// A repository is not to be trusted, or a setting cannot be read.
pub fn open_all(
    root: &Root,
    now: u64,
    network: &Network,
    reporter: &dyn Reporter,
) -> Result<Vec<Opened>, Error> {
    let keys = keys(root)?;
    let mut opened = Vec::new();
    for configured in all(root)? {
        match open(root, &configured, &keys, now, network) {
            Ok(one) => opened.push(one),
            Err(Error::Repository(error)) if error.is_out_of_reach() => {
                let text = format!("the repository '{}' cannot be used now: {error}", configured.name);
                reporter.event(&Event::Warning { text: &text });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(opened)
}

/// Remembers what was seen, so that nothing older is taken from now on.
///
/// # Errors
/// It cannot be written.
pub fn remember(session: &Session, opened: &[Opened]) -> Result<(), Error> {
    let root = session.root();
    for Opened { name, repository } in opened {
        let path = state(name);
        let text = serde_json::to_vec(&repository.seen())
            .map_err(|error| DocumentError::whole(path.as_str(), error))?;
        if root.read(&path, LIMIT)?.as_ref() != Some(&text) {
            root.write_durable(&path, &text, 0o644)?;
        }
    }
    Ok(())
}

/// Adds a repository, once it has been opened and is trusted.
///
/// # Errors
/// It is there under that name already, cannot be read, or is not to be trusted.
pub fn add(turn: &Turn, configured: &Configured, now: u64, network: &Network) -> Result<Opened, Error> {
    let root = turn.root();
    if all(root)?.iter().any(|other| other.name == configured.name) {
        let name = &configured.name;
        return Err(Error::Usage(format!("there is a repository '{name}' already: remove it first")));
    }
    let opened = open(root, configured, &keys(root)?, now, network)?;
    turn.write(&file(&configured.name), format!("{}\n", configured.location).as_bytes())?;
    if let Turn::Change(session) = turn {
        remember(session, std::slice::from_ref(&opened))?;
    }
    Ok(opened)
}

/// Removes a repository, and what was seen of it. What was installed from it stays.
///
/// # Errors
/// There is none of that name, or its file cannot be removed.
pub fn remove(turn: &Turn, name: &PackageName) -> Result<(), Error> {
    if !turn.remove(&file(name))? {
        let why = "there is no repository of that name".to_owned();
        return Err(Error::NoCandidate { text: name.to_string(), why });
    }
    turn.remove(&state(name))?;
    Ok(())
}

/// Trusts a key.
///
/// # Errors
/// The text is no key, or it cannot be written.
pub fn add_key(turn: &Turn, text: &str) -> Result<KeyId, Error> {
    let key = TrustedKey::parse(text).map_err(|error| Error::Usage(error.to_string()))?;
    let path = paths::path(format!("{}/{}.pub", keys_folder(), key.id()));
    turn.write(&path, key.file().as_bytes())?;
    Ok(key.id())
}

/// Trusts a key no longer; `number` is what `pkg key list` shows.
///
/// # Errors
/// There is none of that number, or its file cannot be removed.
pub fn remove_key(turn: &Turn, number: &str) -> Result<(), Error> {
    let root = turn.root();
    let mut removed = false;
    for name in root.names(&keys_folder())?.iter().filter(|name| name.ends_with(".pub")) {
        let Ok(path) = format!("{}/{name}", keys_folder()).parse::<RelPath>() else { continue };
        let text = root.read(&path, LIMIT)?.unwrap_or_default();
        let key = TrustedKey::parse(&String::from_utf8_lossy(&text)).ok();
        if key.is_some_and(|key| key.id().to_string().eq_ignore_ascii_case(number)) {
            removed |= turn.remove(&path)?;
        }
    }
    if removed {
        return Ok(());
    }
    let why = "no trusted key has that number: 'pkg key list' shows them".to_owned();
    Err(Error::NoCandidate { text: number.to_owned(), why })
}
