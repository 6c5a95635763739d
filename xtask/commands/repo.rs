//! `repo`: packages put into a repository that `pkg` installs from.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use medic_build::publish::registry::Machine;
use medic_build::publish::{
    Address, Before, Folder, INDEX_TAG, Place, Plan, Publication, PublishError, Registry, SigningKey,
    carry_out, is_address, look, plan,
};
use medic_image::credentials::{Credentials, Tags};
use medic_model::{ByteSize, PackageName};
use serde_json::json;

use super::context::Context;
use super::keys;
use super::login::{LoginOptions, login_source};
use crate::arguments::BuildOptions;
use crate::environment::network;
use crate::failure::Failure;
use crate::progress::{PublishProgress, screen};

/// The version of the JSON answer's shape.
const FORMAT: u32 = 1;
const DAY: u64 = 86_400;
const ARCHIVE: &str = ".pkg.tar.zst";

/// What `--help` shows.
pub const EXAMPLES: &str = "Examples:
  cargo xtask repo key ~/repo-key                     once: makes ~/repo-key and ~/repo-key.pub
  cargo xtask repo publish /srv/www/packages nginx --key ~/repo-key
  cargo xtask repo publish oci://registry.example/medic/packages nginx --key ~/repo-key
  pkg key add repo-key.pub                            on the other side
  pkg repo add medic oci://registry.example/medic/packages";

const PUBLISH_EXAMPLES: &str = "Examples:
  cargo xtask repo publish /srv/www/packages nginx --key ~/repo-key         the package, built if need be
  cargo xtask repo publish /srv/www/packages ./web-v1.0-x64.pkg.tar.zst --key ~/repo-key
  cargo xtask repo publish oci://127.0.0.1:5000/packages --key ~/repo-key   nothing new: the index is signed anew
  cargo xtask repo publish /srv/www/packages --key ~/old-key --key ~/new-key
                                                      by both, until everybody trusts the new one";

/// `repo`.
#[derive(Debug, Subcommand)]
pub enum Repo {
    /// Add packages to a repository, and sign its next index
    #[command(after_help = PUBLISH_EXAMPLES)]
    Publish(Box<Publish>),
    /// Make a key: FILE, which signs, and FILE.pub, which those trust who install from the repository (`pkg key add`)
    Key(Key),
}

/// `repo publish`.
#[derive(Debug, Args)]
pub struct Publish {
    /// The repository: a folder, which is made when it is not there, or oci://HOST[:PORT]/NAME in a registry
    pub place: String,
    /// Packages of packages/, such as nginx, built if need be; and package archives, by paths that end with .pkg.tar.zst
    /// [default: none; the index is signed anew, so that it does not expire]
    #[arg(value_name = "PACKAGE|ARCHIVE")]
    pub what: Vec<String>,
    /// The file of the key that signs, as 'repo key' or 'minisign -G' writes it; more than once while keys are exchanged
    #[arg(long = "key", value_name = "FILE", required = true)]
    pub keys: Vec<PathBuf>,
    /// A file whose first line is the key's password [default: MEDIC_OS_KEY_PASSWORD; else it is asked for]
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Go on from an index that this public key has signed, though it signs no more: when its secret half is lost
    #[arg(long, value_name = "FILE.pub")]
    pub trust: Vec<PathBuf>,
    /// What the repository is called; that never changes [default: its own name; of a new one, the last part of its place]
    #[arg(long)]
    pub name: Option<PackageName>,
    /// After so many days the index is not taken any more: publish again before that
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=3650))]
    pub expires: u16,
    /// Publish nothing; show what would be
    #[arg(long)]
    pub dry_run: bool,
    /// Write one JSON document to standard output
    #[arg(long)]
    pub json: bool,
    /// How a registry is logged in to.
    #[command(flatten)]
    pub login: LoginOptions,
    /// What to build with.
    #[command(flatten)]
    pub options: BuildOptions,
}

/// `repo key`.
#[derive(Debug, Args)]
pub struct Key {
    /// Where the key goes; nothing may be there yet
    pub file: PathBuf,
    /// Protect it with the password in the first line of this file; without, it has none and its file is all that guards it
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}

/// Carries the command out.
pub fn repo(command: &Repo) -> Result<(), Failure> {
    match command {
        Repo::Publish(arguments) => publish(arguments),
        Repo::Key(arguments) => key(arguments),
    }
}

fn key(arguments: &Key) -> Result<(), Failure> {
    let password = arguments.password_file.as_deref().map(keys::first_line).transpose()?;
    let (secret, public) = keys::make(&arguments.file, password)?;
    let (secret, public) = (secret.display(), public.display());
    Ok(writeln!(
        std::io::stdout(),
        "{secret}: signs; keep it to yourself\n{public}: for 'pkg key add', on every machine that installs from the repository"
    )?)
}

