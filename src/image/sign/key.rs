//! Keys, and the files that they are kept in.

use std::fmt;

use p256::SecretKey;
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::ecdsa::{Signature, SigningKey as Secret, VerifyingKey};
use p256::elliptic_curve::zeroize::Zeroizing;
use p256::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding,
};

use super::sealed;
use super::{from_base64, to_base64};

/// The most bytes of a key's file: those of cosign and OpenSSL have less than a thousand.
pub const MAX_FILE: u64 = 64 << 10;

/// Why there is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is something else.
    #[error(
        "it is no key that signs images: that is a PEM file of an ECDSA key over P-256, as 'cargo xtask image-key', \
         'cosign generate-key-pair' or 'openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256' writes it"
    )]
    NotAKey,
    /// It is the other half.
    #[error("it is a public key, which signs nothing: give the file beside it that has no '.pub'")]
    Public,
    /// It is the other half.
    #[error("it is a secret key: give the public one, whose file ends with '.pub'")]
    Secret,
    /// A public key of another kind.
    #[error(
        "it is no public key of ECDSA over P-256 in PEM, which begins with '-----BEGIN PUBLIC KEY-----': \
         'cargo xtask image-key' and 'cosign generate-key-pair' write such files"
    )]
    NotAPublicKey,
    /// Protected in a form of OpenSSL's.
    #[error(
        "its password is in OpenSSL's form, which is not read: 'openssl pkey -in FILE -out NEW' takes the password off, and \
         'cargo xtask image-key' makes a key with one"
    )]
    ProtectedByOthers,
    /// Protected, and no password was given.
    #[error(
        "it has a password: set COSIGN_PASSWORD, or give a file whose first line it is with --password-file"
    )]
    NoPassword,
    /// The password is not the key's.
    #[error("its password is another one, or the file is damaged")]
    WrongPassword,
    /// Protected in a way that would take more than this machine should give.
    #[error(
        "its password is guarded by {0}: only scrypt with at most 1 GiB of memory, and nacl/secretbox, are read"
    )]
    Guard(String),
    /// There is no randomness.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
}

/// A key that signs.
#[derive(Clone)]
pub struct SigningKey(Secret);

/// A key that others trust.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// Fills bytes with random ones.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| KeyError::Random(error.to_string()))?;
    Ok(bytes)
}

impl SigningKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        loop {
            let bytes = Zeroizing::new(random::<32>()?);
            // One number of 2^32 is none of the curve's: then the next.
            if let Ok(key) = Secret::from_slice(&*bytes) {
                return Ok(Self(key));
            }
        }
    }

    /// Whether a key's file wants a password.
    pub fn is_sealed(text: &str) -> bool {
        sealed::is_sealed(text)
    }

    /// Reads a key's file: cosign's form, which has a password (perhaps an empty one), or PKCS#8 or SEC 1 in PEM, which have none.
    ///
    /// # Errors
    /// It is no key, or the password is missing or wrong.
    pub fn parse(text: &str, password: Option<&str>) -> Result<Self, KeyError> {
        if Self::is_sealed(text) {
            let password = password.ok_or(KeyError::NoPassword)?;
            let der = sealed::open(text, password.as_bytes())?;
            return Secret::from_pkcs8_der(&der).map(Self).map_err(|_| KeyError::NotAKey);
        }
        match label(text) {
            "PRIVATE KEY" => Secret::from_pkcs8_pem(trimmed(text)).map(Self).map_err(|_| KeyError::NotAKey),
            // What OpenSSL's older commands write; the curve's name stands in a block of its own before it.
            "EC PRIVATE KEY" | "EC PARAMETERS" => {
                let at = text.find("-----BEGIN EC PRIVATE KEY").ok_or(KeyError::NotAKey)?;
                let key = SecretKey::from_sec1_pem(trimmed(&text[at..])).map_err(|_| KeyError::NotAKey)?;
                Ok(Self(key.into()))
            }
            "ENCRYPTED PRIVATE KEY" => Err(KeyError::ProtectedByOthers),
            "PUBLIC KEY" => Err(KeyError::Public),
            _ => Err(KeyError::NotAKey),
        }
    }

    /// The file of the key as cosign writes it, protected by a password.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn sealed(&self, password: &str) -> Result<String, KeyError> {
        let der = self.0.to_pkcs8_der().map_err(|_| KeyError::NotAKey)?;
        sealed::seal(der.as_bytes(), password.as_bytes())
    }

    /// The file of the key without a password: PKCS#8 in PEM.
    ///
    /// # Errors
    /// It cannot be written down.
    pub fn plain(&self) -> Result<Zeroizing<String>, KeyError> {
        self.0.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::NotAKey)
    }

    /// The key that others trust.
    pub fn public(&self) -> PublicKey {
        PublicKey(*self.0.verifying_key())
    }

    /// The signature of some bytes, in ASN.1's form, as Base64.
    pub fn sign(&self, bytes: &[u8]) -> String {
        let signature: Signature = self.0.sign(bytes);
        to_base64(signature.to_der().as_bytes())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("public", &self.public()).finish_non_exhaustive()
    }
}

