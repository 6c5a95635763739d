//! Where logins may come from: a plain value, filled from the environment by the command line.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use medic_repository::Network;

use super::secret::Secret;

/// Where logins may come from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// What was given with the command; it is asked first.
    pub given: Option<Given>,
    /// What the environment has: `MEDIC_OS_REGISTRY_USERNAME`, `MEDIC_OS_REGISTRY_PASSWORD`, and `MEDIC_OS_REGISTRY` for the host.
    pub environment: Option<Given>,
    /// The text of a Docker configuration that an environment variable holds (`DOCKER_AUTH_CONFIG`), as Docker and GitLab have it.
    pub docker_text: Option<Secret>,
    /// Docker's configuration; it need not be there.
    pub docker_file: Option<PathBuf>,
    /// The folders in which programs are looked for, as in `PATH`.
    pub search_path: OsString,
    /// Where AWS credentials may come from.
    pub aws: AwsSources,
    /// How servers are reached.
    pub network: Network,
    /// The time of day, which signatures hold.
    pub clock: fn() -> SystemTime,
}

/// A name and a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The registry that they are for; without, whichever is asked.
    pub host: Option<String>,
    /// The name.
    pub name: String,
    /// The password.
    pub password: Secret,
    /// Where they come from, for messages.
    pub origin: &'static str,
}

/// Where AWS credentials may come from: what AWS's own programs read of the environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AwsSources {
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: Option<String>,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: Option<Secret>,
    /// `AWS_SESSION_TOKEN`.
    pub session_token: Option<Secret>,
    /// `AWS_PROFILE`; without, `default`.
    pub profile: Option<String>,
    /// `AWS_SHARED_CREDENTIALS_FILE`, else `~/.aws/credentials`.
    pub credentials_file: Option<PathBuf>,
    /// `AWS_CONFIG_FILE`, else `~/.aws/config`.
    pub config_file: Option<PathBuf>,
    /// `AWS_ROLE_ARN`: the role that is taken on with a web identity.
    pub role_arn: Option<String>,
    /// `AWS_ROLE_SESSION_NAME`.
    pub role_session_name: Option<String>,
    /// `AWS_WEB_IDENTITY_TOKEN_FILE`.
    pub web_identity_token_file: Option<PathBuf>,
    /// `ACTIONS_ID_TOKEN_REQUEST_URL`: where GitHub gives a job the token of its identity.
    pub github_url: Option<String>,
    /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN`.
    pub github_token: Option<Secret>,
    /// `AWS_CONTAINER_CREDENTIALS_FULL_URI`.
    pub container_full_uri: Option<String>,
    /// `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`.
    pub container_relative_uri: Option<String>,
    /// `AWS_CONTAINER_AUTHORIZATION_TOKEN`.
    pub container_token: Option<Secret>,
    /// `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`.
    pub container_token_file: Option<PathBuf>,
    /// `AWS_EC2_METADATA_SERVICE_ENDPOINT`; without, where every instance has it.
    pub instance_endpoint: Option<String>,
    /// `AWS_EC2_METADATA_DISABLED`.
    pub is_instance_disabled: bool,
    /// `AWS_ENDPOINT_URL_ECR`, else `AWS_ENDPOINT_URL`: in place of AWS's own interfaces.
    pub ecr_endpoint: Option<String>,
    /// `AWS_ENDPOINT_URL_ECR_PUBLIC`, else `AWS_ENDPOINT_URL`.
    pub ecr_public_endpoint: Option<String>,
    /// `AWS_ENDPOINT_URL_STS`, else `AWS_ENDPOINT_URL`.
    pub sts_endpoint: Option<String>,
}

impl AwsSources {
    /// As AWS's own programs have it from the environment, which `variable` gives, and below the user's home. Empty ones are none.
    pub fn of_variables(variable: &dyn Fn(&str) -> Option<String>, home: Option<&Path>) -> Self {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let path = |name: &str| variable(name).map(PathBuf::from);
        let secret = |name: &str| variable(name).map(Secret::new);
        let is_true = |name: &str| variable(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let at_home = |name: &str| home.map(|home| home.join(".aws").join(name));
        let ignored = is_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
        let endpoint = |name: &str| {
            let own = variable(&format!("AWS_ENDPOINT_URL_{name}"));
            own.or_else(|| variable("AWS_ENDPOINT_URL")).filter(|_| !ignored)
        };
        Self {
            access_key_id: variable("AWS_ACCESS_KEY_ID"),
            secret_access_key: secret("AWS_SECRET_ACCESS_KEY"),
            session_token: secret("AWS_SESSION_TOKEN"),
            profile: variable("AWS_PROFILE"),
            credentials_file: path("AWS_SHARED_CREDENTIALS_FILE").or_else(|| at_home("credentials")),
            config_file: path("AWS_CONFIG_FILE").or_else(|| at_home("config")),
            role_arn: variable("AWS_ROLE_ARN"),
            role_session_name: variable("AWS_ROLE_SESSION_NAME"),
            web_identity_token_file: path("AWS_WEB_IDENTITY_TOKEN_FILE"),
            github_url: variable("ACTIONS_ID_TOKEN_REQUEST_URL"),
            github_token: secret("ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
            container_full_uri: variable("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
            container_relative_uri: variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
            container_token: secret("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
            container_token_file: path("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
            instance_endpoint: variable("AWS_EC2_METADATA_SERVICE_ENDPOINT"),
            is_instance_disabled: is_true("AWS_EC2_METADATA_DISABLED"),
            ecr_endpoint: endpoint("ECR"),
            ecr_public_endpoint: endpoint("ECR_PUBLIC"),
            sts_endpoint: endpoint("STS"),
        }
    }
}