fn publish(arguments: &Publish) -> Result<(), Failure> {
    let read = |path: &PathBuf| keys::read_secret(path, arguments.password_file.as_deref());
    let keys = arguments.keys.iter().map(read).collect::<Result<Vec<SigningKey>, _>>()?;
    let mut trusted =
        arguments.trust.iter().map(|path| keys::read_public(path)).collect::<Result<Vec<_>, _>>()?;
    trusted.extend(keys.iter().map(|key| key.public().clone()));
    let target = Target::of(arguments)?;
    let place = target.place()?;
    // Before anything is built: a repository that cannot be added to is said at once.
    let before = look(&*place, &trusted)?;
    let name = name(arguments, &before)?;
    let packages = packages(&arguments.what)?;
    let context = if packages.is_empty() { None } else { Some(Context::new(&arguments.options)?) };
    // What is published stays in the store until it is.
    let _in_use = context.as_ref().map(Context::use_store).transpose()?;
    let built = context.as_ref().map_or_else(|| Ok(Vec::new()), |context| context.packages(&packages))?;
    let mut archives: Vec<PathBuf> = built.into_iter().map(|package| package.archive).collect();
    archives.extend(arguments.what.iter().filter(|what| what.ends_with(ARCHIVE)).map(PathBuf::from));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let lifetime = u64::from(arguments.expires) * DAY;
    let publication = Publication { name: &name, keys: &keys, now, lifetime };
    let plan = plan(&place.location(), before, &archives, &publication)?;
    if !arguments.dry_run {
        target.make(arguments)?;
        // What was good when it was looked at may have expired while packages were built.
        let place = target.place()?;
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        carry_out(&plan, &*place, &keys, &PublishProgress(&*screen(no_color)))?;
    }
    tell(arguments, &place.location(), &plan, &keys)
}

/// Those of the operands that are no archives.
fn packages(what: &[String]) -> Result<Vec<PackageName>, Failure> {
    let names = what.iter().filter(|what| !what.ends_with(ARCHIVE));
    let wrong = |error| Failure::Usage(format!("{error}; an archive's path ends with {ARCHIVE}"));
    names.map(|name| name.parse().map_err(wrong)).collect()
}

/// Where is published to.
enum Target {
    Folder(PathBuf),
    Registry { text: String, address: Address, credentials: Arc<Credentials> },
}

impl Target {
    fn of(arguments: &Publish) -> Result<Self, Failure> {
        let (text, login) = (&arguments.place, &arguments.login);
        if is_address(text) {
            let address = Address::parse(text).map_err(|source| failed(text, source))?;
            let credentials = Arc::new(login.who.credentials(&[&address.host])?);
            return Ok(Self::Registry { text: text.clone(), address, credentials });
        }
        if text.contains("://") {
            let message = format!("'{text}' is neither a folder nor oci://HOST[:PORT]/NAME");
            return Err(Failure::Usage(message));
        }
        if login.is_given() {
            let message =
                format!("'{text}' is a folder: --username and --create-repository are for registries");
            return Err(Failure::Usage(message));
        }
        Ok(Self::Folder(std::path::absolute(text)?))
    }

    /// The place, with a login that was got just now where it is a registry.
    fn place(&self) -> Result<Box<dyn Place>, Failure> {
        match self {
            Self::Folder(path) => Ok(Box::new(Folder::new(path.clone()))),
            Self::Registry { text, address, credentials } => {
                let login = login_source(credentials, &address.host)?;
                let registry = Registry::new(text, &network(), login, Arc::new(Machine));
                Ok(Box::new(registry.map_err(|source| failed(text, source))?))
            }
        }
    }

    /// Makes the repository in a registry, where that was wished for. The index's tag leads to another index each time.
    fn make(&self, arguments: &Publish) -> Result<(), Failure> {
        let Self::Registry { address, credentials, .. } = self else { return Ok(()) };
        let tags = Tags::ImmutableBut(&[INDEX_TAG]);
        arguments.login.make_repository(credentials, &address.host, &address.name, tags)
    }
}

fn failed(location: &str, source: std::io::Error) -> PublishError {
    PublishError::Registry { location: location.to_owned(), source }
}

fn name(arguments: &Publish, before: &Before) -> Result<PackageName, Failure> {
    if let Some(name) = arguments.name.as_ref().or(before.index.as_ref().map(|index| &index.name)) {
        return Ok(name.clone());
    }
    let last = arguments.place.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let wrong =
        |_| Failure::Usage(format!("a new repository cannot be called '{last}': name it with --name"));
    last.parse().map_err(wrong)
}

fn tell(arguments: &Publish, location: &str, plan: &Plan, keys: &[SigningKey]) -> Result<(), Failure> {
    let numbers: Vec<String> = keys.iter().map(|key| key.public().id().to_string()).collect();
    let index = &plan.index;
    let mut out = std::io::stdout();
    if arguments.json {
        let packages: Vec<_> = plan
            .archives
            .iter()
            .map(|one| {
                let listed = &one.listed;
                json!({"name": listed.name, "version": listed.version, "arch": listed.arch, "archive": one.path,
                       "size": listed.size, "sha256": listed.sha256, "new": one.is_new})
            })
            .collect();
        let answer = json!({"format": FORMAT, "repository": index.name, "location": location, "index": index.version,
                            "expires_at": index.expires_at, "listed": index.packages.len(), "packages": packages,
                            "keys": numbers, "dry_run": arguments.dry_run});
        return Ok(writeln!(out, "{answer}")?);
    }
    let would = if arguments.dry_run { "would be published" } else { "published" };
    for one in &plan.archives {
        let listed = &one.listed;
        let state = if one.is_new { "new" } else { "listed before" };
        let size = ByteSize(listed.size);
        writeln!(out, "{} {} {}: {size}, {state}", listed.name, listed.version, listed.arch)?;
    }
    writeln!(
        out,
        "{location}: index {} of '{}' {would}: {} packages, good for {} days, signed by {}",
        index.version,
        index.name,
        index.packages.len(),
        arguments.expires,
        numbers.join(" and ")
    )?;
    Ok(())
}
