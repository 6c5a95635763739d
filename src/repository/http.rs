//! A repository behind a web server.
//!
//! Trust comes from the index's signature and the archives' digests, so plain `http` will do; with `https` the server's certificate is
//! checked as well, and nothing leads away from it to plain `http`. An archive that was cut off goes on where it stopped. A registry
//! ([`crate::oci`]) is a web server that may want to know who asks.

#[cfg(feature = "publish")]
pub mod ask;

use std::fmt;
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fs_err as fs;
use medic_archive::digest;
use medic_model::Sha256;
use ureq::config::RedirectAuthHeaders;
use ureq::http::header::{ACCEPT, AUTHORIZATION, HeaderName, RANGE};
use ureq::http::{Response, StatusCode};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::{Agent, Body, Proxy, ResponseExt};

use crate::crypto;
use crate::session::Session;
use crate::transport::{Expected, Transport};

/// So often in a row a request may fail that could go well the next time.
const ATTEMPTS: u32 = 4;
/// The pause after the first failure; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(500);
/// The most time to be connected, and to have an answer begin.
const ANSWER: Duration = Duration::from_secs(20);
/// The most time in which nothing comes.
const SILENCE: Duration = Duration::from_secs(20);
/// Bytes moved at once.
const CHUNK: usize = 64 << 10;
/// What manifests are asked for as; a registry may have others under the same name.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// How web servers are reached.
#[derive(Debug, Clone, Default)]
pub struct Network {
    /// A file with the certificates of the authorities that are trusted, as PEM; for `https`.
    pub authorities: PathBuf,
    /// The address of a proxy for `http`.
    pub http_proxy: Option<String>,
    /// The address of a proxy for `https`.
    pub https_proxy: Option<String>,
    /// Hosts and domains that are reached without a proxy; `*` is all.
    pub no_proxy: Vec<String>,
    /// A file with logins for registries, as docker keeps them; whoever makes a [`crate::Oci`] reads it.
    pub logins: Option<PathBuf>,
}

impl Network {
    /// As curl and OpenSSL have it from the environment, which `variable` gives: `http_proxy`, `https_proxy`, `all_proxy`, `no_proxy` and
    /// `SSL_CERT_FILE`, in whose place are `authorities`. Capitals count for less, and for `http` they do not count at all (a web
    /// server's program may be made to think that `HTTP_PROXY` is a header of a request: CVE-2016-5385). Empty ones are none.
    pub fn of_variables(variable: &dyn Fn(&str) -> Option<String>, authorities: &Path) -> Self {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let either = |small: &str, large: &str| variable(small).or_else(|| variable(large));
        let all = either("all_proxy", "ALL_PROXY");
        let no_proxy = either("no_proxy", "NO_PROXY").unwrap_or_default();
        Self {
            authorities: variable("SSL_CERT_FILE").map_or_else(|| authorities.to_owned(), PathBuf::from),
            http_proxy: variable("http_proxy").or_else(|| all.clone()),
            https_proxy: either("https_proxy", "HTTPS_PROXY").or(all),
            no_proxy: no_proxy.split(',').map(|entry| entry.trim().to_owned()).collect(),
            logins: None,
        }
    }

    /// The proxy for an address.
    fn proxy(&self, address: &str) -> Option<&str> {
        let (scheme, rest) = address.split_once("://")?;
        let host = rest.split(['/', '?', '#']).next()?.rsplit('@').next()?;
        // A port ends it, unless the colon is one of an address in brackets.
        let host =
            host.rsplit_once(':').map_or(host, |(name, port)| if port.ends_with(']') { host } else { name });
        let is_direct = |entry: &String| {
            let domain = entry.trim_start_matches('.');
            entry == "*" || host == domain || (!domain.is_empty() && host.ends_with(&format!(".{domain}")))
        };
        let proxy = if scheme == "https" { &self.https_proxy } else { &self.http_proxy };
        proxy.as_deref().filter(|_| !self.no_proxy.iter().any(is_direct))
    }
}