impl PublicKey {
    /// Reads a public key in PEM.
    ///
    /// # Errors
    /// It is none, or of another kind.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        if SigningKey::is_sealed(text) || label(text).ends_with("PRIVATE KEY") {
            return Err(KeyError::Secret);
        }
        VerifyingKey::from_public_key_pem(trimmed(text)).map(Self).map_err(|_| KeyError::NotAPublicKey)
    }

    /// The key's file.
    ///
    /// # Errors
    /// It cannot be written down.
    pub fn file(&self) -> Result<String, KeyError> {
        self.0.to_public_key_pem(LineEnding::LF).map_err(|_| KeyError::NotAPublicKey)
    }

    /// What bundles call the key: the SHA-256 digest of its DER form, as Base64.
    pub fn hint(&self) -> String {
        to_base64(self.digest().as_bytes())
    }

    /// What people may tell the key by: the first digits of that digest.
    pub fn id(&self) -> String {
        self.digest().to_string()[..16].to_owned()
    }

    fn digest(&self) -> medic_model::Sha256 {
        // A point on the curve has one such form.
        let der = self.0.to_public_key_der().unwrap_or_else(|error| unreachable!("{error}"));
        medic_archive::digest::of_bytes(der.as_bytes()).sha256
    }

    /// Whether this key made a signature (Base64 of ASN.1's form) of these bytes. A signature of another form is none.
    pub fn verifies(&self, bytes: &[u8], signature: &str) -> bool {
        let signature = from_base64(signature).and_then(|der| Signature::from_der(&der).ok());
        signature.is_some_and(|signature| self.0.verify(bytes, &signature).is_ok())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}

/// What a PEM document says that it is.
fn label(text: &str) -> &str {
    let begun = text.find("-----BEGIN ").map_or("", |at| &text[at + 11..]);
    begun.split("-----").next().unwrap_or_default()
}

