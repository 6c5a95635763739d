//! A role that is taken on with the token of a web identity: from a file, which Kubernetes and others keep fresh, or from GitHub, which
//! gives one to each job that may have it (`permissions: id-token: write`).

use medic_repository::http::ask::{Question, ask};

use super::super::error::CredentialError;
use super::super::secret::{Secret, words};
use super::sts::{self, Role, escape};
use super::{Context, Origin, read_token};

pub(super) fn keys(
    context: Context<'_>,
    looked_at: &mut Vec<String>,
) -> Result<Option<Origin>, CredentialError> {
    let aws = &context.sources.aws;
    let Some(arn) = aws.role_arn.as_deref() else {
        looked_at.push(match (&aws.web_identity_token_file, &aws.github_url) {
            (None, None) => "AWS_ROLE_ARN is not set".to_owned(),
            (Some(_), _) => "AWS_WEB_IDENTITY_TOKEN_FILE is set, and AWS_ROLE_ARN is not".to_owned(),
            (None, Some(_)) => {
                "GitHub would give this job an identity, and AWS_ROLE_ARN is not set".to_owned()
            }
        });
        return Ok(None);
    };
    let (token, whose) = if let Some(path) = &aws.web_identity_token_file {
        (read_token(path, "AWS_WEB_IDENTITY_TOKEN_FILE")?, "a web identity")
    } else if let (Some(url), Some(bearer)) = (&aws.github_url, &aws.github_token) {
        (of_github(context, url, bearer)?, "GitHub's identity of this job")
    } else {
        looked_at.push(
            "AWS_ROLE_ARN is set, but neither AWS_WEB_IDENTITY_TOKEN_FILE nor, in a job of GitHub, the permission 'id-token: write'"
                .to_owned(),
        );
        return Ok(None);
    };
    let role = Role { arn, session: aws.role_session_name.as_deref(), ..Role::default() };
    let keys = sts::with_identity(context, &role, &token)?;
    Ok(Some((keys, format!("the role {arn} by {whose}"))))
}

/// Asks GitHub for the token of a job's identity, made for AWS.
fn of_github(context: Context<'_>, url: &str, bearer: &Secret) -> Result<Secret, CredentialError> {
    let mut url = url.to_owned();
    url.push_str(if url.contains('?') { "&audience=" } else { "?audience=" });
    escape(context.registry.audience(), &mut url);
    let failed =
        |why: String| CredentialError::Keys { origin: "GitHub's identity of this job".to_owned(), why };
    let authorization = Secret::new(format!("Bearer {}", bearer.expose()));
    let headers = [("Authorization", authorization.expose()), ("Accept", "application/json")];
    let question = Question { method: "GET", url: &url, headers: &headers, body: b"", within: None };
    let answer = ask(&question, &context.sources.network)
        .map_err(|error| failed(words(&error.to_string(), &[bearer])))?;
    if answer.status != 200 {
        return Err(failed(format!("the server that gives it answers {}", answer.status)));
    }
    let document: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let token = document["value"].as_str().filter(|token| !token.is_empty());
    token
        .map(Secret::new)
        .ok_or_else(|| failed("the server that gives it answers without a token".to_owned()))
}
