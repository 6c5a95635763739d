//! Keys that sign: minisign's secret keys.

use std::io::Cursor;

use minisign::{KeyPair, PublicKey, SecretKey, SecretKeyBox};

use super::PublishError;
use crate::key::{KeyError, TrustedKey, value};

/// How the line of a secret key begins that a password protects: `Ed` for the signature, `Sc` for the password's hash, `B2`.
const PROTECTED: &str = "RWRTY0Iy";

/// Bytes of a secret key, and where in them the checksum begins.
const KEY_BYTES: usize = 158;
const CHECKSUM: usize = 126;

/// A key that signs.
pub struct SigningKey {
    secret: SecretKey,
    public: TrustedKey,
}

impl From<KeyError> for PublishError {
    fn from(error: KeyError) -> Self {
        Self::Key(error.to_string())
    }
}

fn key_error(error: impl std::fmt::Display) -> PublishError {
    PublishError::Key(error.to_string())
}

/// The bytes of a key that `minisign -G -W` has written: without a checksum, which its own program does not miss.
fn unchecked(text: &str) -> Option<Vec<u8>> {
    let line = text.lines().nth(1)?.trim();
    let (mut bits, mut count, mut bytes) = (0u32, 0, Vec::new());
    for character in line.trim_end_matches('=').bytes() {
        bits = bits << 6 | u32::from(value(character)?);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    let has_none = bytes.len() == KEY_BYTES && bytes[CHECKSUM..].iter().all(|byte| *byte == 0);
    (has_none && !SigningKey::is_protected(text)).then_some(bytes)
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

    /// Makes a new key that a password protects: the secret key as minisign writes it, and what others trust. Takes a second and 1 GiB of
    /// memory, as minisign does, so that passwords cannot be guessed fast.
    ///
    /// # Errors
    /// There is no randomness, or not enough memory.
    pub fn generate_protected(password: String) -> Result<(String, TrustedKey), PublishError> {
        let pair = KeyPair::generate_encrypted_keypair(Some(password)).map_err(key_error)?;
        let public = TrustedKey::parse(&pair.pk.to_base64())?;
        let comment = format!("minisign encrypted secret key {}", public.id());
        let text = pair.sk.to_box(Some(&comment)).map_err(key_error)?.into_string();
        Ok((text, public))
    }

    /// Whether a secret key, as minisign writes it, is protected by a password.
    pub fn is_protected(text: &str) -> bool {
        text.lines().any(|line| line.trim_start().starts_with(PROTECTED))
    }

    /// Reads a secret key as minisign writes it. `password` is for one that is protected.
    ///
    /// # Errors
    /// It is no key, or the password is wrong or missing.
    pub fn parse(text: &str, password: Option<String>) -> Result<Self, PublishError> {
        let secret = SecretKeyBox::from_string(text).map_err(key_error)?;
        let secret = match (password, unchecked(text)) {
            (Some(password), _) => secret.into_secret_key(Some(password)),
            (None, Some(bytes)) => SecretKey::from_bytes(&bytes),
            (None, None) => secret.into_unencrypted_secret_key(),
        };
        let key = Self::of(secret.map_err(key_error)?)?;
        // Not every key has a checksum: what it signs shows whether it is whole.
        let signature = key.sign(b"", "")?;
        crate::key::verify(std::slice::from_ref(&key.public), b"", signature.as_bytes())
            .map_err(key_error)?;
        Ok(key)
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

    /// The secret key as minisign writes it, not protected.
    ///
    /// # Errors
    /// It came out of a file with a password, and is for that file alone.
    pub fn secret_file(&self) -> Result<String, PublishError> {
        let comment = format!("minisign secret key {}", self.public.id());
        let text = self.secret.to_box(Some(&comment)).map_err(key_error)?.into_string();
        if Self::is_protected(&text) {
            return Err(key_error("it has a password, and is written without one nowhere"));
        }
        Ok(text)
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