/// Without what people leave around it.
fn trimmed(text: &str) -> &str {
    text.trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`, and by `openssl ec` and `openssl pkey -pubout` of it.
    const PKCS8: &str = include_str!("vectors/openssl.pem");
    const SEC1: &str = include_str!("vectors/openssl-sec1.pem");
    const PUBLIC: &str = include_str!("vectors/openssl.pub");
    /// Made by cosign 2.5.0 with the password `secret`.
    const COSIGN: &str = include_str!("vectors/cosign.key");
    const COSIGN_PUBLIC: &str = include_str!("vectors/cosign.pub");

    #[test]
    fn keys_of_other_programs_are_read() {
        let public = PublicKey::parse(PUBLIC).expect("a public key");
        for text in [PKCS8, SEC1, &format!("\n{PKCS8}\n\n")] {
            assert_eq!(SigningKey::parse(text, None).expect("a key").public(), public);
        }
        let key = SigningKey::parse(COSIGN, Some("secret")).expect("the password is right");
        assert_eq!(key.public().file().expect("written"), COSIGN_PUBLIC);
        assert_eq!(PublicKey::parse(COSIGN_PUBLIC).expect("a public key"), key.public());
    }

    #[test]
    fn a_key_comes_back_from_its_file() {
        let key = SigningKey::generate().expect("randomness");
        let plain = SigningKey::parse(&key.plain().expect("written"), None).expect("read");
        assert_eq!(plain.public(), key.public());
        let text = key.sealed("pass word").expect("written");
        assert!(SigningKey::is_sealed(&text) && !text.contains("PRIVATE KEY-----\nMIG"));
        assert_eq!(SigningKey::parse(&text, Some("pass word")).expect("read").public(), key.public());
        assert_eq!(SigningKey::parse(&text, Some("password")).expect_err("wrong"), KeyError::WrongPassword);
        assert_eq!(SigningKey::parse(&text, None).expect_err("none"), KeyError::NoPassword);
        assert_ne!(text, key.sealed("pass word").expect("written"), "another salt each time");
        assert!(!format!("{key:?}").contains(&key.plain().expect("written")[40..60]));
    }

    #[test]
    fn what_is_no_key_is_said_to_be_what_it_is() {
        let error = |text: &str| SigningKey::parse(text, None).expect_err("no key");
        assert_eq!(error(PUBLIC), KeyError::Public);
        for none in ["", "x", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
        {
            assert_eq!(error(none), KeyError::NotAKey, "{none}");
        }
        let label = |name: &str| format!("-----BEGIN {name}-----\nAAAA\n-----END {name}-----\n");
        assert_eq!(error(&label("ENCRYPTED PRIVATE KEY")), KeyError::ProtectedByOthers);
        assert_eq!(error(&label("EC PARAMETERS")), KeyError::NotAKey);
        assert_eq!(error(include_str!("vectors/p384.pem")), KeyError::NotAKey);
        for secret in [PKCS8, SEC1, COSIGN] {
            assert_eq!(PublicKey::parse(secret).expect_err("secret"), KeyError::Secret);
        }
        for none in [
            "",
            include_str!("vectors/ed25519.pub"),
            "-----BEGIN PUBLIC KEY-----\n\n-----END PUBLIC KEY-----",
        ] {
            assert_eq!(PublicKey::parse(none).expect_err("no key"), KeyError::NotAPublicKey, "{none}");
        }
    }

    #[test]
    fn a_signature_is_of_its_bytes_and_key_alone_and_comes_out_the_same() {
        let key = SigningKey::parse(PKCS8, None).expect("a key");
        let signature = key.sign(b"abc");
        assert_eq!(signature, key.sign(b"abc"));
        assert!(key.public().verifies(b"abc", &signature) && !key.public().verifies(b"abd", &signature));
        let other = SigningKey::parse(COSIGN, Some("secret")).expect("a key");
        assert!(!other.public().verifies(b"abc", &signature));
        for none in ["", "!", "MEUC", &signature[4..], &format!("{signature}AAAA")] {
            assert!(!key.public().verifies(b"abc", none), "{none}");
        }
        // By OpenSSL: `printf abc | openssl dgst -sha256 -sign openssl.pem | base64`.
        assert!(key.public().verifies(b"abc", include_str!("vectors/openssl-abc.sig")));
    }

    /// RFC 6979, A.2.5: the key, and the signature of "sample" with SHA-256.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let secret = "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721";
        let r = "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716";
        let s = "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8";
        let bytes = |hex: &str| -> Vec<u8> {
            (0..32).map(|i| u8::from_str_radix(&hex[i * 2..i * 2 + 2], 16).expect("hexadecimal")).collect()
        };
        let key = SigningKey(Secret::from_slice(&bytes(secret)).expect("a key"));
        let der = from_base64(&key.sign(b"sample")).expect("Base64");
        let signature = Signature::from_der(&der).expect("a signature");
        assert_eq!(signature.to_bytes().to_vec(), [bytes(r), bytes(s)].concat());
    }

    #[test]
    fn a_key_is_called_as_bundles_call_it() {
        // `openssl pkey -pubin -in cosign.pub -outform DER | openssl dgst -sha256 -binary | base64`
        let key = PublicKey::parse(COSIGN_PUBLIC).expect("a key");
        assert_eq!(key.hint(), "0TV8ZFtGbxJDDew7rlTBIw/qVaUxayPkWMSxRC0Q/yw=");
        assert_eq!(key.id(), "d1357c645b466f12");
    }
}