/// Whether a text is the address of something behind a web server.
pub fn is_address(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

/// A repository at an address.
pub struct Http {
    agent: Agent,
    base: String,
    /// Who asks, where that is asked: by a registry.
    session: Option<Session>,
}

impl Http {
    /// At an address, which begins with `http://` or `https://`.
    ///
    /// # Errors
    /// The certificates or the proxy's address cannot be used, or there are no certificates for `https`.
    pub fn new(address: &str, network: &Network) -> io::Result<Self> {
        Ok(Self {
            agent: agent(address, network, ANSWER)?,
            base: address.trim_end_matches('/').to_owned(),
            session: None,
        })
    }

    /// The same, for a registry that may want to know who asks.
    pub(crate) fn with(session: Session, address: &str, network: &Network) -> io::Result<Self> {
        Ok(Self { session: Some(session), ..Self::new(address, network)? })
    }

    fn get(&self, name: &str, from: u64) -> Result<Response<Body>, Failure> {
        let (url, range) = (self.location(name), format!("bytes={from}-"));
        let response = self.admitted(|authorization| {
            let mut headers = vec![(ACCEPT, if self.session.is_some() { MANIFEST } else { "*/*" })];
            if from > 0 {
                headers.push((RANGE, &range));
            }
            headers.extend(authorization.map(|authorization| (AUTHORIZATION, authorization)));
            request(&self.agent, &url, &headers)
        })?;
        match (response.status(), &self.session) {
            (StatusCode::OK | StatusCode::PARTIAL_CONTENT, _) => Ok(response),
            (StatusCode::NOT_FOUND | StatusCode::GONE, _) => {
                let message = format!("the server has no such file ({})", response.status().as_u16());
                Err(Failure::final_of(io::Error::new(ErrorKind::NotFound, message)))
            }
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, Some(session)) => Err(session.refused()),
            (status, _) => {
                let transient = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
                let error = io::Error::other(format!("the server answers {status}"));
                Err(Failure { transient, error })
            }
        }
    }

    /// Makes a request that is given what it should say of who asks; once more when a registry wants to know more than that.
    fn admitted(
        &self,
        mut request: impl FnMut(Option<&str>) -> Result<Response<Body>, Failure>,
    ) -> Result<Response<Body>, Failure> {
        let authorization = self.session.as_ref().and_then(Session::authorization);
        let response = request(authorization.as_deref())?;
        // A host that the registry leads on to is told nothing, and does not say who is to be asked for a token.
        let is_own = self.base.split('/').nth(2) == response.get_uri().authority().map(|own| own.as_str());
        let is_asked = response.status() == StatusCode::UNAUTHORIZED && is_own;
        let Some(session) = self.session.as_ref().filter(|_| is_asked) else { return Ok(response) };
        let authorization = session.answer(&self.agent, &response)?;
        request(Some(&authorization))
    }

    /// Appends to the file what is missing of it.
    fn complete(
        &self,
        name: &str,
        file: &mut fs::File,
        size: u64,
        told: &dyn Fn(u64),
    ) -> Result<(), Failure> {
        let have = file.metadata().map_err(Failure::final_of)?.len();
        if have == size {
            return Ok(());
        }
        let response = self.get(name, have)?;
        // A server that does not know ranges sends all of it.
        let from = if response.status() == StatusCode::PARTIAL_CONTENT { have } else { 0 };
        file.set_len(from).map_err(Failure::final_of)?;
        let mut body = response.into_body().into_with_config().limit(u64::MAX).reader();
        let mut buffer = vec![0; CHUNK];
        let mut missing = size - from;
        loop {
            let count = body.read(&mut buffer).map_err(Failure::transient_of)?;
            if count == 0 && missing > 0 {
                let message = format!("the connection ended {missing} bytes too early");
                return Err(Failure::transient_of(io::Error::new(ErrorKind::UnexpectedEof, message)));
            }
            if count as u64 > missing {
                let message = format!("it has more than the {size} bytes that the index says");
                return Err(Failure::final_of(io::Error::new(ErrorKind::InvalidData, message)));
            }
            if count == 0 {
                return Ok(());
            }
            file.write_all(&buffer[..count]).map_err(Failure::final_of)?;
            missing -= count as u64;
            told(size - missing);
        }
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("base", &self.base).finish_non_exhaustive()
    }
}

