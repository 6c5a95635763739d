//! One request, carried out by a thread of its own, so that whoever waits for it can stop waiting at any time.

use std::error::Error;
use std::io::Read as _;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use reqwest::blocking::{Client, Response};
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_RANGE, RANGE, RETRY_AFTER};

/// How many parts of a body may wait to be taken.
const AHEAD: usize = 8;
/// The size of a part.
const PART: usize = 64 << 10;

/// What a request gives, in order: a head, parts of the body, the end; or a failure at any time.
#[derive(Debug)]
pub(super) enum Message {
    Head(Head),
    Part(Vec<u8>),
    End,
    Failed(Failed),
}

/// The beginning of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub status: u16,
    /// Where the body's bytes stand in the file, when the server sends only a part of it.
    pub starts_at: Option<u64>,
    /// Bytes of the body.
    pub length: Option<u64>,
    /// How long the server asks to wait.
    pub retry_after: Option<RetryAfter>,
    /// After redirects.
    pub url: String,
}

/// What `Retry-After` says (RFC 9110, section 10.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RetryAfter {
    For(Duration),
    /// A point in time, with the server's own time, so that nobody's clock needs to be right.
    Until(std::time::SystemTime, Option<std::time::SystemTime>),
}

/// How a request failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failed {
    Connect(String),
    Redirects,
    Address,
    Broken(String),
}

/// Starts a request for a file from a byte on. The thread ends by itself soon after the receiver is dropped.
pub(super) fn start(
    client: &Client,
    url: &str,
    from: u64,
    accept: Option<&'static str>,
) -> Receiver<Message> {
    let (sender, receiver) = sync_channel(AHEAD);
    let (client, url) = (client.clone(), url.to_owned());
    std::thread::spawn(move || {
        if let Err(failed) = run(&client, &url, from, accept, &sender) {
            // Nobody listens any more: nobody wants to know.
            let _ = sender.send(Message::Failed(failed));
        }
    });
    receiver
}

fn run(
    client: &Client,
    url: &str,
    from: u64,
    accept: Option<&'static str>,
    to: &SyncSender<Message>,
) -> Result<(), Failed> {
    // The digest is of the file itself, not of a compressed form of it.
    let mut request = client.get(url).header(ACCEPT_ENCODING, "identity");
    if let Some(accept) = accept {
        request = request.header(ACCEPT, accept);
    }
    if from > 0 {
        request = request.header(RANGE, format!("bytes={from}-"));
    }
    let mut response = request.send().map_err(|error| failed(&error))?;
    if to.send(Message::Head(head(&response))).is_err() {
        return Ok(());
    }
    loop {
        let mut part = vec![0; PART];
        let count = response.read(&mut part).map_err(|error| Failed::Broken(message(&error)))?;
        part.truncate(count);
        let told = to.send(if count == 0 { Message::End } else { Message::Part(part) });
        if count == 0 || told.is_err() {
            return Ok(());
        }
    }
}

fn head(response: &Response) -> Head {
    let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    Head {
        status: response.status().as_u16(),
        starts_at: text(CONTENT_RANGE).and_then(range_start),
        length: response.content_length(),
        retry_after: text(RETRY_AFTER).and_then(|value| retry_after(value, text(reqwest::header::DATE))),
        url: response.url().to_string(),
    }
}

/// The first byte of `bytes 100-199/200` (RFC 9110, section 14.4).
fn range_start(value: &str) -> Option<u64> {
    value.strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}

fn retry_after(value: &str, date: Option<&str>) -> Option<RetryAfter> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(RetryAfter::For(Duration::from_secs(seconds)));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    Some(RetryAfter::Until(until, date.and_then(|date| httpdate::parse_http_date(date).ok())))
}

fn failed(error: &reqwest::Error) -> Failed {
    if error.is_redirect() {
        Failed::Redirects
    } else if error.is_builder() {
        Failed::Address
    } else if error.is_connect() {
        Failed::Connect(message(error))
    } else {
        Failed::Broken(message(error))
    }
}

/// An error's innermost message: the outer ones repeat the address and say "error sending request".
pub(super) fn message(error: &(dyn Error + 'static)) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read() {
        assert_eq!(range_start("bytes 100-199/200"), Some(100));
        assert_eq!(range_start("bytes */200"), None);
        assert_eq!(retry_after(" 7", None), Some(RetryAfter::For(Duration::from_secs(7))));
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert!(matches!(retry_after(date, Some(date)), Some(RetryAfter::Until(a, Some(b))) if a == b));
        assert_eq!(retry_after("soon", None), None);
    }
}
