//! Making a repository in a folder, and adding to it: for the builder.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use fs_err as fs;
use medic_archive::package::{Limits, PackageError};
use medic_archive::{PackageReader, json};
use medic_model::PackageName;
use minisign::{KeyPair, PublicKey, SecretKey, SecretKeyBox};

use crate::error::RepositoryError;
use crate::index::{FORMAT, Index, Listed};
use crate::key::{KeyError, TrustedKey};
use crate::open::{Repository, Trust};
use crate::transport::Directory;

/// A key that signs.
pub struct SigningKey {
    secret: SecretKey,
    public: TrustedKey,
}

/// What is published.
pub struct Publication<'a> {
    /// The repository's name; it never changes.
    pub name: &'a PackageName,
    /// The keys that sign. More than one while a new key is brought in.
    pub keys: &'a [SigningKey],
    /// Seconds since 1970.
    pub now: u64,
    /// How many seconds the index is good for.
    pub lifetime: u64,
}

/// Why nothing was published. What was there before is untouched.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The repository that is there is not ours, or is damaged.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// An archive is refused.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// A key cannot be used.
    #[error("the key cannot be used: {0}")]
    Key(String),
    /// The same package in other bytes.
    #[error(
        "'{}' has other bytes than the archive of that name in the repository: a version that was published never changes; give the package a new revision", path.display()
    )]
    Changed {
        /// The archive.
        path: PathBuf,
    },
    /// No key was given.
    #[error("no key was given to sign with")]
    NoKeys,
    /// A file cannot be read or written; the error names it.
    #[error(transparent)]
    Disk(#[from] std::io::Error),
}

impl From<KeyError> for PublishError {
    fn from(error: KeyError) -> Self {
        Self::Key(error.to_string())
    }
}

fn key_error(error: impl std::fmt::Display) -> PublishError {
    PublishError::Key(error.to_string())
}

impl SigningKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn generate() -> Result<Self, PublishError> {
        let pair = KeyPair::generate_unencrypted_keypair().map_err(key_error)?;
        Self::of(pair.sk)
    }

    /// Reads a secret key as minisign writes it. `password` is for one that is encrypted.
    ///
    /// # Errors
    /// It is no key, or the password is wrong.
    pub fn parse(text: &str, password: Option<String>) -> Result<Self, PublishError> {
        let secret = SecretKeyBox::from_string(text).map_err(key_error)?;
        let secret = match password {
            Some(password) => secret.into_secret_key(Some(password)),
            None => secret.into_unencrypted_secret_key(),
        };
        Self::of(secret.map_err(key_error)?)
    }

    fn of(secret: SecretKey) -> Result<Self, PublishError> {
        let public = PublicKey::from_secret_key(&secret).map_err(key_error)?;
        let public = TrustedKey::parse(&public.to_base64())?;
        Ok(Self { secret, public })
    }

    /// The key that others trust.
    pub fn public(&self) -> &TrustedKey {
        &self.public
    }

    /// The secret key as minisign writes it, not encrypted.
    ///
    /// # Errors
    /// It cannot be encoded.
    pub fn secret_file(&self) -> Result<String, PublishError> {
        let comment = format!("minisign secret key {}", self.public.id());
        Ok(self.secret.to_box(Some(&comment)).map_err(key_error)?.into_string())
    }

    /// A detached signature of `bytes`, as [`crate::key::verify`] checks it. `comment` is signed as well; it is one line.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn sign(&self, bytes: &[u8], comment: &str) -> Result<String, PublishError> {
        let untrusted = format!("signature from minisign secret key {}", self.public.id());
        let signed = minisign::sign(None, &self.secret, Cursor::new(bytes), Some(comment), Some(&untrusted));
        Ok(signed.map_err(key_error)?.into_string())
    }
}

