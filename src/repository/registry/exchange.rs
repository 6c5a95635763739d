//! One request and its answer: where it leads, who asks, what a refusal means.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use ureq::http::header::{AUTHORIZATION, CONTENT_LENGTH, LOCATION, RETRY_AFTER, USER_AGENT};
use ureq::http::{HeaderName, Method, Request, Response, StatusCode};
use ureq::{Agent, Body, SendBody};

use super::blobs::Content;
use super::error::{RegistryError, Trouble};
use super::gate::{Gate, Tried};
use crate::http::Failure;

/// So often a request may be led on.
const REDIRECTS: usize = 5;
/// The most time in which nothing of an upload is taken.
const STALLED: Duration = Duration::from_secs(120);
/// The most bytes of a refusal that are read.
const MAX_REFUSAL: u64 = 8 << 10;

/// How a repository is asked.
pub(super) struct Exchange {
    pub(super) agent: Agent,
    /// `https://registry.example`
    pub(super) origin: String,
    /// `https://registry.example/v2/name`
    pub(super) base: String,
    pub(super) gate: Gate,
}

/// A request.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    /// Whole, or what comes after the repository's name.
    pub(super) url: &'a str,
    pub(super) headers: &'a [(HeaderName, &'a str)],
    pub(super) content: Option<Content<'a>>,
    /// Is told how many bytes of the content have gone.
    pub(super) told: &'a dyn Fn(u64),
}

impl<'a> Ask<'a> {
    pub(super) fn new(method: Method, url: &'a str) -> Self {
        Self { method, url, headers: &[], content: None, told: &|_| {} }
    }
}

/// An answer that is a success, and the address that gave it.
pub(super) struct Answer {
    pub(super) response: Response<Body>,
    pub(super) url: String,
}

impl Exchange {
    /// A request as messages show it.
    pub(super) fn shown(&self, method: &Method, url: &str) -> String {
        let whole = self.whole(url);
        let path = whole.split('?').next().unwrap_or_default();
        format!("{method} {path}")
    }

    fn whole(&self, url: &str) -> String {
        if url.contains("://") { url.to_owned() } else { format!("{}/{url}", self.base) }
    }

    /// Whether an address is the registry's own: others have no business with the login.
    fn is_own(&self, url: &str) -> bool {
        url.strip_prefix(&self.origin).is_some_and(|rest| rest.starts_with('/'))
    }

    /// Makes a request. Says who asks when the registry wants to know, and says it anew when that is over.
    pub(super) fn ask(&self, ask: &Ask<'_>) -> Result<Answer, Trouble> {
        let mut tried = Tried::default();
        loop {
            let (said, authorization) = self.gate.current();
            let Answer { response, url } = self.send(ask, authorization.as_deref())?;
            let status = response.status();
            if status.is_success() {
                return Ok(Answer { response, url });
            }
            let retry_after = header(&response, &RETRY_AFTER).map(Box::from);
            let (parts, body) = response.into_parts();
            let refusal = Refusal::read(status, body);
            if self.is_own(&url) && refusal.is_about_who_asks() {
                let empty = Response::from_parts(parts, Body::builder().data(""));
                match self.gate.renew(said, &empty, &self.agent, &mut tried) {
                    Ok(()) => continue,
                    // Then it is as it says: this is not allowed.
                    Err(trouble) if status == StatusCode::FORBIDDEN && !trouble.is_transient => {}
                    Err(trouble) => return Err(trouble),
                }
            }
            let is_transient = status.is_server_error()
                || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
            let error = refusal.error(self.shown(&ask.method, &url));
            return Err(Trouble { is_transient, retry_after, ..Trouble::last(error) });
        }
    }

    /// Follows where it is led.
    fn send(&self, ask: &Ask<'_>, authorization: Option<&str>) -> Result<Answer, Trouble> {
        let mut url = self.whole(ask.url);
        for _ in 0..=REDIRECTS {
            let response = self.send_once(ask, &url, authorization.filter(|_| self.is_own(&url)))?;
            let leads_on = match response.status().as_u16() {
                307 | 308 => true,
                301..=303 => matches!(ask.method, Method::GET | Method::HEAD),
                _ => false,
            };
            if !leads_on {
                return Ok(Answer { response, url });
            }
            let Some(place) = header(&response, &LOCATION) else {
                return Err(self.nonsense(ask, "the registry leads on and does not say where to"));
            };
            url = resolved(&url, place);
        }
        Err(self.nonsense(ask, "the registry leads on and on"))
    }

    fn send_once(
        &self,
        ask: &Ask<'_>,
        url: &str,
        authorization: Option<&str>,
    ) -> Result<Response<Body>, Trouble> {
        let request = self.shown(&ask.method, url);
        let mut head = Request::builder()
            .method(&ask.method)
            .uri(url)
            .header(USER_AGENT, concat!("medic-os/", env!("CARGO_PKG_VERSION")));
        for (name, value) in ask.headers {
            head = head.header(name, *value);
        }
        if let Some(authorization) = authorization {
            head = head.header(AUTHORIZATION, authorization);
        }
        let agent = &self.agent;
        let no_answer = |error: ureq::Error| {
            let failure = Failure::of(error);
            let error = RegistryError::NoAnswer { request: request.clone(), source: failure.error };
            Trouble { is_transient: failure.transient, ..Trouble::last(error) }
        };
        // What cannot be written as a request, such as an address with a space in it, is the registry's.
        let unusable = |_| self.nonsense(ask, "the registry gives an address that cannot be used");
        macro_rules! run {
            ($body:expr) => {{
                let request = head.body($body).map_err(unusable)?;
                let request = agent.configure_request(request);
                let request = request.max_redirects(0).timeout_per_write(Some(STALLED)).build();
                agent.run(request)
            }};
        }
        match &ask.content {
            None if ask.method == Method::POST || ask.method == Method::PUT => run!("").map_err(no_answer),
            None => run!(()).map_err(no_answer),
            Some(Content::Bytes(bytes)) => {
                let response = run!(*bytes).map_err(no_answer)?;
                (ask.told)(bytes.len() as u64);
                Ok(response)
            }
            Some(Content::File { path, size }) => {
                let mut upload = Upload::open(path, *size, ask.told)?;
                head = head.header(CONTENT_LENGTH, *size);
                let result = run!(SendBody::from_reader(&mut upload));
                // Our own disk's fault is not the registry's.
                if let Some(source) = upload.trouble.take() {
                    let path = (*path).to_owned();
                    return Err(Trouble::last(RegistryError::File { path, source }));
                }
                result.map_err(no_answer)
            }
        }
    }

