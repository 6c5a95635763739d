//! Who logs in to a registry: options of every command that asks one, and what they and the environment come to.

use std::collections::BTreeSet;
use std::io::{IsTerminal, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use medic_build::publish::registry::LoginSource;
use medic_image::credentials::{Credentials, Given, Made, Secret, Tags};

use crate::environment::{REGISTRY, credential_sources};
use crate::failure::Failure;

/// The most bytes of a password: tokens of AWS have some thousands.
const MAX_PASSWORD: u64 = 64 << 10;

/// How a registry is logged in to.
#[derive(Debug, Default, Args)]
pub struct Who {
    /// Log in to the registry by this name, with the password of --password-stdin [default: the environment, Docker's
    /// configuration and its helpers, AWS credentials for AWS ECR: docs/registries.md]
    #[arg(long, value_name = "NAME", requires = "password_stdin", help_heading = "Registry")]
    pub username: Option<String>,
    /// Read the password from standard input
    #[arg(long, requires = "username", help_heading = "Registry")]
    pub password_stdin: bool,
}

/// How a registry is logged in to by a command that pushes to it.
#[derive(Debug, Default, Args)]
pub struct LoginOptions {
    /// Who logs in.
    #[command(flatten)]
    pub who: Who,
    /// Make the repository before pushing, where the registry does not do that itself (AWS ECR): with tags that never
    /// change, and with each image looked through for known weaknesses; one that is there stays as it is
    #[arg(long, help_heading = "Registry")]
    pub create_repository: bool,
}

impl Who {
    /// Who logs in to these registries (`host` or `host:port`). The password is read from standard input.
    pub fn credentials(&self, hosts: &[&str]) -> Result<Credentials, Failure> {
        let given = match &self.username {
            Some(name) => Some(Given {
                host: None,
                name: name.clone(),
                password: read_password()?,
                origin: "--username and --password-stdin",
            }),
            None => None,
        };
        let sources = credential_sources(given)?;
        // A password goes to the registry that it is for, and to no other.
        let is_for_any = |given: &Option<Given>| given.as_ref().is_some_and(|given| given.host.is_none());
        let different: BTreeSet<_> = hosts.iter().collect();
        if different.len() > 1 && (is_for_any(&sources.given) || is_for_any(&sources.environment)) {
            return Err(Failure::Usage(format!(
                "one name and password cannot be for several registries: name the one in {REGISTRY}, or publish to each by itself"
            )));
        }
        Ok(Credentials::new(sources))
    }
}

impl LoginOptions {
    /// Whether any was given.
    pub fn is_given(&self) -> bool {
        self.who.username.is_some() || self.create_repository
    }

    /// Makes the repository, where that was wished for, and says so on standard error.
    pub fn make_repository(
        &self,
        credentials: &Credentials,
        host: &str,
        name: &str,
        tags: Tags<'_>,
    ) -> Result<(), Failure> {
        if !self.create_repository {
            return Ok(());
        }
        let said = match credentials.create_repository(host, name, tags)? {
            Made::New => "made",
            Made::Before => "there already",
            Made::ByPushing => "made by the registry when it is pushed to",
        };
        Ok(writeln!(std::io::stderr(), "{host}/{name}: {said}")?)
    }
}

/// What gives the login for a registry, whenever it is asked for: one that is got now, and a new one each time after that.
pub fn login_source(credentials: &Arc<Credentials>, host: &str) -> Result<LoginSource, Failure> {
    let first = Mutex::new(Some(credentials.login(host)?));
    let (credentials, host) = (Arc::clone(credentials), host.to_owned());
    Ok(Arc::new(move || {
        let first = first.lock().unwrap_or_else(PoisonError::into_inner).take();
        first.map_or_else(|| credentials.login(&host).map_err(std::io::Error::other), Ok)
    }))
}

/// The password on standard input, without the end of its line.
fn read_password() -> Result<Secret, Failure> {
    let input = std::io::stdin();
    if input.is_terminal() {
        let message = "--password-stdin reads the password from a pipe or a file: PROGRAM | cargo xtask …";
        return Err(Failure::Usage(message.to_owned()));
    }
    let mut text = String::new();
    input.lock().take(MAX_PASSWORD + 1).read_to_string(&mut text)?;
    let text = Secret::new(text);
    let password = text.expose();
    let password = password.strip_suffix('\n').unwrap_or(password);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() || text.expose().len() as u64 > MAX_PASSWORD {
        let message = "there is no password on standard input, which --password-stdin reads it from";
        return Err(Failure::Usage(message.to_owned()));
    }
    Ok(Secret::new(password))
}
