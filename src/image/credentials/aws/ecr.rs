//! The registry's own interface (JSON 1.1): a token to log in with, and repositories.

use medic_repository::http::ask::Question;
use serde_json::{Value, json};

use super::super::error::CredentialError;
use super::super::secret::words;
use super::super::{Login, Secret};
use super::sign::ask_signed;
use super::{AwsRegistry, Context, Keys, login_in, sts};

/// What becomes of a tag that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tags<'a> {
    /// It leads to the same image for ever.
    Immutable,
    /// So do all but these, of which there may be five.
    ImmutableBut(&'a [&'a str]),
}

/// How a repository came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// It was made.
    New,
    /// It was there.
    Before,
    /// The registry makes it when something is pushed to it.
    ByPushing,
}

/// Makes a token, and takes the login out of it.
pub(super) fn token(context: Context<'_>, keys: &Keys) -> Result<Login, CredentialError> {
    let what = "GetAuthorizationToken";
    let answer = call(context, keys, what, &json!({}))?.map_err(|refused| refused.error)?;
    let data = &answer["authorizationData"];
    // One for each registry that was asked for, but of the public registry, of which there is one.
    let token = data[0]["authorizationToken"].as_str().or_else(|| data["authorizationToken"].as_str());
    token.and_then(login_in).ok_or_else(|| CredentialError::Api {
        what,
        url: endpoint(context),
        why: "its answer holds no token".to_owned(),
    })
}

/// Makes a repository, unless it is there.
pub(super) fn create(
    context: Context<'_>,
    keys: &Keys,
    host: &str,
    name: &str,
    tags: Tags<'_>,
) -> Result<Made, CredentialError> {
    let wanted = repository(context.registry, name, tags).ok_or_else(|| CredentialError::Name {
        host: host.to_owned(),
        name: name.to_owned(),
        why: "it is <the registry's alias>/<repository> there",
    })?;
    match call(context, keys, "CreateRepository", &wanted)? {
        Ok(_) => Ok(Made::New),
        Err(refused) if refused.code == "RepositoryAlreadyExistsException" => Ok(Made::Before),
        Err(refused) => Err(refused.error),
    }
}

/// What a repository is to be; none where the name cannot be that of one.
fn repository(registry: &AwsRegistry, name: &str, tags: Tags<'_>) -> Option<Value> {
    let AwsRegistry::Private { account, .. } = registry else {
        // The public registry knows neither immutable tags nor looking through at will.
        let (alias, name) = name.split_once('/')?;
        return (!alias.is_empty() && !name.is_empty()).then(|| json!({"repositoryName": name}));
    };
    let mut wanted = json!({
        "registryId": account,
        "repositoryName": name,
        "imageTagMutability": "IMMUTABLE",
        "imageScanningConfiguration": {"scanOnPush": true},
    });
    if let Tags::ImmutableBut(tags) = tags
        && !tags.is_empty()
    {
        let filter = |tag| json!({"filterType": "WILDCARD", "filter": tag});
        wanted["imageTagMutability"] = json!("IMMUTABLE_WITH_EXCLUSION");
        wanted["imageTagMutabilityExclusionFilters"] = tags.iter().map(filter).collect();
    }
    Some(wanted)
}

/// A refusal, and AWS's name for it.
struct Refused {
    code: String,
    error: CredentialError,
}

fn endpoint(context: Context<'_>) -> String {
    let aws = &context.sources.aws;
    let own = match context.registry {
        AwsRegistry::Private { .. } => &aws.ecr_endpoint,
        AwsRegistry::Public => &aws.ecr_public_endpoint,
    };
    own.clone().unwrap_or_else(|| context.registry.api())
}

fn call(
    context: Context<'_>,
    keys: &Keys,
    what: &'static str,
    wanted: &Value,
) -> Result<Result<Value, Refused>, CredentialError> {
    let (service, version) = match context.registry {
        AwsRegistry::Private { .. } => ("ecr", "AmazonEC2ContainerRegistry_V20150921"),
        AwsRegistry::Public => ("ecr-public", "SpencerFrontendService"),
    };
    let (url, target, body) = (endpoint(context), format!("{version}.{what}"), wanted.to_string());
    let failed = |why: String| CredentialError::Api { what, url: url.clone(), why };
    let headers = [("Content-Type", "application/x-amz-json-1.1"), ("X-Amz-Target", &*target)];
    let question =
        Question { method: "POST", url: &url, headers: &headers, body: body.as_bytes(), within: None };
    let answer = ask_signed(context, service, keys, &question).map_err(failed)?;
    let secrets = keys.secrets();
    let text = Secret::new(String::from_utf8_lossy(&answer.body));
    let document: Value = serde_json::from_str(text.expose()).unwrap_or_default();
    if answer.status == 200 {
        return Ok(Ok(document));
    }
    // Some of AWS's servers put a namespace before the name, and an address behind it.
    let code = document["__type"].as_str().unwrap_or_default();
    let code = code.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default();
    let message = document["message"].as_str().or_else(|| document["Message"].as_str());
    let why = match (code, words(message.unwrap_or_default(), &secrets)) {
        // What stands before the interface answers as others do.
        ("", _) => sts::refusal(&answer, text.expose(), &secrets),
        (code, message) if message.is_empty() => words(code, &secrets),
        (code, message) => format!("{}: {message}", words(code, &secrets)),
    };
    Ok(Err(Refused { code: code.to_owned(), error: failed(why) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_asked_for_with_immutable_tags_and_scan_on_push() {
        let host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
        let private = AwsRegistry::of_host(host).expect("a registry");
        assert_eq!(
            repository(&private, "medic/nginx", Tags::Immutable),
            Some(json!({
                "registryId": "123456789012",
                "repositoryName": "medic/nginx",
                "imageTagMutability": "IMMUTABLE",
                "imageScanningConfiguration": {"scanOnPush": true},
            }))
        );
        let but = repository(&private, "medic/packages", Tags::ImmutableBut(&["index"])).expect("one");
        assert_eq!(but["imageTagMutability"], "IMMUTABLE_WITH_EXCLUSION");
        let filters = json!([{"filterType": "WILDCARD", "filter": "index"}]);
        assert_eq!(but["imageTagMutabilityExclusionFilters"], filters);
        assert_eq!(
            repository(&private, "a", Tags::ImmutableBut(&[])),
            repository(&private, "a", Tags::Immutable)
        );
        let public = |name| repository(&AwsRegistry::Public, name, Tags::Immutable);
        assert_eq!(public("alias/medic/nginx"), Some(json!({"repositoryName": "medic/nginx"})));
        for bad in ["nginx", "/nginx", "alias/"] {
            assert_eq!(public(bad), None, "{bad}");
        }
    }
}
