//! A key behind a password, as cosign keeps it: the password through scrypt (RFC 7914) is the key of NaCl's secretbox
//! (XSalsa20 and Poly1305), in which is the signing key; all of it as JSON, as Base64, between two lines.

use crypto_secretbox::aead::{Aead as _, KeyInit as _};
use crypto_secretbox::{Nonce, XSalsa20Poly1305};
use p256::elliptic_curve::zeroize::Zeroizing;
use scrypt::Params;
use serde::{Deserialize, Serialize};

use super::key::{KeyError, random};
use super::{from_base64, to_base64};

/// What the lines around it say; the second since before cosign 2.
const LABELS: [&str; 2] = ["ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY"];
/// Base64 in PEM has so many characters in a line (RFC 7468, section 2).
const LINE: usize = 64;
/// What cosign writes: 64 MiB, and a fifth of a second.
const COST: Cost = Cost { n: 65_536, r: 8, p: 1 };
/// The most memory that a file may ask for.
const MAX_MEMORY: u64 = 1 << 30;

#[derive(Debug, Serialize, Deserialize)]
struct Sealed {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kdf {
    name: String,
    params: Cost,
    salt: String,
}

/// What scrypt is told.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Cost {
    #[serde(rename = "N")]
    n: u64,
    r: u32,
    p: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

impl Cost {
    fn params(self) -> Option<Params> {
        let memory = u64::from(self.r).checked_mul(128)?.checked_mul(self.n)?;
        // The passes are made one after the other: each costs as much time again.
        let is_modest = memory <= MAX_MEMORY && self.p <= 8;
        let log = u8::try_from(self.n.checked_ilog2()?).ok()?;
        let params = (is_modest && self.n.is_power_of_two()).then(|| Params::new(log, self.r, self.p, 32))?;
        params.ok()
    }
}

/// Whether a text is such a key.
pub fn is_sealed(text: &str) -> bool {
    body(text).is_some()
}

/// What stands between the lines.
fn body(text: &str) -> Option<&str> {
    LABELS.iter().find_map(|label| {
        let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
        rest.split_once(&format!("-----END {label}-----")).map(|(body, _)| body)
    })
}

/// The key in PKCS#8 (DER).
///
/// # Errors
/// It is no such key, or the password is another one.
pub fn open(text: &str, password: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let body: String = body(text).ok_or(KeyError::NotAKey)?.split_whitespace().collect();
    let json = from_base64(&body).ok_or(KeyError::NotAKey)?;
    let sealed: Sealed = serde_json::from_slice(&json).map_err(|_| KeyError::NotAKey)?;
    let Cost { n, r, p } = sealed.kdf.params;
    let guard = || {
        let (kdf, cipher) = (sealed.kdf.name.escape_debug(), sealed.cipher.name.escape_debug());
        KeyError::Guard(format!("{kdf} (N={n}, r={r}, p={p}) and {cipher}"))
    };
    if sealed.kdf.name != "scrypt" || sealed.cipher.name != "nacl/secretbox" {
        return Err(guard());
    }
    let params = sealed.kdf.params.params().ok_or_else(guard)?;
    let salt = from_base64(&sealed.kdf.salt).ok_or(KeyError::NotAKey)?;
    let nonce =
        from_base64(&sealed.cipher.nonce).filter(|nonce| nonce.len() == 24).ok_or(KeyError::NotAKey)?;
    let content = from_base64(&sealed.ciphertext).ok_or(KeyError::NotAKey)?;
    let cipher = cipher(password, &salt, &params)?;
    let opened = cipher.decrypt(Nonce::from_slice(&nonce), content.as_slice());
    opened.map(Zeroizing::new).map_err(|_| KeyError::WrongPassword)
}

/// The file of a key in PKCS#8 (DER).
///
/// # Errors
/// There is no randomness.
pub fn seal(der: &[u8], password: &[u8]) -> Result<String, KeyError> {
    let (salt, nonce) = (random::<32>()?, random::<24>()?);
    let params = COST.params().ok_or(KeyError::NotAKey)?;
    let cipher = cipher(password, &salt, &params)?;
    let content = cipher.encrypt(Nonce::from_slice(&nonce), der).map_err(|_| KeyError::NotAKey)?;
    let sealed = Sealed {
        kdf: Kdf { name: "scrypt".to_owned(), params: COST, salt: to_base64(&salt) },
        cipher: Cipher { name: "nacl/secretbox".to_owned(), nonce: to_base64(&nonce) },
        ciphertext: to_base64(&content),
    };
    let json = serde_json::to_vec(&sealed).map_err(|_| KeyError::NotAKey)?;
    let body = to_base64(&json);
    let [label, _] = LABELS;
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    Ok(text)
}

fn cipher(password: &[u8], salt: &[u8], params: &Params) -> Result<XSalsa20Poly1305, KeyError> {
    let mut key = Zeroizing::new([0; 32]);
    scrypt::scrypt(password, salt, params, &mut *key).map_err(|_| KeyError::NotAKey)?;
    XSalsa20Poly1305::new_from_slice(&*key).map_err(|_| KeyError::NotAKey)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COSIGN: &str = include_str!("vectors/cosign.key");

    fn with(change: impl Fn(&mut serde_json::Value)) -> String {
        let body: String = body(COSIGN).expect("sealed").split_whitespace().collect();
        let mut json = serde_json::from_slice(&from_base64(&body).expect("Base64")).expect("JSON");
        change(&mut json);
        let [_, older] = LABELS;
        let body = to_base64(json.to_string().as_bytes());
        format!("-----BEGIN {older}-----\n{body}\n-----END {older}-----\n")
    }

    #[test]
    fn the_older_name_is_read_and_every_change_is_noticed() {
        assert!(open(&with(|_| ()), b"secret").is_ok());
        assert_eq!(open(COSIGN, b"Secret").expect_err("wrong"), KeyError::WrongPassword);
        assert_eq!(open(COSIGN, b"").expect_err("wrong"), KeyError::WrongPassword);
        let none = "A".repeat(43) + "=";
        for (name, value) in [("salt", none.clone()), ("salt", String::new())] {
            let text = with(|json| json["kdf"][name] = value.clone().into());
            assert_eq!(open(&text, b"secret").expect_err("wrong"), KeyError::WrongPassword);
        }
        for (part, value) in [("ciphertext", ""), ("ciphertext", "AAAA")] {
            let text = with(|json| json[part] = value.into());
            assert_eq!(open(&text, b"secret").expect_err("wrong"), KeyError::WrongPassword);
        }
        for value in ["", "AAAA", "!"] {
            let text = with(|json| json["cipher"]["nonce"] = value.into());
            assert_eq!(open(&text, b"secret").expect_err("wrong"), KeyError::NotAKey);
        }
    }

    /// Nothing makes this program take more memory than a key is worth.
    #[test]
    fn a_file_cannot_ask_for_everything() {
        for (name, value) in
            [("N", 1u64 << 40), ("N", 0), ("N", 65_537), ("r", 0), ("r", 1 << 30), ("p", 0), ("p", 9)]
        {
            let text = with(|json| json["kdf"]["params"][name] = value.into());
            let error = open(&text, b"secret").expect_err("refused");
            assert!(
                matches!(&error, KeyError::Guard(guard) if guard.contains(&format!("{name}={value}"))),
                "{error}"
            );
        }
        for (part, value) in [("kdf", "argon2"), ("cipher", "none")] {
            let text = with(|json| json[part]["name"] = value.into());
            let error = open(&text, b"secret").expect_err("refused").to_string();
            assert!(error.contains(value), "{error}");
        }
        for text in
            ["", "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----", COSIGN.trim_end_matches("KEY-----\n")]
        {
            assert_eq!(open(text, b"secret").expect_err("no key"), KeyError::NotAKey);
        }
    }
}
