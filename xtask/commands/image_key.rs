//! `image-key`: a key that signs images; and such keys out of their files.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use medic_image::sign::key::MAX_FILE;
use medic_image::sign::{KeyError, PublicKey, SigningKey};

use super::keys;
use crate::environment::image_key_password;
use crate::failure::Failure;

/// What `--help` shows.
pub const EXAMPLES: &str = "Examples:
  cargo xtask image-key ~/image-key                   once: makes ~/image-key and ~/image-key.pub; asks for a password
  cargo xtask publish nginx --to registry.example/medic/nginx --sign ~/image-key
  cargo xtask verify registry.example/medic/nginx:1.30.6 --key ~/image-key.pub
  cosign verify --key ~/image-key.pub --insecure-ignore-tlog=true registry.example/medic/nginx:1.30.6";

/// `image-key`.
#[derive(Debug, Args)]
pub struct ImageKey {
    /// Where the key goes; nothing may be there yet
    pub file: PathBuf,
    /// Protect it with the password in the first line of this file [default: COSIGN_PASSWORD; else it is asked for; an
    /// empty one is none]
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Write it without a password as PKCS#8, which OpenSSL reads and cosign does not
    #[arg(long, conflicts_with = "password_file")]
    pub plain: bool,
}

/// Carries the command out.
pub fn image_key(arguments: &ImageKey) -> Result<(), Failure> {
    let of_file = |error| failed(&arguments.file, error);
    let key = SigningKey::generate().map_err(of_file)?;
    let text = if arguments.plain {
        key.plain().map_err(of_file)?.to_string()
    } else {
        let question = format!("Password of the new key {}, or nothing: ", arguments.file.display());
        let password = match given(arguments.password_file.as_deref())? {
            Some(password) => password,
            None => keys::ask(&question)?.unwrap_or_default(),
        };
        key.sealed(&password).map_err(of_file)?
    };
    let public = key.public().file().map_err(of_file)?;
    let (secret, public) = keys::put(&arguments.file, &text, &public)?;
    let (secret, public) = (secret.display(), public.display());
    Ok(writeln!(
        std::io::stdout(),
        "{secret}: signs images; keep it to yourself\n{public}: for 'cargo xtask verify' and 'cosign verify', whoever pulls them"
    )?)
}

/// Reads a key that signs. Its password is in `password`, in the environment, empty, or asked for.
pub fn read_secret(path: &Path, password: Option<&Path>) -> Result<SigningKey, Failure> {
    let text = keys::read_bounded(path, MAX_FILE)?;
    let of_file = |error| failed(path, error);
    if !SigningKey::is_sealed(&text) {
        return SigningKey::parse(&text, None).map_err(of_file);
    }
    if let Some(password) = given(password)? {
        return SigningKey::parse(&text, Some(&password)).map_err(of_file);
    }
    match SigningKey::parse(&text, Some("")) {
        Err(KeyError::WrongPassword) => {}
        parsed => return parsed.map_err(of_file),
    }
    let asked = keys::ask(&format!("Password of the key {}: ", path.display()))?;
    let password = asked.ok_or_else(|| of_file(KeyError::NoPassword))?;
    SigningKey::parse(&text, Some(&password)).map_err(of_file)
}

/// Reads a key that is trusted.
pub fn read_public(path: &Path) -> Result<PublicKey, Failure> {
    PublicKey::parse(&keys::read_bounded(path, MAX_FILE)?).map_err(|error| failed(path, error))
}

fn given(password: Option<&Path>) -> Result<Option<String>, Failure> {
    match password {
        Some(file) => keys::first_line(file).map(Some),
        None => Ok(image_key_password()),
    }
}

fn failed(path: &Path, error: KeyError) -> Failure {
    Failure::Usage(format!("'{}' cannot be used as the key of images: {error}", path.display()))
}
