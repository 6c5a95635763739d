//! A client of OCI registries (OCI distribution specification 1.1) that puts things there: for the builder.
//!
//! | module | what it is for |
//! | --- | --- |
//! | [`mod@reference`] | where something is in a registry: `registry.example/team/app:1.0` |
//! | `exchange` | one request: redirects, who asks, what an answer means |
//! | `gate` | who asks: a login from a callback, a token for it, both renewed when they are over |
//! | `blobs` | blobs: asked for, mounted from another repository, uploaded whole and in one request |
//! | `manifests` | manifests by tag or digest; tags |
//! | `reading` | blobs as they come; what refers to a manifest |
//! | [`wait`] | what is tried again, and after how long |
//!
//! Uploads are one `POST` and one `PUT` each, the way that every registry knows: chunks (`PATCH`) are lost by some. A login is shown to the registry
//! and to the server of tokens that it names, and to no other host, wherever an upload or a download leads.

mod blobs;
mod error;
mod exchange;
mod gate;
mod manifests;
mod reading;
pub mod reference;
pub mod wait;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ureq::Agent;

pub use blobs::{Content, Placed};
pub use error::{RegistryError, Trouble};
pub use manifests::{Manifest, Name};
pub use reference::{Reference, ReferenceError, Tag};
pub use wait::{Machine, Waiting};

use crate::http::{self, Network};
use crate::session::Login;
use exchange::Exchange;
use gate::Gate;

/// Gives the login for a registry, or none. Asked before the first request that wants one, and once more when what it gave is not
/// good any more; may be called from any thread.
pub type LoginSource = Arc<dyn Fn() -> io::Result<Option<Login>> + Send + Sync>;

/// How long an answer may take to begin: a registry may first put away what it was sent.
const ANSWER: Duration = Duration::from_secs(300);

/// How a registry is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// With TLS.
    Https,
    /// Without.
    Http,
}

impl Scheme {
    /// As an address begins.
    pub fn text(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }

    /// How the registry at a host is spoken to: with TLS; on this machine itself without, unless what listens there wants TLS.
    /// Only a host of this machine is asked, and told nothing.
    ///
    /// # Errors
    /// The certificates or the proxy's address cannot be used.
    pub fn of(host: &str, network: &Network) -> io::Result<Self> {
        if !reference::is_this_machine(host) {
            return Ok(Self::Https);
        }
        let agent = http::agent(&format!("http://{host}"), network, Duration::from_secs(5))?;
        // A server that speaks TLS answers 'Bad Request', or with something that is no answer; one that is not there is spoken
        // to as most registries of this machine are.
        Ok(match agent.get(format!("http://{host}/v2/")).call() {
            Ok(answer) if answer.status().as_u16() == 400 => Self::Https,
            Err(ureq::Error::Protocol(_)) => Self::Https,
            Err(ureq::Error::Io(error)) if error.kind() != io::ErrorKind::ConnectionRefused => Self::Https,
            _ => Self::Http,
        })
    }
}

/// One repository in a registry. May be used from several threads at once.
pub struct Client {
    host: String,
    name: String,
    exchange: Exchange,
    waiting: Arc<dyn Waiting>,
    /// Whether it has ever answered: whoever never does gets less patience.
    reached: AtomicBool,
}

impl Client {
    /// The repository `name` at `host` (`registry.example:5000`).
    ///
    /// # Errors
    /// The certificates or the proxy's address cannot be used.
    pub fn new(
        scheme: Scheme,
        host: &str,
        name: &str,
        network: &Network,
        login: LoginSource,
        waiting: Arc<dyn Waiting>,
    ) -> io::Result<Self> {
        let origin = format!("{}://{host}", scheme.text());
        let agent: Agent = http::agent(&origin, network, ANSWER)?;
        Ok(Self {
            host: host.to_owned(),
            name: name.to_owned(),
            exchange: Exchange { agent, base: format!("{origin}/v2/{name}"), origin, gate: Gate::new(login) },
            waiting,
            reached: AtomicBool::new(false),
        })
    }

    /// The repository of a reference; as [`Client::new`].
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn of(
        reference: &Reference,
        scheme: Scheme,
        network: &Network,
        login: LoginSource,
        waiting: Arc<dyn Waiting>,
    ) -> io::Result<Self> {
        Self::new(scheme, reference.host(), reference.repository(), network, login, waiting)
    }

    /// The registry's host, as it is asked.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The repository's name in the registry.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Tries until it is done, cannot be, or was tried often enough. The attempt is told its number, from 0.
    fn persist<T>(&self, mut attempt: impl FnMut(u32) -> Result<T, Trouble>) -> Result<T, RegistryError> {
        wait::persist(&*self.waiting, |number| {
            let result = attempt(number);
            let heard = result.as_ref().err().is_none_or(|trouble| trouble.error.is_an_answer());
            if heard {
                self.reached.store(true, Ordering::Relaxed);
            }
            result.map_err(|trouble| Trouble {
                is_first_contact: !self.reached.load(Ordering::Relaxed),
                ..trouble
            })
        })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base", &self.exchange.base).finish_non_exhaustive()
    }
}