fn authorities(path: &Path) -> io::Result<Vec<Certificate<'static>>> {
    let mut authorities = Vec::new();
    for item in parse_pem(&fs::read(path)?) {
        if let PemItem::Certificate(certificate) = item.map_err(io::Error::other)? {
            authorities.push(certificate);
        }
    }
    if authorities.is_empty() {
        return Err(io::Error::other(format!(
            "'{}' holds no certificate, so no server's certificate can be checked",
            path.display()
        )));
    }
    Ok(authorities)
}

pub(crate) fn agent(address: &str, network: &Network, answer: Duration) -> io::Result<Agent> {
    let only_https = address.starts_with("https://");
    // Plain http may lead to https as well: there no certificate is trusted, where there are none.
    let authorities = match authorities(&network.authorities) {
        Err(error) if only_https => return Err(error),
        authorities => authorities.unwrap_or_default(),
    };
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::Specific(Arc::new(authorities)))
        .unversioned_rustls_crypto_provider(Arc::new(crypto::provider()));
    let proxy = network.proxy(address).map(Proxy::new).transpose().map_err(io::Error::other)?;
    let config = Agent::config_builder()
        .https_only(only_https)
        .http_status_as_error(false)
        .max_redirects(5)
        // Who asks is nobody's affair but the registry's own.
        .redirect_auth_headers(RedirectAuthHeaders::Never)
        .proxy(proxy)
        .tls_config(tls.build())
        .user_agent(concat!("medic-os-pkg/", env!("CARGO_PKG_VERSION")))
        // An archive is compressed already, and a range of compressed bytes is no range of bytes.
        .accept_encoding("identity")
        .timeout_connect(Some(ANSWER))
        .timeout_recv_response(Some(answer))
        .timeout_per_read(Some(answer.max(SILENCE)));
    Ok(config.build().new_agent())
}

/// Asks for something.
#[inline(never)]
pub(crate) fn request(
    agent: &Agent,
    url: &str,
    headers: &[(HeaderName, &str)],
) -> Result<Response<Body>, Failure> {
    let mut request = agent.get(url);
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    request.call().map_err(Failure::of)
}

/// The bytes of an answer, of which there may be so many.
pub(crate) fn whole(response: Response<Body>, limit: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let mut body = response.into_body().into_with_config().limit(u64::MAX).reader().take(limit + 1);
    body.read_to_end(&mut bytes).map_err(Failure::transient_of)?;
    if bytes.len() as u64 > limit {
        let message = format!("it has more than {limit} bytes");
        return Err(Failure::final_of(io::Error::new(ErrorKind::FileTooLarge, message)));
    }
    Ok(bytes)
}

/// Why a request failed, and whether it could go well the next time.
pub(crate) struct Failure {
    pub(crate) error: io::Error,
    pub(crate) transient: bool,
}

impl Failure {
    pub(crate) fn of(error: ureq::Error) -> Self {
        use ureq::Error as E;
        let transient = match &error {
            // That is how a certificate that is not good comes.
            E::Io(error) => error.kind() != ErrorKind::InvalidData,
            E::Timeout(_) | E::HostNotFound | E::ConnectionFailed | E::Protocol(_) => true,
            _ => false,
        };
        Self { error: error.into_io(), transient }
    }

    pub(crate) fn final_of(error: io::Error) -> Self {
        Self { error, transient: false }
    }

    pub(crate) fn transient_of(error: io::Error) -> Self {
        Self { error, transient: true }
    }
}

/// Tries again, after longer and longer pauses, what could go well the next time. `progress` tells of any between two tries, after
/// which the count begins anew.
fn persist<T>(
    mut attempt: impl FnMut() -> Result<T, Failure>,
    mut progress: impl FnMut() -> u64,
) -> io::Result<T> {
    let (mut failures, mut reached) = (0, progress());
    loop {
        let failure = match attempt() {
            Ok(result) => return Ok(result),
            Err(failure) => failure,
        };
        let now = progress();
        failures = if now > reached { 1 } else { failures + 1 };
        reached = now;
        if !failure.transient || failures >= ATTEMPTS {
            return Err(failure.error);
        }
        std::thread::sleep(PAUSE * (1 << (failures - 1)));
    }
}

