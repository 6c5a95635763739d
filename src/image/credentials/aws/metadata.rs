//! Keys that the place gives in which the program runs: the service of a container (ECS, EKS), or that of an instance (EC2).
//!
//! Both are asked over the machine's own links, so never through a proxy.

use std::time::Duration;

use medic_repository::Network;
use medic_repository::http::ask::{Answer, Question, ask};

use super::super::error::CredentialError;
use super::super::secret::{Secret, words};
use super::{Context, Origin, keys_in, read_token};

/// Where containers of ECS have the service, and all that may be asked by plain http: ECS, and EKS in both protocols of the internet.
const CONTAINER: &str = "http://169.254.170.2";
const CONTAINER_HOSTS: [&str; 3] = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"];
const LOOPBACK: [&str; 2] = ["localhost", "[::1]"];
/// Where instances have it.
const INSTANCE: &str = "http://169.254.169.254";
const TOKEN: &str = "/latest/api/token";
const KEYS: &str = "/latest/meta-data/iam/security-credentials/";
/// A service that is there answers within milliseconds; where there is none, nobody may wait for long.
const CONTAINER_PATIENCE: Duration = Duration::from_secs(5);
const INSTANCE_PATIENCE: Duration = Duration::from_secs(1);

/// Of the container's service.
pub(super) fn of_container(
    context: Context<'_>,
    looked_at: &mut Vec<String>,
) -> Result<Option<Origin>, CredentialError> {
    let aws = &context.sources.aws;
    let (url, name) = match (&aws.container_relative_uri, &aws.container_full_uri) {
        (Some(path), _) => (format!("{CONTAINER}{path}"), "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
        (None, Some(url)) => (url.clone(), "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        (None, None) => {
            looked_at.push("AWS_CONTAINER_CREDENTIALS_FULL_URI and …_RELATIVE_URI are not set".to_owned());
            return Ok(None);
        }
    };
    let failed =
        |why: String| CredentialError::Keys { origin: format!("the container's service ({name})"), why };
    if !may_be_asked(&url) {
        let why = "over plain http only this machine itself and the addresses of ECS and EKS are asked";
        return Err(failed(why.to_owned()));
    }
    let token = match (&aws.container_token_file, &aws.container_token) {
        (Some(path), _) => Some(read_token(path, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")?),
        (None, token) => token.clone(),
    };
    let headers: Vec<_> = token.iter().map(|token| ("Authorization", token.expose())).collect();
    let answer = get(context, &url, &headers, CONTAINER_PATIENCE);
    let secrets: Vec<&Secret> = token.iter().collect();
    let answer = answer.map_err(|error| failed(words(&error.to_string(), &secrets)))?;
    if answer.status != 200 {
        return Err(failed(format!("it answers {}", answer.status)));
    }
    let keys = keys_in(&answer.body, "Token").ok_or_else(|| failed("its answer holds no keys".to_owned()))?;
    Ok(Some((keys, "the keys that the container's service gives".to_owned())))
}

/// Whether an address may be told the container's token: by https, or without leaving the machine.
fn may_be_asked(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return url.starts_with("https://") };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // What stands before an '@' is no host.
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let is_loopback = host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback());
    is_loopback || LOOPBACK.contains(&host) || CONTAINER_HOSTS.contains(&host)
}

/// Of the instance's service, in its second version: with a token, so that nobody can be made to ask it unawares.
pub(super) fn of_instance(
    context: Context<'_>,
    looked_at: &mut Vec<String>,
) -> Result<Option<Origin>, CredentialError> {
    let aws = &context.sources.aws;
    if aws.is_instance_disabled {
        looked_at.push("AWS_EC2_METADATA_DISABLED is true".to_owned());
        return Ok(None);
    }
    let base = aws.instance_endpoint.as_deref().unwrap_or(INSTANCE).trim_end_matches('/');
    let nobody = format!("no instance of AWS answers at {base}");
    let lifetime = [("X-aws-ec2-metadata-token-ttl-seconds", "300")];
    let url = format!("{base}{TOKEN}");
    let question =
        Question { method: "PUT", url: &url, headers: &lifetime, body: b"", within: Some(INSTANCE_PATIENCE) };
    let token = match ask(&question, &direct(context)) {
        Ok(Answer { status: 200, body }) => Secret::new(String::from_utf8_lossy(&body).trim()),
        Ok(_) | Err(_) => {
            looked_at.push(nobody);
            return Ok(None);
        }
    };
    let failed =
        |why: String| CredentialError::Keys { origin: format!("the instance's service at {base}"), why };
    let headers = [("X-aws-ec2-metadata-token", token.expose())];
    let read = |name: &str| {
        let answer = get(context, &format!("{base}{KEYS}{name}"), &headers, INSTANCE_PATIENCE);
        answer.map_err(|error| failed(words(&error.to_string(), &[&token])))
    };
    let roles = read("")?;
    let role = String::from_utf8_lossy(&roles.body).lines().next().unwrap_or_default().trim().to_owned();
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"+=,.@_-".contains(&b))
    };
    if roles.status != 200 || !is_name(&role) {
        looked_at.push("this instance of AWS has no role".to_owned());
        return Ok(None);
    }
    let answer = read(&role)?;
    let keys = keys_in(&answer.body, "Token").filter(|_| answer.status == 200);
    let keys = keys.ok_or_else(|| failed(format!("it gives no keys for the instance's role '{role}'")))?;
    Ok(Some((keys, format!("the keys of the instance's role '{role}'"))))
}

fn get(
    context: Context<'_>,
    url: &str,
    headers: &[(&str, &str)],
    patience: Duration,
) -> std::io::Result<Answer> {
    let question = Question { method: "GET", url, headers, body: b"", within: Some(patience) };
    ask(&question, &direct(context))
}

fn direct(context: Context<'_>) -> Network {
    Network { authorities: context.sources.network.authorities.clone(), ..Network::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_containers_token_does_not_leave_the_machine_unprotected() {
        for good in [
            "https://example/x",
            "http://127.0.0.1:8080/x",
            "http://127.9.9.9",
            "http://localhost/x",
            "http://[::1]:80/x",
            "http://169.254.170.2/x",
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::23]/v1/credentials",
        ] {
            assert!(may_be_asked(good), "{good}");
        }
        for bad in [
            "http://example/x",
            "http://169.254.169.254/x",
            "http://localhost@example/x",
            "http://127.0.0.1@example/x",
            "http://127.0.0.1:80@example/x",
            "http://example:80/127.0.0.1",
            "http://127.0.0.1.example/",
            "ftp://127.0.0.1/",
            "127.0.0.1",
            "",
        ] {
            assert!(!may_be_asked(bad), "{bad}");
        }
    }
}
