//! Reading a certificate: subject, names, dates.

use std::net::IpAddr;
use std::path::Path;

use medic_sys::files::FileError;
use x509_cert::der::DecodePem;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::CertificateError;
use super::args::Show;
use crate::command::{World, object};

/// The most bytes of a file that may be a certificate.
const LIMIT: u64 = 1 << 20;
const DAY: i64 = 86_400;
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// RFC 4514, such as `CN=localhost`.
    pub subject: String,
    /// As the subject; the same for a self-signed one.
    pub issuer: String,
    /// DNS names and IP addresses.
    pub names: Vec<String>,
    /// Seconds since 1970.
    pub not_before: u64,
    /// Seconds since 1970.
    pub not_after: u64,
}

/// Reads the first certificate of a PEM file.
///
/// # Errors
/// It cannot be read, or is no certificate.
pub fn read(path: &Path) -> Result<Shown, CertificateError> {
    let unreadable = |why: String| CertificateError::Unreadable { path: path.to_owned(), why };
    let file = std::fs::File::open(path).map_err(|error| FileError::new("read", path, error))?;
    let mut text = String::new();
    std::io::Read::read_to_string(&mut std::io::Read::take(file, LIMIT), &mut text)
        .map_err(|error| unreadable(error.to_string()))?;
    let start = text.find(BEGIN).ok_or_else(|| unreadable(format!("it has no '{BEGIN}'")))?;
    let end = text[start..].find(END).ok_or_else(|| unreadable(format!("it has no '{END}'")))?;
    let pem = &text[start..start + end + END.len()];
    parse(pem).map_err(|error| unreadable(error.to_string()))
}

fn parse(pem: &str) -> Result<Shown, x509_cert::der::Error> {
    let certificate = x509_cert::Certificate::from_pem(pem)?;
    let body = certificate.tbs_certificate();
    let mut names = Vec::new();
    if let Some((_, alternative)) = body.get_extension::<SubjectAltName>()? {
        names = alternative.0.iter().filter_map(name).collect();
    }
    Ok(Shown {
        subject: body.subject().to_string(),
        issuer: body.issuer().to_string(),
        names,
        not_before: body.validity().not_before.to_unix_duration().as_secs(),
        not_after: body.validity().not_after.to_unix_duration().as_secs(),
    })
}

fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.as_str().to_owned()),
        GeneralName::IpAddress(bytes) => {
            let bytes = bytes.as_bytes();
            let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
            let address = four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
            address.ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

pub(super) fn show(args: &Show, world: &mut World<'_>) -> Result<(), CertificateError> {
    let shown = read(&args.file)?;
    let left = (i64::try_from(shown.not_after).unwrap_or(i64::MAX) - i64::try_from(world.now).unwrap_or(0))
        .div_euclid(DAY);
    let (from, until) = (date(shown.not_before), date(shown.not_after));
    let text = if args.json {
        object(&mut [
            ("subject", shown.subject.into()),
            ("issuer", shown.issuer.into()),
            ("names", shown.names.into()),
            ("not_before", from.into()),
            ("not_after", until.into()),
            ("days_left", left.into()),
        ])
        .to_string()
    } else {
        let days = if left < 0 { "expired".to_owned() } else { format!("{left} days left") };
        let names = shown.names.join(", ");
        format!(
            "Subject     {}\nIssuer      {}\nNames       {names}\nNot before  {from}\nNot after   {until} ({days})",
            shown.subject, shown.issuer
        )
    };
    writeln!(world.out, "{text}").map_err(CertificateError::Output)
}

/// Seconds since 1970 in the form of RFC 3339, in UTC.
pub(crate) fn date(seconds: u64) -> String {
    let moment = i64::try_from(seconds).ok().and_then(|s| time::OffsetDateTime::from_unix_timestamp(s).ok());
    match moment {
        Some(at) => format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
            at.year(),
            u8::from(at.month()),
            at.day(),
            at.hour(),
            at.minute(),
            at.second()
        ),
        None => format!("{seconds} s after 1970"),
    }
}