    pub(super) fn nonsense(&self, ask: &Ask<'_>, why: &str) -> Trouble {
        let request = self.shown(&ask.method, ask.url);
        Trouble::last(RegistryError::Nonsense { request, why: why.to_owned() })
    }
}

pub(super) fn header<'a>(response: &'a Response<Body>, name: &HeaderName) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

/// Where a `Location` leads that stood in the answer of `url` (RFC 3986, section 5.2, without dots: those are the server's).
pub(super) fn resolved(url: &str, place: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if place.contains("://") {
        place.to_owned()
    } else if place.starts_with("//") {
        format!("{scheme}:{place}")
    } else if place.starts_with('/') {
        format!("{scheme}://{authority}{place}")
    } else {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let folder =
            if place.starts_with('?') { path } else { &path[..path.rfind('/').map_or(0, |at| at + 1)] };
        let folder = if folder.is_empty() { "/" } else { folder };
        format!("{scheme}://{authority}{folder}{place}")
    }
}

/// A file on its way.
struct Upload<'a> {
    file: File,
    left: u64,
    sent: u64,
    told: &'a dyn Fn(u64),
    trouble: Option<io::Error>,
}

impl<'a> Upload<'a> {
    fn open(path: &Path, size: u64, told: &'a dyn Fn(u64)) -> Result<Self, Trouble> {
        let failed = |source| Trouble::last(RegistryError::File { path: path.to_owned(), source });
        // The error is given its name here, once.
        let file = File::open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.len() != size {
            return Err(failed(io::Error::other(format!("it has not the {size} bytes that it should have"))));
        }
        told(0);
        Ok(Self { file, left: size, sent: 0, told, trouble: None })
    }
}

impl Read for Upload<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let count = match self.file.read(&mut buffer[..most]) {
            Ok(0) if self.left > 0 && most > 0 => {
                Err(io::Error::other("it became shorter while it was read"))
            }
            other => other,
        };
        match count {
            Ok(count) => {
                self.left -= count as u64;
                self.sent += count as u64;
                (self.told)(self.sent);
                Ok(count)
            }
            Err(error) => {
                let kind = error.kind();
                self.trouble = Some(error);
                Err(kind.into())
            }
        }
    }
}

/// What an answer that is no success says.
struct Refusal {
    status: StatusCode,
    code: String,
    words: String,
}

impl Refusal {
    /// Reads the registry's own words where it has any (OCI distribution specification, "Error Codes").
    fn read(status: StatusCode, body: Body) -> Self {
        let mut text = Vec::new();
        let body = body.into_with_config().limit(u64::MAX).reader();
        // What is cut off is no JSON, and then has no words.
        let _ = body.take(MAX_REFUSAL).read_to_end(&mut text);
        let answer: Value = serde_json::from_slice(&text).unwrap_or_default();
        let first = &answer["errors"][0];
        let text = |value: &Value| -> String {
            value.as_str().unwrap_or_default().chars().take(500).collect::<String>().escape_debug().collect()
        };
        Self { status, code: text(&first["code"]), words: text(&first["message"]) }
    }

    /// Whether another login or token may help. ECR answers 403 when the one that it gave is over, and says that only where an answer
    /// has words: not to `HEAD`.
    fn is_about_who_asks(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
            || (self.status == StatusCode::FORBIDDEN
                && (self.words.is_empty() || self.words.contains("expired")))
    }

    fn error(self, request: String) -> RegistryError {
        let hint = match self.status.as_u16() {
            404 => ": perhaps the repository must be made there first",
            401 | 403 => ": a login that may push is needed ('docker login')",
            413 => ": it takes nothing as large as this",
            _ => "",
        };
        RegistryError::Refused {
            request,
            status: self.status.as_u16(),
            code: self.code,
            words: self.words,
            hint,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_may_be_whole_or_relative() {
        let url = "https://registry.example:5000/v2/app/blobs/uploads/?x=1";
        for (place, expected) in [
            ("https://other.example/u?a=b", "https://other.example/u?a=b"),
            ("//other.example/u", "https://other.example/u"),
            ("/v2/app/blobs/uploads/7", "https://registry.example:5000/v2/app/blobs/uploads/7"),
            ("7?state=x", "https://registry.example:5000/v2/app/blobs/uploads/7?state=x"),
            ("?state=x", "https://registry.example:5000/v2/app/blobs/uploads/?state=x"),
        ] {
            assert_eq!(resolved(url, place), expected, "{place}");
        }
        assert_eq!(resolved("http://h", "7"), "http://h/7");
    }
}