impl Transport for Http {
    fn location(&self, name: &str) -> String {
        format!("{}/{name}", self.base)
    }

    fn read(&self, name: &str, limit: u64) -> io::Result<Vec<u8>> {
        persist(|| whole(self.get(name, 0)?, limit), || 0)
    }

    fn fetch(&self, name: &str, expected: Expected, cache: &Path, told: &dyn Fn(u64)) -> io::Result<PathBuf> {
        let whole = cache.join(format!("{}.pkg.tar.zst", expected.sha256));
        if fs::metadata(&whole).is_ok_and(|found| found.len() == expected.size) {
            return Ok(whole);
        }
        fs::create_dir_all(cache)?;
        let part = cache.join(format!("{}.part", expected.sha256));
        let mut file = fs::OpenOptions::new().create(true).append(true).open(&part)?;
        // Two at once would write into each other's file.
        file.file().lock()?;
        let begun = file.metadata()?.len();
        if begun > expected.size {
            file.set_len(0)?;
        }
        let length = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
        persist(|| self.complete(name, &mut file, expected.size, told), || length(&part))?;
        if digest::of_file(&part)?.sha256 != expected.sha256 && begun > 0 {
            // What was there before may have been another's: once from the beginning.
            file.set_len(0)?;
            persist(|| self.complete(name, &mut file, expected.size, told), || length(&part))?;
        }
        if digest::of_file(&part)?.sha256 != expected.sha256 {
            fs::remove_file(&part)?;
            return Err(io::Error::new(ErrorKind::InvalidData, "it has other bytes than the index says"));
        }
        fs::rename(&part, &whole)?;
        Ok(whole)
    }
}

/// Gets a package archive at an address into the folder `cache`; `sha256` is its digest, where it is known, and `limit` the most bytes.
/// Without a digest only `https` will do: nothing else tells what it should be. `told` is called with how many bytes are here, of how
/// many if the server says so, whenever more have come.
///
/// # Errors
/// It is not there, cannot be got, is larger, or has another digest.
pub fn download(
    address: &str,
    sha256: Option<Sha256>,
    limit: u64,
    network: &Network,
    cache: &Path,
    told: &dyn Fn(u64, Option<u64>),
) -> io::Result<PathBuf> {
    if sha256.is_none() && !address.starts_with("https://") {
        let message =
            "nothing tells what it should be: use https, or put '#sha256=' and its digest behind the address";
        return Err(io::Error::new(ErrorKind::InvalidInput, message));
    }
    let (base, name) = address.rsplit_once('/').unwrap_or((address, ""));
    let http = Http { agent: agent(address, network, ANSWER)?, base: base.to_owned(), session: None };
    fs::create_dir_all(cache)?;
    // Nobody else's: without a digest nothing tells whether what an earlier one left belongs to it.
    let mut file = tempfile::Builder::new().suffix(".part").tempfile_in(cache)?;
    let attempt = || {
        let response = http.get(name, 0)?;
        file.as_file_mut().set_len(0).map_err(Failure::final_of)?;
        file.as_file_mut().rewind().map_err(Failure::final_of)?;
        let expected = response.body().content_length();
        let mut body = response.into_body().into_with_config().limit(u64::MAX).reader();
        let (mut buffer, mut size) = (vec![0; CHUNK], 0);
        loop {
            let count = body.read(&mut buffer).map_err(Failure::transient_of)?;
            size += count as u64;
            if size > limit {
                let message = format!("it has more than the {limit} bytes that a package may have");
                return Err(Failure::final_of(io::Error::new(ErrorKind::FileTooLarge, message)));
            }
            if count == 0 {
                return Ok(());
            }
            file.write_all(&buffer[..count]).map_err(Failure::final_of)?;
            told(size, expected);
        }
    };
    persist(attempt, || 0)?;
    let found = digest::of_file(file.path())?.sha256;
    if let Some(expected) = sha256.filter(|expected| *expected != found) {
        let message = format!("its digest is {found}, and should be {expected}");
        return Err(io::Error::new(ErrorKind::InvalidData, message));
    }
    let whole = cache.join(format!("{found}.pkg.tar.zst"));
    file.persist(&whole)?;
    Ok(whole)
}
