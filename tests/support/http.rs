//! Requests, by curl, and certificates, by openssl: programs that are not ours.

use crate::command::{Outcome, call};

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status; 0 when there was no answer.
    pub status: u16,
    /// The body.
    pub body: String,
    /// The HTTP version, such as `1.1` or `2`.
    pub version: String,
}

/// A GET request; further arguments are curl's.
pub fn get_with(url: &str, arguments: &[&str]) -> Answer {
    answer(&call("curl", &curl(url, arguments)))
}

/// The arguments of curl for a request, with further ones.
pub fn curl<'a>(url: &'a str, arguments: &[&'a str]) -> Vec<&'a str> {
    let mut all = vec![
        "--silent",
        "--max-time",
        "5",
        "--noproxy",
        "*",
        "--write-out",
        "\n%{http_version} %{http_code}",
    ];
    all.extend(arguments);
    all.push(url);
    all
}

/// What curl, called so, was answered.
pub fn answer(outcome: &Outcome) -> Answer {
    let (body, last) = outcome.stdout.rsplit_once('\n').unwrap_or(("", "0 0"));
    let (version, status) = last.split_once(' ').unwrap_or(("0", "0"));
    Answer { status: status.parse().unwrap_or(0), body: body.to_owned(), version: version.to_owned() }
}

/// A GET request.
pub fn get(url: &str) -> Answer {
    get_with(url, &[])
}

/// The text form of the certificate that a TLS server shows.
///
/// # Panics
/// When the server shows none.
pub fn certificate(address: &str) -> String {
    let text = format!(
        "openssl s_client -connect {address} -servername localhost </dev/null 2>/dev/null | openssl x509 -noout -text"
    );
    call("sh", &["-c", &text]).success().stdout
}
