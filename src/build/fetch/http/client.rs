//! The HTTP client: made when it is first needed, since reading the system's certificates takes a while.

use std::sync::{Arc, OnceLock};

use reqwest::blocking::{Client, ClientBuilder};
use reqwest::redirect::Policy;
use rustls::{ClientConfig, RootCertStore};

use crate::fetch::{Access, FetchError, Limits, Proxy};

/// One client for all workers.
#[derive(Debug)]
pub(in crate::fetch) struct Http {
    proxy: Proxy,
    user_agent: String,
    limits: Limits,
    client: OnceLock<Result<Client, String>>,
}

impl Http {
    pub(in crate::fetch) fn new(access: &Access, limits: &Limits) -> Self {
        Self {
            proxy: access.proxy.clone(),
            user_agent: access.user_agent.clone(),
            limits: *limits,
            client: OnceLock::new(),
        }
    }

    pub(super) fn client(&self) -> Result<&Client, FetchError> {
        let made = self.client.get_or_init(|| self.make());
        made.as_ref().map_err(|message| FetchError::Setup(message.clone()))
    }

    fn make(&self) -> Result<Client, String> {
        let builder = Client::builder()
            .user_agent(&self.user_agent)
            .connect_timeout(self.limits.connect)
            // Of each wait, not of the whole download. Longer than `stall`, which the worker watches itself; this
            // one ends the thread of a download that has been given up.
            .timeout((self.limits.stall + self.limits.connect) * 2)
            .redirect(Policy::limited(self.limits.redirects))
            .tls_backend_preconfigured(tls()?);
        self.proxied(builder)?.build().map_err(|error| super::stream::message(&error))
    }

    fn proxied(&self, builder: ClientBuilder) -> Result<ClientBuilder, String> {
        Ok(match &self.proxy {
            Proxy::System => builder,
            Proxy::None => builder.no_proxy(),
            Proxy::Url(url) => {
                let proxy = reqwest::Proxy::all(url)
                    .map_err(|error| format!("the proxy '{url}' is not an address: {error}"))?;
                builder.proxy(proxy)
            }
        })
    }
}

/// TLS by rustls with ring, trusting what the system trusts (an organisation's own authority, too).
fn tls() -> Result<ClientConfig, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let errors: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        return Err(format!(
            "the system has no root certificates; install the package 'ca-certificates' {}",
            errors.join("; ")
        ));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
