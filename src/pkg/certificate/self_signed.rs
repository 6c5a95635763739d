//! Making a key and a certificate that it signs itself.

use std::net::IpAddr;

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};
use time::{Duration, OffsetDateTime};

use super::CertificateError;

/// The most characters of a common name (RFC 5280, ub-common-name).
const COMMON_NAME: usize = 64;

/// A key and its certificate, both in PEM.
pub struct Pair {
    /// PKCS #8.
    pub key: String,
    /// X.509.
    pub certificate: String,
}

/// Makes a P-256 key and a certificate for these names, valid from `now` (seconds since 1970) for so many days.
///
/// # Errors
/// A name is neither a DNS name nor an IP address, or there is no randomness.
pub fn self_signed(names: &[String], days: u32, now: u64) -> Result<Pair, CertificateError> {
    let names = names.iter().map(|name| checked(name)).collect::<Result<Vec<_>, _>>()?;
    let make = |error: rcgen::Error| CertificateError::Make(error.to_string());
    let mut params = CertificateParams::new(names.clone()).map_err(make)?;
    let mut subject = DistinguishedName::new();
    let common = names.iter().find(|name| name.len() <= COMMON_NAME).map_or("Medic OS", String::as_str);
    subject.push(DnType::CommonName, common);
    params.distinguished_name = subject;
    let from = i64::try_from(now).ok().and_then(|now| OffsetDateTime::from_unix_timestamp(now).ok());
    let from = from.ok_or_else(|| CertificateError::Make(format!("the clock says {now} s since 1970")))?;
    params.not_before = from;
    params.not_after = from
        .checked_add(Duration::days(i64::from(days)))
        .ok_or_else(|| CertificateError::Make(format!("{days} days from now is beyond all calendars")))?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().map_err(make)?;
    let certificate = params.self_signed(&key).map_err(make)?;
    Ok(Pair { key: key.serialize_pem(), certificate: certificate.pem() })
}

/// A DNS name (RFC 1123, with a `*.` before it, and with `_`, which containers' names have) or an IP address.
fn checked(name: &str) -> Result<String, CertificateError> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    let fault = |why| Err(CertificateError::Name { name: name.escape_debug().to_string(), why });
    let plain = name.strip_prefix("*.").unwrap_or(name);
    if plain.is_empty() || name.len() > 253 {
        return fault("it is empty or longer than 253 characters");
    }
    for label in plain.split('.') {
        let characters = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if label.is_empty() || label.len() > 63 {
            return fault("it has a part that is empty or longer than 63 characters");
        }
        if !characters || label.starts_with('-') || label.ends_with('-') {
            return fault("its parts may have letters, digits, '_' and, inside, '-'");
        }
    }
    Ok(name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for good in ["localhost", "127.0.0.1", "::1", "*.example.org", "a_b.Example", &"x".repeat(63)] {
            assert!(checked(good).is_ok(), "{good}");
        }
        for bad in
            ["", "*", "a..b", "-a", "a-", "a b", "ä", "a\n", "1.2.3.4:80", "https://x", &"x".repeat(64)]
        {
            assert!(checked(bad).is_err(), "{bad:?} was taken");
        }
    }
}