/// Adds archives to the repository in the folder `to`, which is made if need be, and signs a new index that lists them and all that
/// was there. Every archive is read to its end and verified first.
///
/// # Errors
/// [`PublishError`]; readers see the new index or the old one, never a part.
pub fn publish(
    to: &Path,
    archives: &[PathBuf],
    publication: &Publication<'_>,
) -> Result<Index, PublishError> {
    if publication.keys.is_empty() {
        return Err(PublishError::NoKeys);
    }
    fs::create_dir_all(to.join("packages"))?;
    let before = existing(to, publication)?;
    let version = before.as_ref().map_or(1, |index| index.version + 1);
    let mut packages: BTreeMap<String, Listed> = BTreeMap::new();
    for listed in before.into_iter().flat_map(|index| index.packages) {
        packages.insert(listed.file_name(), listed);
    }
    for archive in archives {
        let listed = add(to, archive, &packages)?;
        packages.insert(listed.file_name(), listed);
    }
    let mut packages: Vec<Listed> = packages.into_values().collect();
    packages.sort_by(|a, b| a.key().cmp(&b.key()));
    let index = Index {
        format: FORMAT,
        name: publication.name.clone(),
        version,
        created_at: publication.now,
        expires_at: publication.now.saturating_add(publication.lifetime),
        packages,
    };
    write(to, &index, publication.keys)?;
    Ok(index)
}

/// The index that is there: one of our own keys must have signed it, but it may have expired.
fn existing(to: &Path, publication: &Publication<'_>) -> Result<Option<Index>, PublishError> {
    let keys: Vec<TrustedKey> = publication.keys.iter().map(|key| key.public.clone()).collect();
    let trust = Trust { keys: &keys, now: 0, seen: None };
    match Repository::open(Box::new(Directory::new(to)), trust) {
        Err(RepositoryError::NotThere { .. }) => Ok(None),
        Ok(repository) if repository.index().name != *publication.name => {
            let (expected, found) = (repository.index().name.clone(), publication.name.clone());
            Err(RepositoryError::OtherRepository { location: to.display().to_string(), expected, found }
                .into())
        }
        Ok(repository) => Ok(Some(repository.index().clone())),
        Err(error) => Err(error.into()),
    }
}

fn add(to: &Path, archive: &Path, known: &BTreeMap<String, Listed>) -> Result<Listed, PublishError> {
    let (manifest, digested) = PackageReader::open(archive, Limits::default())?.verify()?;
    let listed = Listed::of(&manifest, digested.size, digested.sha256);
    match known.get(&listed.file_name()) {
        Some(known) if known.sha256 != listed.sha256 => {
            return Err(PublishError::Changed { path: archive.to_owned() });
        }
        _ => {}
    }
    let place = to.join("packages").join(listed.file_name());
    let there = medic_archive::digest::of_file(&place).is_ok_and(|found| found.sha256 == listed.sha256);
    if !there {
        let mut from = fs::File::open(archive)?;
        put(&place, |file| std::io::copy(&mut from, file).map(drop))?;
    }
    Ok(listed)
}

/// Signatures and index first, under names that were never used; then `latest`, by one rename.
fn write(to: &Path, index: &Index, keys: &[SigningKey]) -> Result<(), PublishError> {
    let text = json::canonical(index)?;
    let name = format!("index-{}.json", index.version);
    for (number, key) in keys.iter().enumerate() {
        let comment = format!("timestamp:{}\tfile:{name}\thashed", index.created_at);
        let signature = key.sign(&text, &comment)?;
        put(&to.join(format!("{name}.{}.minisig", key.public.id())), |f| f.write_all(signature.as_bytes()))?;
        if number == 0 {
            put(&to.join(format!("{name}.minisig")), |f| f.write_all(signature.as_bytes()))?;
        }
    }
    put(&to.join(&name), |file| file.write_all(&text))?;
    let latest = format!("{}\n", index.version);
    Ok(put(&to.join("latest"), |file| file.write_all(latest.as_bytes()))?)
}

/// Writes a file whole: aside, durable, renamed.
fn put(path: &Path, write: impl FnOnce(&mut fs::File) -> std::io::Result<()>) -> std::io::Result<()> {
    let aside = path.with_added_extension(format!("{}.partial", std::process::id()));
    let written = fs::File::create(&aside).and_then(|mut file| {
        write(&mut file)?;
        file.sync_all()
    });
    let renamed = written.and_then(|()| fs::rename(&aside, path));
    if renamed.is_err() {
        let _ = fs::remove_file(&aside);
        return renamed;
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}
