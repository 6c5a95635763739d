//! AWS: a login for one of its registries, with the first credentials that are found, in the order of AWS's own programs.
//!
//! 1. access key, secret and session token in the environment
//! 2. a role, with the token of a web identity in a file (Kubernetes, GitLab), or with the one that GitHub gives a job
//! 3. a profile: a role, keys, or a program that gives some
//! 4. what the container's service gives (ECS, EKS)
//! 5. what the instance's service gives (EC2, version 2 of it only)

mod ecr;
mod files;
mod identity;
mod metadata;
mod profile;
mod registry;
mod sign;
mod sts;

pub use ecr::{Made, Tags};
pub use registry::AwsRegistry;

use std::path::Path;

use super::docker::login as login_of;
use super::error::CredentialError;
use super::secret::Secret;
use super::sources::Sources;
use super::{Found, Login};

/// Keys that requests to AWS are signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Keys {
    /// The number of the key, which is no secret.
    id: String,
    secret: Secret,
    /// With keys that are good for a time.
    token: Option<Secret>,
}

impl Keys {
    fn secrets(&self) -> Vec<&Secret> {
        [Some(&self.secret), self.token.as_ref()].into_iter().flatten().collect()
    }
}

/// Keys, and where they come from, for people.
type Origin = (Keys, String);

/// A source of keys; none where it has none, and then what was found there is told.
type Step = fn(Context<'_>, &mut Vec<String>) -> Result<Option<Origin>, CredentialError>;

/// What one registry is asked for with.
#[derive(Clone, Copy)]
struct Context<'a> {
    sources: &'a Sources,
    registry: &'a AwsRegistry,
}

/// A login for a registry.
pub(super) fn login(sources: &Sources, registry: &AwsRegistry, host: &str) -> Result<Found, CredentialError> {
    let context = Context { sources, registry };
    let (keys, origin) = find(context, host)?;
    let login = ecr::token(context, &keys)?;
    Ok(Found { login, origin: format!("AWS, with {origin}") })
}

/// Makes a repository.
pub(super) fn create_repository(
    sources: &Sources,
    registry: &AwsRegistry,
    host: &str,
    name: &str,
    tags: Tags<'_>,
) -> Result<Made, CredentialError> {
    let context = Context { sources, registry };
    let (keys, _) = find(context, host)?;
    ecr::create(context, &keys, host, name, tags)
}

/// The first keys that there are.
fn find(context: Context<'_>, host: &str) -> Result<Origin, CredentialError> {
    let steps: [Step; 5] =
        [of_environment, identity::keys, profile::keys, metadata::of_container, metadata::of_instance];
    let mut looked_at = Vec::new();
    for step in steps {
        if let Some(found) = step(context, &mut looked_at)? {
            return Ok(found);
        }
    }
    Err(CredentialError::NoKeys { host: host.to_owned(), looked_at })
}

fn of_environment(
    context: Context<'_>,
    looked_at: &mut Vec<String>,
) -> Result<Option<Origin>, CredentialError> {
    let aws = &context.sources.aws;
    let origin = "the keys in the environment";
    let half =
        |why: &str| Err(CredentialError::Keys { origin: "the environment".to_owned(), why: why.to_owned() });
    match (&aws.access_key_id, &aws.secret_access_key) {
        (Some(id), Some(secret)) => {
            let keys = Keys { id: id.clone(), secret: secret.clone(), token: aws.session_token.clone() };
            Ok(Some((keys, origin.to_owned())))
        }
        (Some(_), None) => half("AWS_ACCESS_KEY_ID is set, and AWS_SECRET_ACCESS_KEY is not"),
        (None, Some(_)) => half("AWS_SECRET_ACCESS_KEY is set, and AWS_ACCESS_KEY_ID is not"),
        (None, None) => {
            looked_at.push("AWS_ACCESS_KEY_ID is not set".to_owned());
            Ok(None)
        }
    }
}

/// The text of a file that holds a token, without the white space around it.
fn read_token(path: &Path, origin: &str) -> Result<Secret, CredentialError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Secret::new(Secret::new(text).expose().trim())),
        Err(source) => {
            Err(CredentialError::File { path: path.to_owned(), origin: origin.to_owned(), source })
        }
    }
}

/// The keys in a document such as a service of metadata or a program gives; the session token stands under `token`.
fn keys_in(document: &[u8], token: &str) -> Option<Keys> {
    let document: serde_json::Value = serde_json::from_slice(document).ok()?;
    let text = |name: &str| document[name].as_str().filter(|text| !text.is_empty());
    Some(Keys {
        id: text("AccessKeyId")?.to_owned(),
        secret: Secret::new(text("SecretAccessKey")?),
        token: text(token).map(Secret::new),
    })
}

/// `name:password` of a token that a registry of AWS takes.
fn login_in(token: &str) -> Option<Login> {
    use base64::Engine as _;
    let decoded = base64::engine::general_purpose::STANDARD.decode(token).ok()?;
    let both = Secret::new(String::from_utf8(decoded).ok()?);
    let (name, password) = both.expose().split_once(':')?;
    Some(login_of(name, &Secret::new(password)))
}
